"""Legacy databases for tests: made by DuckDB 1.0 in a process of its own, and migrated."""

import json
import os
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from duckdb import DuckDBPyConnection

from klk_daemon.warehouse.connection import CONFIG
from klk_daemon.warehouse.legado import pasos
from klk_daemon.warehouse.schema import iniciales
from klk_daemon.warehouse.texto import ENTEROS, textuales

ROOT = Path(__file__).parents[2]
DUCKDB_1 = ROOT / ".venv-duckdb1" / "bin" / "python"
AHORA = datetime(2025, 11, 17, 12)  # noqa: DTZ001 - naive local time


def require_duckdb_1() -> None:
    """Skips the test where DuckDB 1.0 is not installed; with KLK_TEST_FULL it fails."""
    if not DUCKDB_1.exists():
        if os.environ.get("KLK_TEST_FULL"):
            pytest.fail("DuckDB 1.0 is missing: make duckdb1")
        pytest.skip("DuckDB 1.0 is not installed: make duckdb1")


def crear(path: Path, **options: Any) -> dict[str, Any]:
    """Makes a legacy database; see crear.py for the options, and what it tells."""
    require_duckdb_1()
    path.parent.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(
        [DUCKDB_1, Path(__file__).with_name("crear.py"), path, json.dumps(options)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    told: dict[str, Any] = json.loads(made.stdout)
    return told


def leer_con_1(path: Path, *queries: str) -> list[list[tuple[Any, ...]]]:
    """What DuckDB 1.0 answers, each value as text."""
    require_duckdb_1()
    script = (
        "import duckdb, json, sys\ncon = duckdb.connect(sys.argv[1], read_only=True)\n"
        "print(json.dumps([con.execute(q).fetchall() for q in sys.argv[2:]], default=str))"
    )
    read = subprocess.run([DUCKDB_1, "-c", script, path, *queries], capture_output=True, text=True, check=False)
    assert read.returncode == 0, read.stderr
    return [[tuple(row) for row in rows] for rows in json.loads(read.stdout)]


def migrar(path: Path) -> None:
    """Takes it over, as `db migrate` does."""
    with duckdb.connect(str(path), config=CONFIG) as con:
        con.execute("BEGIN")
        pasos.migrar(con, path.with_name(f"{path.name}.respaldo"), base=path, now=AHORA, decir=lambda _: None)
        con.execute("COMMIT")


def lineas(con: DuckDBPyConnection) -> None:
    """Makes the temporary view `lineas`: `ventas_raw` with the types of a new installation, whatever it has."""
    tipos = {name: kind for name, kind, *_ in con.execute("DESCRIBE ventas_raw").fetchall()}
    texto = textuales("ventas_raw", tipos)
    columnas = [
        f"CAST(CAST({c} AS {ENTEROS.get(texto[c], texto[c])}) AS {texto[c]}) AS {c}" if c in texto else c
        for c in iniciales()["ventas_raw"]
    ]
    con.execute(f"CREATE TEMP VIEW lineas AS SELECT rowid AS fila, {', '.join(columnas)} FROM ventas_raw")
