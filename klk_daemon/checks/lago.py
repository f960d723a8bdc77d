"""The lake: whether PostgreSQL and the Parquet's place answer, whether its shape is ours, and who runs which store."""

import asyncio
from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path

from duckdb import DuckDBPyConnection

from klk_daemon.checks.database import shape
from klk_daemon.checks.finding import Hallazgo, fail, ok, told
from klk_daemon.checks.folders import writable
from klk_daemon.errors import ConfigError, CorridaError, KlkError
from klk_daemon.warehouse import schema
from klk_daemon.warehouse.connection import Database


async def lago(
    db: Database, *, data_path: str, tiendas: Collection[str], clock: Callable[[], datetime]
) -> list[Hallazgo]:
    """Opens it as a run does, and rolls back.

    Args:
        db: with a short patience.
        data_path: where the Parquet lies.
        tiendas: the configured stores.
        clock: the stores' time, naive.
    """
    name = db.origen.name
    local = [] if "://" in data_path else [writable("parquet", Path(data_path), "database.data_path")]
    if not await asyncio.to_thread(db.exists):
        return [ok("database", f"{name} answers, and holds no lake yet; the first run makes it"), *local]

    def look(con: DuckDBPyConnection) -> KlkError | int:
        try:
            version = schema.ensure(con, clock(), keep=False)
            con.execute("SELECT count(fecha) FROM ventas_raw").fetchone()  # reads a file, if there is one
        except ConfigError as e:
            return e
        return version

    try:
        found = (await db.transaction(look, keep=False)).value
        ajenas = await asyncio.to_thread(db.origen.reparto.ajenas, tiendas)
    except CorridaError as e:
        return [fail("database", *told(e)), *local]
    elsewhere = "; ".join(f"{id_} is run by {quien}" for id_, quien in ajenas.items())
    return [ok("database", f"{name} answers" + (f"; {elsewhere}" if elsewhere else "")), shape(found), *local]
