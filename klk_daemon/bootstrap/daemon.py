"""What the daemon needs on top of a run: its place, its schedule, its workers."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path

import structlog
from duckdb import DuckDBPyConnection

from klk_daemon import logs
from klk_daemon.bootstrap.app import App
from klk_daemon.daemon.instance import only_instance
from klk_daemon.daemon.lifecycle import serve
from klk_daemon.daemon.worker import Worker
from klk_daemon.domain import Job
from klk_daemon.errors import CorridaError
from klk_daemon.jobs.trigger import en_turno
from klk_daemon.warehouse import queries, schema
from klk_daemon.windows import instante, local

log = structlog.get_logger()


async def run_daemon(app: App, *, clock: Callable[[], datetime]) -> None:
    """Runs the daemon until it is told to stop.

    Args:
        app: the objects of a run.
        clock: tells the time, UTC.

    Raises:
        OcupadoError: one runs already on this state directory.
        ConfigError: the database needs `db migrate`, or is a newer version's.
    """
    with only_instance(app.state):
        await _Daemon(app, clock).serve()


class _Daemon:
    def __init__(self, app: App, clock: Callable[[], datetime]) -> None:
        self._app = app
        self._clock = clock
        self._schedule = app.schedule(lambda job: self._workers[job].ask())
        self._workers = {job: Worker(job, partial(self._run, job)) for job in self._schedule.jobs}

    async def serve(self) -> None:
        schedule = self._schedule
        last_runs = await self._last_runs()
        # A new installation has nothing to compare: conciliacion is due only from its first night on.
        began = min(last_runs.values(), default=self._clock())
        last_runs.setdefault(Job.CONCILIACION, began)
        await serve(
            workers=self._workers,
            schedule=schedule,
            database=self._app.database,
            due=[job for job in schedule.jobs if schedule.missed(job, last_runs.get(job), self._clock())],
            clock=self._clock,
        )

    async def _run(self, job: Job) -> None:
        app = self._app
        wait_s = app.settings.inventario.wait_s
        if job is Job.VENTAS:
            wait_s -= await self._wait_for_inventario(wait_s)
        await en_turno(
            app.trabajo(job), app.elegir(()), app.entorno, app.locks, clock=self._clock, inventario_wait_s=wait_s
        )
        await asyncio.to_thread(
            logs.tidy,
            Path(app.settings.logs.dir),
            today=local(self._clock(), app.zona).date(),
            compress_after_days=app.settings.logs.compress_after_days,
            delete_after_days=app.settings.logs.delete_after_days,
        )

    async def _wait_for_inventario(self, timeout_s: float) -> float:
        """Stock first, even when both were asked for in one instant. Returns the seconds that it took."""
        began = time.monotonic()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._workers[Job.INVENTARIO].idle()
        return min(time.monotonic() - began, timeout_s)

    async def _last_runs(self) -> dict[Job, datetime]:
        """When each job last began, UTC. A database that cannot be read now tells nothing: the jobs are due."""
        zona = self._app.zona

        def read(con: DuckDBPyConnection) -> dict[str, datetime]:
            schema.ensure(con, local(self._clock(), zona))
            return queries.ultimos_inicios(con)

        try:
            inicios = (await self._app.database.transaction(read)).value
        except CorridaError as e:
            log.warning("bd_no_leida", error_tipo=e.error_tipo, error=str(e))
            return {}
        return {Job(job): instante(inicio, zona) for job, inicio in inicios.items() if job in set(Job)}
