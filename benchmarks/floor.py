"""The floor: the same answers into a fresh database with the standard library and DuckDB alone, unchecked.

    python benchmarks/floor.py http://127.0.0.1:7002 fresh.db TANT TTZ …

Whatever klk-daemon takes beyond this pays for what it promises: checks, limits, retries, history, ledger, logs.
"""

import http.client
import json
import sys
import threading
from collections.abc import Mapping, Sequence

import duckdb

ARTICULOS, VENTAS = "/maestra/articulos/almacen", "/ventas"
ROWS = [
    {
        "NombreProducto": "VARCHAR",
        "Codigo": "VARCHAR",
        "Barra": "VARCHAR",
        "Categoria": "VARCHAR",
        "Descripcion": "VARCHAR",
        "Subcategoria": "VARCHAR",
        "Descripcion_categoria": "VARCHAR",
        "Marca": "VARCHAR",
        "Precio": "DECIMAL(18, 6)",
        "Iva": "DECIMAL(18, 6)",
        "stock": "DECIMAL(18, 4)",
    }
]
COLUMNS = ", ".join(f"{name} {kind}" for name, kind in ROWS[0].items())
FIELDS = ", ".join(f"a.{name}" for name in ROWS[0])


def work(url: str, path: str, almacenes: Sequence[str]) -> int:
    """Fetches all warehouses side by side and inserts them. Returns the rows."""
    answers = fetch(url, ARTICULOS, stock(almacenes))
    with duckdb.connect(path) as con:
        con.execute("BEGIN")
        con.execute(f"CREATE TABLE stock (almacen VARCHAR, {COLUMNS})")
        for almacen in almacenes:
            con.execute(
                f"INSERT INTO stock SELECT ?, {FIELDS} FROM (SELECT unnest(from_json(?, ?).articulos) AS a)",
                [almacen, answers[almacen].decode(), json.dumps({"articulos": ROWS})],
            )
        con.execute("COMMIT")
        row = con.execute("SELECT count(*) FROM stock").fetchone()
    assert row is not None  # a count is always one row
    return int(row[0])


def stock(almacenes: Sequence[str]) -> dict[str, object]:
    """What to ask for the articles of warehouses."""
    return {almacen: {"Codigoalmacen": almacen} for almacen in almacenes}


def fetch(url: str, path: str, bodies: Mapping[str, object]) -> dict[str, bytes]:
    """Posts all bodies to a route, side by side; the answers, under the same names."""
    answers: dict[str, bytes] = {}

    def one(name: str, body: object) -> None:
        connection = http.client.HTTPConnection(url.removeprefix("http://"))
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answers[name] = connection.getresponse().read()
        connection.close()

    threads = [threading.Thread(target=one, args=item) for item in bodies.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


if __name__ == "__main__":
    print(work(sys.argv[1], sys.argv[2], sys.argv[3:]))
