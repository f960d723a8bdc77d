"""The database: whether it can be opened and written, who holds it, and whether its shape is ours."""

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from duckdb import DuckDBPyConnection

from klk_daemon.checks.finding import Grado, Hallazgo, fail, ok, told
from klk_daemon.checks.folders import writable
from klk_daemon.errors import BaseOcupada, ConfigError, CorridaError, KlkError, MigracionNecesaria
from klk_daemon.warehouse import schema
from klk_daemon.warehouse.connection import Database

PID = re.compile(r"\(pid (\d+)\)")


async def database(db: Database, *, daemon_pid: int | None, clock: Callable[[], datetime]) -> list[Hallazgo]:
    """Opens it for writing, as a run does, and rolls back.

    Args:
        db: with a short patience.
        daemon_pid: the daemon's, which may be writing right now.
        clock: the stores' time, naive.
    """
    if not _there(db):
        found = writable("database", Path(db.origen.path).parent, "database.path")
        return [
            ok("database", f"{db.origen.name} is not there yet; the first run makes it")
            if found.estado is Grado.OK
            else found
        ]

    def look(con: DuckDBPyConnection) -> KlkError | int:
        try:
            return schema.ensure(con, clock(), keep=False)
        except ConfigError as e:
            return e

    try:
        as_found = (await db.transaction(look, keep=False)).value
    except BaseOcupada as e:
        return [_held(e, daemon_pid)]
    except CorridaError as e:
        return [fail("database", *told(e))]
    return [ok("database", f"{db.origen.name} can be written, and nobody holds it"), shape(as_found)]


def _there(db: Database) -> bool:
    try:
        return db.exists()
    except OSError:  # a parent that may not be entered
        return False


def _held(error: BaseOcupada, daemon_pid: int | None) -> Hallazgo:
    message, hint = told(error)
    holder = PID.search(message)
    if holder is not None and int(holder[1]) == daemon_pid:
        return ok("database", f"the daemon (pid {daemon_pid}) is writing it right now")
    return fail("database", message, hint)


def shape(found: KlkError | int) -> Hallazgo:
    """Whether the tables are ours: their version, or why not."""
    if isinstance(found, int):
        newest = schema.migrations()[-1][0]
        return ok(
            "schema", f"version {newest}" if found in {0, newest} else f"version {found}; a run raises it to {newest}"
        )
    # A run exits 2 on it, so a check that let it pass would be wrong; the data are safe.
    kind = "needs `db migrate`: " if isinstance(found, MigracionNecesaria) else ""
    message, hint = told(found)
    return fail("schema", kind + message, hint)
