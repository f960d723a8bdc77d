"""The database's shape: numbered SQL files, applied in order, and the version that says which were.

A step that rebuilds tables says so on a line of its own, `-- rebuilds: stock_actual, ventas_raw`: they are backed up
before an existing database is upgraded.
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib import resources
from pathlib import Path

import duckdb
import structlog
from duckdb import DuckDBPyConnection

from klk_daemon.errors import BaseFallida, ConfigError, MigracionNecesaria
from klk_daemon.warehouse import respaldo

log = structlog.get_logger()

SHARED_WITH_LEGACY = frozenset({"ubicaciones", "productos", "stock_actual", "ventas_raw", "etl_ejecuciones"})
VERSION = "esquema_version"
CREATE_VERSION = f"CREATE TABLE {VERSION} (version INTEGER, aplicada TIMESTAMP)"
TABLA = re.compile(r"CREATE TABLE (\w+) \((.*?)\);", re.DOTALL)
COLUMNA = re.compile(r"(\w+) (\w+(?:\(\d+, \d+\))?)(?:,|$)")
REBUILDS = re.compile(r"^-- rebuilds:(.+)$", re.MULTILINE)
# Ends the name of a backup whose upgrade came to nothing; the next attempt's takes its place.
IN_VAIN = ".sin-efecto"

Step = tuple[int, str]


def migrations() -> list[Step]:
    """Version and SQL of every step, in order."""
    files = (f for f in resources.files(__name__).iterdir() if f.name.endswith(".sql"))
    return sorted((int(f.name.split("_")[0]), f.read_text(encoding="utf-8")) for f in files)


@cache
def iniciales() -> Mapping[str, Mapping[str, str]]:
    """The tables of the first step: each one's columns and their types, as a new installation has them."""
    _, sql = migrations()[0]
    sql = re.sub(r"--.*", "", sql)
    return {nombre: dict(COLUMNA.findall(" ".join(cuerpo.split()))) for nombre, cuerpo in TABLA.findall(sql)}


def ensure(con: DuckDBPyConnection, now: datetime, *, keep: bool = True) -> int:
    """Creates the tables in an empty database, upgrades an older one; refuses one of another shape.

    All of it is the caller's transaction. Tables that an upgrade rebuilds are backed up before it, in a folder beside
    the database: `<file>.respaldo-v<from>-<time>`; the backup stays, whatever becomes of the transaction.

    Args:
        con: an open transaction.
        now: naive local time, for the record.
        keep: False where the caller rolls back (who only reads): then there is nothing to back up.

    Returns:
        The version that the database had; 0 for an empty one.

    Raises:
        MigracionNecesaria: tables that an older pipeline made (legacy-db.md).
        ConfigError: a database that a newer klk-daemon made.
        BaseFallida: the backup, or a step of the upgrade, failed.
    """
    found = con.execute(
        "SELECT table_name FROM duckdb_tables() WHERE NOT temporary AND database_name = current_database()"
    ).fetchall()
    tables = {name for (name,) in found}
    version = 0
    if VERSION in tables:
        version = aplicada(con)
    elif older := sorted(SHARED_WITH_LEGACY & tables):
        raise MigracionNecesaria(
            f"the database holds {', '.join(older)} of an older pipeline",
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
    pending = [step for step in steps if step[0] > version]
    if pending and version:
        _upgrade(con, pending, tables, version=version, now=now, keep=keep)
    else:
        _apply(con, pending, now)
    return version


def _apply(con: DuckDBPyConnection, steps: Sequence[Step], now: datetime) -> None:
    for number, sql in steps:
        con.execute(sql)
        con.execute(f"INSERT INTO {VERSION} VALUES (?, ?)", [number, now])


def _upgrade(
    con: DuckDBPyConnection, steps: Sequence[Step], tables: set[str], *, version: int, now: datetime, keep: bool
) -> None:
    """Backs up as they are now all tables that any of the steps rebuilds, then takes the steps."""
    named = (name.strip() for _, sql in steps for line in REBUILDS.findall(sql) for name in line.split(","))
    rebuilt = [name for name in dict.fromkeys(named) if name in tables]
    carpeta = _back_up(con, rebuilt, version=version, now=now) if keep and rebuilt else None
    # The commit writes the file itself: a log with an ALTER TABLE may not be one that DuckDB 1.5 can replay.
    con.execute("SET checkpoint_threshold = '0b'")
    try:
        _apply(con, steps, now)
    except duckdb.FatalException:
        raise
    except duckdb.Error as e:
        if carpeta is not None:
            carpeta.rename(carpeta.with_name(carpeta.name + IN_VAIN))
        raise BaseFallida(
            f"the upgrade from schema version {version} to {steps[-1][0]} failed: {str(e).strip().splitlines()[0]}",
            hint="a bug: nothing was changed; please report it, and go back to the klk-daemon before",
        ) from e


def _back_up(con: DuckDBPyConnection, tables: Sequence[str], *, version: int, now: datetime) -> Path | None:
    """Returns the folder; None for a database in memory, which has no place and is gone with the process."""
    row = con.execute("SELECT path FROM duckdb_databases() WHERE database_name = current_database()").fetchone()
    if row is None or row[0] is None:
        return None
    base = Path(row[0])
    carpeta = base.with_name(f"{base.name}.respaldo-v{version}-{now:%Y%m%dT%H%M%S}")
    in_vain = list(base.parent.glob(f"{base.name}.respaldo-v{version}-*{IN_VAIN}"))
    filas = respaldo.guardar(con, tables, carpeta)
    for folder in in_vain:  # else a step that cannot succeed would fill the disk, backup by backup
        shutil.rmtree(folder, ignore_errors=True)
    log.warning("respaldo_guardado", carpeta=str(carpeta), filas=filas, esquema=version)
    return carpeta


def aplicada(con: DuckDBPyConnection) -> int:
    """The newest step that a database has, which has the table of them."""
    row = con.execute(f"SELECT max(version) FROM {VERSION}").fetchone()
    return int(row[0]) if row and row[0] is not None else 0
