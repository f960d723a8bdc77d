"""Stock, catalogue, stores and ledger of a legacy file, whose keys and foreign keys reject legal updates."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest
from duckdb import DuckDBPyConnection
from legado import plantilla
from wire_rows import articulo, cuerpo_articulos

from klk_daemon.domain import Conteo, Job, Tienda
from klk_daemon.errors import SnapshotSospechoso
from klk_daemon.klk import convert, wire
from klk_daemon.klk.answers import parse
from klk_daemon.warehouse import cobertura, ejecuciones, queries, stock
from klk_daemon.warehouse.productos import Catalogo

T0 = datetime(2025, 11, 17, 12, 30)  # noqa: DTZ001 - a store's wall clock


@pytest.fixture
def con(tmp_path: Path, legado: Path) -> Iterator[DuckDBPyConnection]:
    """A legacy file that was taken over, with 300 products that invoices refer to, 59 of them in stock."""
    shutil.copyfile(legado, tmp_path / "viejo.db")
    with duckdb.connect(str(tmp_path / "viejo.db")) as con:
        yield con


def cargar(con: DuckDBPyConnection, tienda: Tienda, almacenes: dict[str, range], *, precio: float = 6) -> Conteo:
    """A snapshot: warehouse to the numbers of its articles, with a quantity of 7 each."""
    lotes = {}
    for almacen, numeros in almacenes.items():
        filas = [articulo(Codigo=f"{n:06}", stock=7, Precio=precio) for n in numeros]
        lotes[almacen] = convert.articulos(almacen, parse(cuerpo_articulos(*filas), wire.ARTICULOS, "x")).filas
    (conteo,) = stock.cargar(con, [stock.preparar(tienda, lotes)], Catalogo(), min_ratio=0.5, now=T0)
    return conteo


def test_both_warehouses_and_old_products(con: DuckDBPyConnection, periferico: Tienda) -> None:
    """Products keep their ids and costs and get what KLK says; the warehouse that was overwritten has its rows."""
    assert cargar(con, periferico, {"APP-TPF": range(1, 41), "APP-PPF": range(20, 320)}).extraidos == 340
    rows = con.execute(
        "SELECT almacen_codigo, count(*), count(DISTINCT producto_id), min(fecha_actualizacion)"
        " FROM stock_actual WHERE ubicacion_id = 'tienda_01' GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert rows == [("APP-PPF", 300, 300, T0), ("APP-TPF", 40, 40, T0)]
    assert con.execute(
        "SELECT id, descripcion, CAST(precio_venta AS DOUBLE), CAST(costo_promedio AS DOUBLE), updated_at"
        " FROM productos WHERE codigo = '000030'"
    ).fetchall() == [("viejo-30", "ROMERO KG", 6, 1.5, T0)]
    assert con.execute("SELECT count(*) FROM productos WHERE id LIKE 'viejo-%'").fetchone() == (300,)
    assert con.execute("SELECT count(*) FROM productos").fetchone() == (319,)


def test_prices_that_the_old_columns_round_or_cannot_hold(con: DuckDBPyConnection, periferico: Tienda) -> None:
    """The catalogue has four decimals: that is no change at each run; the stock has the price whole."""
    cargar(con, periferico, {"APP-TPF": range(1, 41), "APP-PPF": range(1, 31)}, precio=1.234567)
    con.execute("UPDATE productos SET updated_at = TIMESTAMP '2020-01-01'")
    cargar(con, periferico, {"APP-TPF": range(1, 41), "APP-PPF": range(1, 31)}, precio=1.234567)
    assert con.execute("SELECT DISTINCT updated_at FROM productos").fetchall() == [(datetime(2020, 1, 1),)]  # noqa: DTZ001
    assert cargar(con, periferico, {"APP-TPF": range(1, 41), "APP-PPF": range(1, 31)}, precio=2e9).actualizados == 70
    assert con.execute("SELECT precio_venta FROM productos WHERE codigo = '000001'").fetchall() == [(None,)]
    held = "SELECT DISTINCT CAST(costo_promedio AS DOUBLE) FROM stock_actual WHERE ubicacion_id = 'tienda_01'"
    assert con.execute(held).fetchall() == [(2e9,)]


def test_rows_without_a_warehouse_do_not_linger(con: DuckDBPyConnection) -> None:
    """The next snapshot of their store takes their place."""
    artigas = Tienda("tienda_17", "ARTIGAS", "SUC003", ("TANT",))
    donde = "FROM stock_actual WHERE ubicacion_id = 'tienda_17'"
    assert con.execute(f"SELECT count(*), count(almacen_codigo) {donde}").fetchone() == (59, 0)
    assert cargar(con, artigas, {"TANT": range(1, 6)}) == Conteo(extraidos=5, insertados=5, eliminados=59)
    assert con.execute(f"SELECT almacen_codigo, count(*) {donde} GROUP BY 1").fetchall() == [("TANT", 5)]


def test_what_the_old_pipeline_left_behind_is_no_snapshot(con: DuckDBPyConnection, bosque: Tienda) -> None:
    """Of 59 rows 29 were written by its last run: fewer than half of those are too few, 15 are enough."""
    with pytest.raises(SnapshotSospechoso, match="29 are held"):
        cargar(con, bosque, {"APP-TBQ": range(1, 15)})
    assert cargar(con, bosque, {"APP-TBQ": range(1, 16)}).extraidos == 15


COMMIT_AND_DIE = """
import os, sys
from datetime import datetime
import duckdb
from klk_daemon.domain import Tienda
from klk_daemon.warehouse import ejecuciones, stock
from klk_daemon.warehouse.connection import CONFIG
from klk_daemon.warehouse.productos import Catalogo
n, now = int(sys.argv[2]), datetime(2025, 11, 17, 12, 30)
tienda = Tienda("tienda_08", f"BOSQUE {n}", "SUC002", ("APP-TBQ",))
ficha = dict.fromkeys(("codigo_barras", "descripcion", "categoria", "grupo", "subgrupo", "marca"), f"x{n}")
filas = [
    {**ficha, "almacen_codigo": "APP-TBQ", "codigo_producto": f"{i:06}", "precio": n, "cantidad": n}
    for i in range(1, 301 + n)
]
con = duckdb.connect(sys.argv[1], config=CONFIG)
con.execute("BEGIN")
ejecuciones.anotar_tiendas(con, [tienda], now)
stock.cargar(con, [stock.preparar(tienda, {"APP-TBQ": filas})], Catalogo(), min_ratio=0, now=now)
con.execute("COMMIT")
os._exit(9)
"""


def test_killed_after_a_commit(tmp_path: Path, legado: Path) -> None:
    """The log is replayed into tables with the keys of DuckDB 1.0, again and again; 1.0 reads the file afterwards."""
    path = Path(shutil.copyfile(legado, tmp_path / "viejo.db"))
    for n in (1, 2, 3):
        died = subprocess.run([sys.executable, "-c", COMMIT_AND_DIE, path, str(n)], check=False)
        assert died.returncode == 9
        assert path.with_name("viejo.db.wal").exists()
        with duckdb.connect(str(path)) as con:
            assert con.execute(
                "SELECT count(*), count(DISTINCT codigo), count(*) FILTER (descripcion = ?) FROM productos", [f"x{n}"]
            ).fetchone() == (300 + n, 300 + n, 300 + n)
            with pytest.raises(duckdb.ConstraintException):
                con.execute("INSERT INTO productos (id, codigo, descripcion) VALUES ('q', '000301', 'x')")
    read = "SELECT count(*), count(DISTINCT codigo), min(descripcion), max(descripcion) FROM productos"
    uno = "SELECT id FROM productos WHERE codigo = '000007'"
    assert plantilla.leer_con_1(path, read, uno) == [[(303, 303, "x3", "x3")], [("viejo-7",)]]


def test_stores_whose_code_is_anothers(con: DuckDBPyConnection, tiendas: tuple[Tienda, ...]) -> None:
    """Names follow the configuration; a new store whose code is taken gets its id for one: the column is unique."""
    for _ in range(2):
        ejecuciones.anotar_tiendas(con, tiendas, T0)
    rows = con.execute("SELECT id, codigo, nombre, activo FROM ubicaciones ORDER BY id").fetchall()
    assert rows == [
        ("cedi", "cedi", "CEDI", True),
        ("tienda_01", "001", "PERIFERICO", True),
        ("tienda_08", "008", "BOSQUE", True),
        ("tienda_17", "SUC005", "ARTIGAS", True),
        ("tienda_20", "tienda_20", "TAZAJAL", True),
    ]


def test_the_history_is_not_repaired(con: DuckDBPyConnection) -> None:
    """Runs that the older pipeline left without an end are its own; its gaps stay what they were."""
    antes = con.execute("SELECT * FROM etl_ejecuciones ORDER BY id").fetchall()
    assert ejecuciones.reparar(con, list(Job), ["tienda_01", "tienda_08"], "viejo", T0) == 0
    assert con.execute("SELECT * FROM etl_ejecuciones ORDER BY id").fetchall() == antes
    assert len(queries.corridas(con, limit=2000)) == 1000


def test_the_newest_sale_is_found_however_it_is_looked_for(con: DuckDBPyConnection) -> None:
    """From a date on, from the newest date on, or among all; what is no date is none."""
    con.execute(
        "INSERT INTO ventas_raw (ubicacion_id, fecha, fecha_hora_completa) VALUES"
        " ('tienda_01', '2025-11-16', '2025-11-16T23:00:00'), ('tienda_01', '2025-11-17', '2025-11-17T09:00:00'),"
        " ('tienda_01', '2025-11-17', '2025-11-17T10:30:00'), ('tienda_01', 'sin fecha', 'N/A'),"
        " ('tienda_08', '2025-11-18', '2025-11-18T10:30:00')"
    )
    ultima = datetime(2025, 11, 17, 10, 30)  # noqa: DTZ001
    for desde in (None, date(2025, 11, 1), date(2025, 12, 1)):
        assert cobertura.ultima_venta(con, "tienda_01", desde) == ultima
    assert cobertura.ultima_venta(con, "tienda_20") is None
