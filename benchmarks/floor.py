"""The floor: the same answers into a fresh database with the standard library and DuckDB alone, unchecked.

    python benchmarks/floor.py http://127.0.0.1:7002 fresh.db TANT TTZ …

Whatever klk-daemon takes beyond this pays for what it promises: checks, limits, retries, history, ledger, logs.
"""

import http.client
import json
import sys
import threading
from collections.abc import Sequence

import duckdb

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
    answers: dict[str, bytes] = {}
    threads = [threading.Thread(target=_fetch, args=(url, almacen, answers)) for almacen in almacenes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
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


def _fetch(url: str, almacen: str, answers: dict[str, bytes]) -> None:
    connection = http.client.HTTPConnection(url.removeprefix("http://"))
    body = json.dumps({"Codigoalmacen": almacen})
    connection.request("POST", "/maestra/articulos/almacen", body, {"Content-Type": "application/json"})
    answers[almacen] = connection.getresponse().read()
    connection.close()


if __name__ == "__main__":
    print(work(sys.argv[1], sys.argv[2], sys.argv[3:]))
