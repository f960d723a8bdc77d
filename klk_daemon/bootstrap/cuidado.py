"""Tends the lake while the daemon runs: what is urgent every ten minutes, the rest weekly; one daemon of many."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import partial

import structlog

from klk_daemon.bootstrap.app import App
from klk_daemon.errors import CorridaError
from klk_daemon.warehouse.connection import Database

log = structlog.get_logger()

LOOK_S = 600.0
KEY = "*mantenimiento"
# A step that finds something to do is repeated; a lake that is never done would be a bug, not a reason to go on.
MOST = 1000


async def cuidar(app: Callable[[], App], clock: Callable[[], datetime]) -> None:
    """Looks for ever.

    Args:
        app: the objects in force.
        clock: the time, UTC.
    """
    while True:
        await asyncio.sleep(LOOK_S)
        await una_vez(app().database, clock())


async def una_vez(database: Database, now: datetime) -> None:
    """One look at the lake, and what is due. Anything but a lake needs none; a failure is told, and tried again."""
    reparto = database.origen.reparto
    if not reparto.compartido:
        return
    try:
        if await asyncio.to_thread(reparto.tomar, [KEY]):
            try:
                await _tend(database, now)
            finally:
                await asyncio.to_thread(reparto.devolver, [KEY])
    except CorridaError as e:
        log.warning("mantenimiento_fallido", error_tipo=e.error_tipo, error=str(e))


async def _tend(database: Database, now: datetime) -> None:
    from klk_daemon.warehouse import mantenimiento  # noqa: PLC0415 - for those who have a lake

    if not await asyncio.to_thread(database.exists):
        return
    for tabla in (await database.transaction(mantenimiento.por_volcar, keep=False)).value:
        filas = (await database.transaction(partial(mantenimiento.volcar, tabla=tabla))).value
        log.info("lago_volcado", tabla=tabla, filas=filas)
    if not (await database.transaction(partial(mantenimiento.toca, now=now))).value:
        return
    began = time.monotonic()
    done: Counter[str] = Counter()
    tablas = (await database.transaction(mantenimiento.tablas, keep=False)).value
    for name, paso in mantenimiento.pasos(tablas, now):
        for _ in range(MOST):
            count = (await database.transaction(paso)).value
            done[name] += count
            if not count:
                break
    await database.transaction(partial(mantenimiento.marcar, now=now))
    log.info("mantenimiento_completado", duracion_s=round(time.monotonic() - began, 3), **done)
