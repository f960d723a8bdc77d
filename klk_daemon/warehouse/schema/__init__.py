"""The database's shape: numbered SQL files, applied in order, and the version that says which were."""

from datetime import datetime
from importlib import resources

from duckdb import DuckDBPyConnection

from klk_daemon.errors import ConfigError, MigracionNecesaria

SHARED_WITH_LEGACY = frozenset({"ubicaciones", "productos", "stock_actual", "ventas_raw", "etl_ejecuciones"})


def migrations() -> list[tuple[int, str]]:
    """Version and SQL of every step, in order."""
    files = (f for f in resources.files(__name__).iterdir() if f.name.endswith(".sql"))
    return sorted((int(f.name.split("_")[0]), f.read_text(encoding="utf-8")) for f in files)


def ensure(con: DuckDBPyConnection, now: datetime) -> None:
    """Creates the tables in an empty database; refuses one of another shape. Runs in the caller's transaction.

    Args:
        con: an open transaction.
        now: naive local time, for the record.

    Raises:
        MigracionNecesaria: tables that an older pipeline made (legacy-db.md).
        ConfigError: a database that a newer klk-daemon made.
    """
    found = con.execute(
        "SELECT table_name FROM duckdb_tables() WHERE NOT temporary AND database_name = current_database()"
    ).fetchall()
    tables = {name for (name,) in found}
    version = 0
    if "esquema_version" in tables:
        row = con.execute("SELECT max(version) FROM esquema_version").fetchone()
        version = row[0] if row and row[0] is not None else 0
    elif older := sorted(SHARED_WITH_LEGACY & tables):
        raise MigracionNecesaria(
            f"the database holds {', '.join(older)} of an older pipeline",
            hint="nothing was changed; `klk-daemon db plan` says what would be, `klk-daemon db migrate` does it",
        )
    else:
        con.execute("CREATE TABLE esquema_version (version INTEGER, aplicada TIMESTAMP)")
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
            con.execute("INSERT INTO esquema_version VALUES (?, ?)", [number, now])
