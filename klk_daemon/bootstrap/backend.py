"""What the HTTP server asks of the daemon: its status, its history, and runs ordered by hand."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import structlog

from klk_daemon.bootstrap import report
from klk_daemon.bootstrap.app import App
from klk_daemon.domain import Job, ResultadoTienda, Tienda
from klk_daemon.errors import CorridaError, KlkError, OcupadoError
from klk_daemon.jobs.document import document, tienda
from klk_daemon.jobs.run import Trabajo
from klk_daemon.jobs.trigger import en_turno
from klk_daemon.metrics import Metrics
from klk_daemon.ranges import pedido
from klk_daemon.warehouse import queries
from klk_daemon.web.orders import TriggerOrder

log = structlog.get_logger()

# Pages and probes ask often; the database is asked once for all of them.
FRESH_S = 2.0
END = object()


class Backend:
    """See `web.app.Backend`.

    Args:
        app: the objects in force.
        metrics: takes in what runs and status tell.
        clock: the time, UTC.
    """

    def __init__(self, app: Callable[[], App], metrics: Metrics, clock: Callable[[], datetime]) -> None:
        self._app = app
        self._metrics = metrics
        self._clock = clock
        self._reading = asyncio.Lock()
        self._report: dict[str, Any] | None = None
        self._read_at = float("-inf")
        self.orders: set[asyncio.Task[None]] = set()

    async def status(self) -> dict[str, Any]:
        """The report, at most two seconds old; an older one while the database is held by somebody else.

        Raises:
            CorridaError: the database cannot be read, and never could.
        """
        async with self._reading:
            if self._report is None or time.monotonic() - self._read_at > FRESH_S:
                await self._refresh()
        assert self._report is not None  # refreshed, or raised
        return self._report

    async def _refresh(self) -> None:
        app, now = self._app(), self._clock()
        try:
            held = await report.read(app)
        except CorridaError as e:
            if self._report is None:
                raise
            log.warning("bd_no_leida", error_tipo=e.error_tipo, error=str(e))
            return
        self._report = report.document(app, held, now)
        self._read_at = time.monotonic()
        self._metrics.held(held.estados, held.huecos(app, now), zona=app.zona)

    async def runs(self, limit: int) -> list[dict[str, Any]]:
        """The newest runs with their stores."""
        read = self._app().database.transaction(lambda con: queries.corridas(con, limit=limit), keep=False)
        return (await read).value

    def trigger(self, job: Job, order: TriggerOrder) -> AsyncIterator[dict[str, Any]]:
        """Starts a run of its own; the caller may listen to it, and may stop listening.

        Raises:
            ConfigError: the order makes no sense.
            OcupadoError: the job is busy, and is not to be waited for.
        """
        app = self._app()
        rango = pedido(job, order.desde, order.hasta, completo=order.completo, zona=app.zona, now=datetime.now(UTC))
        tiendas = app.elegir(order.tiendas)
        if not order.wait and app.entorno.locks.busy(job):
            raise OcupadoError(f"a run of {job} is under way", hint="without --no-wait it is waited for")
        events: asyncio.Queue[Any] = asyncio.Queue()
        run = self._run(app, app.trabajo(job, rango=rango, aceptar=order.aceptar), tiendas, order, events)
        task = asyncio.create_task(run, name=f"trigger {job}")
        self.orders.add(task)
        task.add_done_callback(self.orders.discard)
        return _listen(events)

    async def _run(
        self,
        app: App,
        trabajo: Trabajo[Any],
        tiendas: tuple[Tienda, ...],
        order: TriggerOrder,
        events: asyncio.Queue[Any],
    ) -> None:
        def told(parte: ResultadoTienda) -> None:
            events.put_nowait({"tienda": tienda(parte)})

        try:
            resultado = await en_turno(
                trabajo,
                tiendas,
                app.entorno,
                clock=self._clock,
                inventario_wait_s=app.settings.inventario.wait_s,
                wait=order.wait,
                dry_run=order.dry_run,
                on_tienda=told,
            )
            if not order.dry_run:
                self._metrics.ended(resultado)
            self._read_at = float("-inf")
            events.put_nowait({"resultado": document(resultado), "exit_code": resultado.exit_code})
        except KlkError as e:
            events.put_nowait({"error": str(e), "exit_code": e.exit_code})
        finally:
            events.put_nowait(END)

    def pause(self, job: Job, hasta: datetime | None) -> None:
        """Has the schedule leave a job alone, until `hasta` or until told."""
        self._app().pausas.poner([job], hasta)
        self._read_at = float("-inf")

    def resume(self, job: Job) -> None:
        """Ends a job's pause."""
        self._app().pausas.quitar([job])
        self._read_at = float("-inf")


async def _listen(events: asyncio.Queue[Any]) -> AsyncIterator[dict[str, Any]]:
    while (event := await events.get()) is not END:
        yield event
