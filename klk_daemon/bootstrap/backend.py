"""What the HTTP server asks of the daemon: its status, its history, and runs ordered by hand."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import structlog

from klk_daemon.bootstrap import historia, report
from klk_daemon.bootstrap.app import App
from klk_daemon.bootstrap.corrida import detalle
from klk_daemon.bootstrap.marcha import Marcha
from klk_daemon.bootstrap.panel import Lector
from klk_daemon.domain import Job, Resultado, ResultadoTienda, Tienda
from klk_daemon.errors import CorridaError, KlkError, OcupadoError
from klk_daemon.jobs.document import document, tienda
from klk_daemon.jobs.run import Trabajo
from klk_daemon.metrics import Metrics
from klk_daemon.ranges import pedido
from klk_daemon.warehouse import queries
from klk_daemon.web.dashboard.panel import DetalleCorrida, Panel
from klk_daemon.web.orders import TriggerOrder

log = structlog.get_logger()

# Pages and probes ask often; the database is asked once for all of them.
FRESH_S = 2.0
# A scrape does not wait for a database that another process holds: Prometheus would take this daemon for dead.
SCRAPE_S = 2.0
# Nor do a probe and `status`: they tell what was read last, and who holds it.
STATUS_S = 1.5
END = object()


class Backend:
    """See `web.app.Backend`.

    Args:
        app: the objects in force.
        metrics: takes in what runs and status tell.
        clock: the time, UTC.
        marcha: runs the jobs.
        on_ended: is handed the outcome of each run that wrote.
    """

    def __init__(
        self,
        app: Callable[[], App],
        metrics: Metrics,
        clock: Callable[[], datetime],
        marcha: Marcha,
        on_ended: Callable[[Resultado], None],
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._clock = clock
        self._marcha = marcha
        self._on_ended = on_ended
        self._lector = Lector(app, marcha, clock)
        self._reading = asyncio.Lock()
        self._held: report.Held | None = None
        self._report: dict[str, Any] | None = None
        self._read_at = float("-inf")
        self.orders: set[asyncio.Task[None]] = set()

    async def status(self) -> dict[str, Any]:
        """The report, at most two seconds old; of what was read last, and why, where the database cannot be read soon.

        Raises:
            CorridaError: it cannot be read, and never could.
        """
        async with self._reading:
            if self._report is None or time.monotonic() - self._read_at > FRESH_S:
                await self._refresh()
        assert self._report is not None  # refreshed, or raised
        return self._report

    async def _refresh(self) -> None:
        app, now = self._app(), self._clock()
        sin_leer = None
        try:
            # It may also stand behind a run of ours, which is more patient.
            async with asyncio.timeout(STATUS_S):
                self._held = await report.read(app, patience_s=STATUS_S)
            self._metrics.held(self._held.estados, self._held.huecos(app, now), zona=app.zona)
        except (CorridaError, TimeoutError) as e:
            error = e if isinstance(e, CorridaError) else app.database.busy(STATUS_S)
            if self._held is None:
                raise error from e
            log.warning("bd_no_leida", error_tipo=error.error_tipo, error=str(error))
            sin_leer = str(error)
        self._report = report.document(app, self._held, now, sin_leer=sin_leer)
        self._read_at = time.monotonic()

    def changed(self) -> None:
        """Something has changed: what is asked for next is read anew."""
        self._read_at = float("-inf")

    async def figures(self) -> None:
        """Brings the metrics up to date with the database; those of before stay where it cannot be read in time."""
        self._metrics.pauses(self._app().pausas.vigentes(self._clock()))
        reading = asyncio.create_task(self.status())
        done, _ = await asyncio.wait({reading}, timeout=SCRAPE_S)
        if not done:
            reading.cancel()
            return
        try:
            reading.result()
        except KlkError as e:
            log.warning("bd_no_leida", error=str(e))

    async def runs(self, limit: int, **filters: Any) -> list[dict[str, Any]]:
        """The newest runs with their stores; `filters` are those of `queries.corridas`."""
        return await historia.leer(self._app(), lambda con: queries.corridas(con, limit=limit, **filters))

    async def certificados(self) -> dict[str, Any]:
        """What `certificados --json` prints."""
        return await historia.certificados(self._app(), self._clock())

    async def panel(self) -> Panel:
        """What the dashboard shows, at once: of a database that is held, what was read last."""
        return await self._lector.panel()

    async def corrida(self, run_id: str) -> DetalleCorrida | None:
        """A run with its log lines; None where there is none of that id, or the database cannot be asked now."""
        return await detalle(self._app(), await self._lector.panel(), run_id)

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
            resultado = await self._marcha.en_turno(
                trabajo,
                tiendas,
                app.entorno,
                inventario_wait_s=app.settings.inventario.wait_s,
                wait=order.wait,
                dry_run=order.dry_run,
                on_tienda=told,
            )
            if not order.dry_run:
                self._metrics.ended(resultado)
                self._on_ended(resultado)
            self.changed()
            events.put_nowait({"resultado": document(resultado), "exit_code": resultado.exit_code})
        except KlkError as e:
            events.put_nowait({"error": str(e), "exit_code": e.exit_code})
        finally:
            events.put_nowait(END)

    def pause(self, job: Job, hasta: datetime | None) -> None:
        """Has the schedule leave a job alone, until `hasta` or until told."""
        self._app().pausas.poner([job], hasta)
        self.changed()
        self._marcha.paso()

    def resume(self, job: Job) -> None:
        """Ends a job's pause."""
        self._app().pausas.quitar([job])
        self.changed()
        self._marcha.paso()


async def _listen(events: asyncio.Queue[Any]) -> AsyncIterator[dict[str, Any]]:
    while (event := await events.get()) is not END:
        yield event
