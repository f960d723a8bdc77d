"""Tables set aside before they are rebuilt: one Parquet file each, which any tool reads."""

from collections.abc import Collection
from pathlib import Path

from duckdb import DuckDBPyConnection

from klk_daemon.errors import BaseFallida
from klk_daemon.warehouse.staging import count, scalar


def guardar(con: DuckDBPyConnection, tablas: Collection[str], carpeta: Path) -> dict[str, int]:
    """Writes tables as zstd Parquet, and counts what was written.

    Args:
        con: an open transaction.
        tablas: their names.
        carpeta: the folder, made where it is missing; each table is `NAME.parquet` in it.

    Returns:
        Table to rows.

    Raises:
        BaseFallida: a file holds another number of rows than its table.
    """
    carpeta.mkdir(parents=True, exist_ok=True)
    return {tabla: exportar(con, f'SELECT * FROM "{tabla}"', carpeta / f"{tabla}.parquet") for tabla in tablas}


def exportar(con: DuckDBPyConnection, consulta: str, archivo: Path) -> int:
    """Writes a query's rows into one file; how many, counted in the file.

    Raises:
        BaseFallida: it holds another number of rows than the query.
    """
    filas = int(scalar(con, f"COPY ({consulta}) TO {literal(archivo)} (FORMAT parquet, COMPRESSION zstd)"))
    if (escritas := count(con, f"read_parquet({literal(archivo)})")) != filas:
        raise BaseFallida(f"the backup {archivo} holds {escritas} rows of {filas}", hint="nothing was changed")
    return filas


def literal(archivo: Path) -> str:
    """A path as an SQL literal; COPY takes no parameter for it."""
    return "'" + str(archivo).replace("'", "''") + "'"
