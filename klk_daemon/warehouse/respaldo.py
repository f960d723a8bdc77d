"""Backups of tables that are about to be rebuilt: Parquet files in a folder, which DuckDB and much else can read."""

import os
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from klk_daemon.errors import BaseFallida
from klk_daemon.warehouse.staging import count, scalar

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


def guardar(
    con: DuckDBPyConnection, tablas: Collection[str], carpeta: Path, *, textos: Mapping[str, str] | None = None
) -> dict[str, int]:
    """Writes tables, as the open transaction sees them, one Parquet file each and a `README.txt` that explains them.

    The folder gets its name once everything is in it, counted, and on disk: one that is there is whole.

    Args:
        con: an open transaction.
        tablas: the names of tables that exist.
        carpeta: the folder to make; its parent exists, it does not.
        textos: what else is to be in it: file name to text.

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
        filas = {
            tabla: exportar(con, f"SELECT * FROM {_nombre(tabla)}", parcial / f"{tabla}.parquet") for tabla in tablas
        }
        for nombre, texto in {"README.txt": _leame(con, filas, carpeta), **(textos or {})}.items():
            (parcial / nombre).write_text(texto, encoding="utf-8")
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


def exportar(con: DuckDBPyConnection, consulta: str, archivo: Path) -> int:
    """Writes a query's rows into one file; how many, counted in the file.

    Raises:
        OSError: it holds another number of rows than the query.
        duckdb.Error: it cannot be written.
    """
    filas = int(scalar(con, f"COPY ({consulta}) TO {literal(archivo)} (FORMAT parquet, COMPRESSION zstd)"))
    if (escritas := count(con, f"read_parquet({literal(archivo)})")) != filas:
        raise OSError(f"{archivo.name} has {escritas} rows of {filas}")
    return filas


def literal(archivo: Path) -> str:
    """A path as an SQL literal; COPY takes no parameter for it."""
    return "'" + str(archivo).replace("'", "''") + "'"


def _nombre(tabla: str) -> str:
    return '"' + tabla.replace('"', '""') + '"'


def _leame(con: DuckDBPyConnection, filas: dict[str, int], carpeta: Path) -> str:
    row = con.execute("SELECT path FROM duckdb_databases() WHERE database_name = current_database()").fetchone()
    tabla = next(iter(filas), "TABLA")
    return LEAME.format(
        tablas=", ".join(filas),
        base=(row and row[0]) or "la base",
        tabla=tabla,
        ejemplo=str(carpeta / f"{tabla}.parquet").replace("'", "''"),
        filas="\n".join(f"    {tabla}: {n}" for tabla, n in filas.items()),
    )


def _a_disco(path: Path) -> None:
    """What a commit afterwards does away with must be safe here first."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
