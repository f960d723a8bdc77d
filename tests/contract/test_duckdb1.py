"""Files that we write stay readable by DuckDB 1.0 (contract, "Tables"): the dashboards that are there use it."""

import os
import subprocess
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from klk_daemon.warehouse import schema
from klk_daemon.warehouse.connection import CONFIG

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-duckdb1" / "bin" / "python"
READ = """
import duckdb, sys
con = duckdb.connect(sys.argv[1], read_only=True)
con.execute("SET enable_progress_bar = false")  # it would print one on a machine that is busy
assert duckdb.__version__ == "1.0.0", duckdb.__version__
for (table,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall():
    con.execute(f"SELECT * FROM {table}").fetchall()
print(con.execute("SELECT ubicacion_id, MAX(fecha_actualizacion) FROM stock_actual GROUP BY ubicacion_id").fetchall())
print(con.execute("SELECT count(*), sum(venta_total) FROM ventas_raw").fetchall())
"""


@pytest.mark.parametrize("in_the_log", [False, True])
def test_readable_by_duckdb_1_0(tmp_path: Path, *, in_the_log: bool) -> None:
    """A file with rows in every shared table, updated and deleted from, opens in DuckDB 1.0 with the same rows.

    So it does where the newest changes are in the write-ahead log, as those of a large file are (origen.py).
    """
    if not PYTHON.exists():
        if os.environ.get("KLK_TEST_FULL"):
            pytest.fail("DuckDB 1.0 is missing: make duckdb1")
        pytest.skip("DuckDB 1.0 is not installed: make duckdb1")
    path = tmp_path / "x.db"
    with duckdb.connect(path, config=CONFIG) as con:
        schema.ensure(con, datetime(2025, 11, 17, 12))  # noqa: DTZ001 - naive local time
        con.execute(
            "INSERT INTO stock_actual (ubicacion_id, almacen_codigo, codigo_producto, cantidad, fecha_actualizacion)"
            " SELECT 'tienda_01', 'TANT', CAST(i AS VARCHAR), i / 7, TIMESTAMP '2025-11-17 12:00:00'"
            " FROM range(4000) AS r(i)"
        )
        con.execute(
            "INSERT INTO ventas_raw (ubicacion_id, numero_factura, linea, fecha, venta_total)"
            " SELECT 'tienda_01', 'C' || i, 1, DATE '2025-11-17', i / 100 FROM range(100000) AS r(i)"
        )
        con.execute(
            "INSERT INTO filas_rechazadas VALUES (now()::TIMESTAMP, now()::TIMESTAMP, 1, 'ventas', 'x', 'y', '{}')"
        )
        con.execute("CHECKPOINT")
        con.execute("UPDATE stock_actual SET cantidad = cantidad + 1 WHERE cantidad > 100")
        con.execute("INSERT INTO ventas_raw (numero_factura, linea, venta_total) VALUES ('y', 2, 950)")
        con.execute("DELETE FROM ventas_raw WHERE venta_total > 900")
        if in_the_log:
            con.execute("PRAGMA disable_checkpoint_on_shutdown")
    assert in_the_log == path.with_name("x.db.wal").exists()
    read = subprocess.run([PYTHON, "-c", READ, path], capture_output=True, text=True, check=False)
    assert read.stderr == ""
    stock, ventas = read.stdout.splitlines()
    assert stock == "[('tienda_01', datetime.datetime(2025, 11, 17, 12, 0))]"
    assert ventas == "[(90001, Decimal('40500450.000000'))]"
