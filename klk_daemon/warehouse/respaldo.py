"""Backups of tables that are about to be rebuilt: Parquet files in a folder, which DuckDB and much else can read."""

import os
import shutil
from collections.abc import Collection
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from klk_daemon.errors import BaseFallida

LEAME = """\
Respaldo de klk-daemon: las tablas {tablas}
como estaban en {base} antes de que se rehicieran. Nadie lo borra: hágalo cuando ya no lo necesite.

Para leer una tabla, en DuckDB:
    SELECT * FROM read_parquet('{ejemplo}');
Para recuperarla en otra base (detenga antes klk-daemon, si es la suya):
    CREATE TABLE {tabla} AS SELECT * FROM read_parquet('{ejemplo}');

Filas:
{filas}
"""


def guardar(con: DuckDBPyConnection, tablas: Collection[str], carpeta: Path) -> dict[str, int]:
    """Writes tables, as the open transaction sees them, one Parquet file each and a `README.txt` that explains them.

    The folder gets its name once everything is in it, counted, and on disk: one that is there is whole.

    Args:
        con: an open transaction.
        tablas: the names of tables that exist, one at least.
        carpeta: the folder to make; its parent exists, it does not.

    Returns:
        Table to the number of its rows, as counted in the file.

    Raises:
        BaseFallida: it could not be written, or does not hold what the table does; nothing is left of it.
    """
    parcial = carpeta.with_name(f"{carpeta.name}.parcial")
    try:
        if parcial.exists():  # of an attempt that was killed
            shutil.rmtree(parcial)
        parcial.mkdir()
        filas = {tabla: _tabla(con, tabla, parcial / f"{tabla}.parquet") for tabla in tablas}
        (parcial / "README.txt").write_text(_leame(con, filas, carpeta), encoding="utf-8")
        for path in (*parcial.iterdir(), parcial):
            _a_disco(path)
        parcial.rename(carpeta)
        _a_disco(carpeta.parent)
    except duckdb.FatalException:  # the connection is dead, and whoever opened it must know
        raise
    except (duckdb.Error, OSError) as e:
        shutil.rmtree(parcial, ignore_errors=True)
        first_line = str(e).strip().splitlines()[0]
        raise BaseFallida(
            f"the backup {carpeta} could not be written: {first_line}",
            hint="nothing was changed; make room there, or let this user write that folder",
        ) from e
    return filas


def _tabla(con: DuckDBPyConnection, tabla: str, path: Path) -> int:
    nombre = '"' + tabla.replace('"', '""') + '"'
    con.execute(f"COPY {nombre} TO {_texto(path)} (FORMAT parquet, COMPRESSION zstd)")
    hay = _contar(con, nombre)
    leidas = _contar(con, f"read_parquet({_texto(path)})")
    if leidas != hay:
        raise OSError(f"{path.name} has {leidas} rows, the table {hay}")
    return leidas


def _contar(con: DuckDBPyConnection, de: str) -> int:
    row = con.execute(f"SELECT count(*) FROM {de}").fetchone()
    assert row is not None  # a count is always one row
    return int(row[0])


def _leame(con: DuckDBPyConnection, filas: dict[str, int], carpeta: Path) -> str:
    row = con.execute("SELECT path FROM duckdb_databases() WHERE database_name = current_database()").fetchone()
    tabla = next(iter(filas))
    return LEAME.format(
        tablas=", ".join(filas),
        base=(row and row[0]) or "la base",
        tabla=tabla,
        ejemplo=str(carpeta / f"{tabla}.parquet").replace("'", "''"),
        filas="\n".join(f"    {tabla}: {n}" for tabla, n in filas.items()),
    )


def _texto(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _a_disco(path: Path) -> None:
    """What a commit afterwards does away with must be safe here first."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
