"""One run, in its turn: after the run of the same job that is under way, and sales after fresh stock."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from klk_daemon.domain import Job, Resultado, ResultadoTienda, Tienda
from klk_daemon.jobs.entorno import Entorno
from klk_daemon.jobs.outcome import log
from klk_daemon.jobs.run import Trabajo, correr, nothing


async def en_turno(
    trabajo: Trabajo[Any],
    tiendas: Sequence[Tienda],
    entorno: Entorno,
    *,
    clock: Callable[[], datetime],
    inventario_wait_s: float,
    wait: bool = True,
    dry_run: bool = False,
    on_inicio: Callable[[str], None] = nothing,
    on_tienda: Callable[[ResultadoTienda], None] = nothing,
) -> Resultado:
    """Runs a job once no other run of it is under way.

    Args:
        trabajo: the job.
        tiendas: for which stores.
        entorno: the tools.
        clock: asked for the run's instant once its turn has come.
        inventario_wait_s: how long `ventas` waits for an inventario under way; then it goes ahead, and says so.
        wait: False refuses to wait for the job's turn.
        dry_run: everything but the write.
        on_inicio: called with the run's id when its turn has come.
        on_tienda: called with each store's outcome.

    Raises:
        OcupadoError: `wait` is False, and it would have to.
        ConfigError: see `correr`.
    """
    async with entorno.locks.turn(trabajo.job, wait=wait):
        if trabajo.job is Job.VENTAS and not await entorno.locks.idle(Job.INVENTARIO, inventario_wait_s):
            log.warning("inventario_en_curso", job=str(trabajo.job), espera_s=inventario_wait_s)
        return await correr(
            trabajo, tiendas, entorno, now=clock(), dry_run=dry_run, on_inicio=on_inicio, on_tienda=on_tienda
        )
