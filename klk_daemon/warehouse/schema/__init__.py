"""The database's shape: numbered SQL files, applied in order, and the version that says which were."""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib import resources

from duckdb import DuckDBPyConnection

from klk_daemon.errors import ConfigError, MigracionNecesaria

SHARED_WITH_LEGACY = frozenset({"ubicaciones", "productos", "stock_actual", "ventas_raw", "etl_ejecuciones"})
VERSION = "esquema_version"
CREATE_VERSION = f"CREATE TABLE {VERSION} (version INTEGER, aplicada TIMESTAMP)"
TABLA = re.compile(r"CREATE TABLE (\w+) \((.*?)\);", re.DOTALL)
COLUMNA = re.compile(r"(\w+) (\w+(?:\(\d+, \d+\))?)(?:,|$)")


def migrations() -> list[tuple[int, str]]:
    """Version and SQL of every step, in order."""
    files = (f for f in resources.files(__name__).iterdir() if f.name.endswith(".sql"))
    return sorted((int(f.name.split("_")[0]), f.read_text(encoding="utf-8")) for f in files)


@cache
def iniciales() -> Mapping[str, Mapping[str, str]]:
    """The tables of the first step: each one's columns and their types, as a new installation has them."""
    _, sql = migrations()[0]
    sql = re.sub(r"--.*", "", sql)
    return {nombre: dict(COLUMNA.findall(" ".join(cuerpo.split()))) for nombre, cuerpo in TABLA.findall(sql)}


def ensure(con: DuckDBPyConnection, now: datetime) -> None:
    """Creates the tables in an empty database; refuses one of another shape. Runs in the caller's transaction.

    Args:
        con: an open transaction.
        now: naive local time, for the record.

    Raises:
        MigracionNecesaria: tables that an older pipeline made (legacy-db.md).
        ConfigError: a database that a newer klk-daemon made.
    """
    tables = {name for (name,) in con.execute("SELECT table_name FROM duckdb_tables() WHERE NOT temporary").fetchall()}
    version = 0
    if VERSION in tables:
        version = aplicada(con)
    elif found := sorted(SHARED_WITH_LEGACY & tables):
        raise MigracionNecesaria(
            f"the database holds {', '.join(found)} of an older pipeline",
            hint="nothing was changed; `klk-daemon db plan` says what would be, `klk-daemon db migrate` does it",
        )
    else:
        con.execute(CREATE_VERSION)
    steps = migrations()
    newest = steps[-1][0]
    if version > newest:
        raise ConfigError(
            f"the database has schema version {version}, this klk-daemon knows {newest}",
            hint="a newer klk-daemon wrote it: upgrade this one",
        )
    for number, sql in steps:
        if number > version:
            con.execute(sql)
            con.execute(f"INSERT INTO {VERSION} VALUES (?, ?)", [number, now])


def aplicada(con: DuckDBPyConnection) -> int:
    """The newest step that a database has, which has the table of them."""
    row = con.execute(f"SELECT max(version) FROM {VERSION}").fetchone()
    return int(row[0]) if row and row[0] is not None else 0
