"""What the daemon needs on top of a run: its place, its schedule, its workers, its server."""

import asyncio
import json
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import structlog
from duckdb import DuckDBPyConnection
from prometheus_client import CollectorRegistry

from klk_daemon import __version__, files, logs
from klk_daemon.bootstrap import textfile
from klk_daemon.bootstrap.alertas import Alertas
from klk_daemon.bootstrap.app import App, Observer
from klk_daemon.bootstrap.backend import Backend
from klk_daemon.bootstrap.cuidado import cuidar
from klk_daemon.bootstrap.guardia import Guardia
from klk_daemon.bootstrap.marcha import Marcha
from klk_daemon.daemon.instance import HTTP_FILE, only_instance, token
from klk_daemon.daemon.lifecycle import serve
from klk_daemon.daemon.notify import Notifier
from klk_daemon.daemon.worker import Worker
from klk_daemon.domain import Job
from klk_daemon.errors import ConfigError, CorridaError
from klk_daemon.jobs.run import nothing
from klk_daemon.metrics import Metrics
from klk_daemon.warehouse import queries, schema
from klk_daemon.warehouse.connection import Database
from klk_daemon.web import app as web
from klk_daemon.web import server
from klk_daemon.windows import instante, local

log = structlog.get_logger()

# A run that begins within so much of its time has not been missed.
ON_TIME = timedelta(seconds=10)
# How often the service manager hears that the start goes on.
OPENING_S = 20.0


async def run_daemon(
    build: Callable[[App | None, Observer], App],
    *,
    clock: Callable[[], datetime],
    on_app: Callable[[App], None] = nothing,
    on_listen: Callable[[str], None] = nothing,
) -> None:
    """Runs the daemon until it is told to stop.

    Args:
        build: makes the objects of a run from the configuration as it is now; gets those that they replace, and who
            is told of requests.
        clock: tells the time, UTC.
        on_app: is handed each set of objects that comes into force.
        on_listen: is told the server's address.

    Raises:
        OcupadoError: one runs already on this state directory.
        ConfigError: the configuration is wrong, or the database needs `db migrate` or is a newer version's.
    """
    metrics = Metrics(CollectorRegistry(), version=__version__)
    app = build(None, metrics.asked)
    on_app(app)
    metrics.configured(app.tiendas)
    with only_instance(app.state):
        await _Daemon(app, build, on_app, on_listen, metrics, clock).serve()


class _Daemon:
    def __init__(
        self,
        app: App,
        build: Callable[[App | None, Observer], App],
        on_app: Callable[[App], None],
        on_listen: Callable[[str], None],
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._app = app
        self._build = build
        self._on_app = on_app
        self._on_listen = on_listen
        self._metrics = metrics
        self._clock = clock
        self._notifier = Notifier(os.environ)
        self._schedule = app.schedule(self._ask)
        self._workers = {job: Worker(job, partial(self._run, job), metrics.make_up(job)) for job in self._schedule.jobs}
        self._alertas = Alertas(lambda: self._app, clock, lambda tipo: metrics.alerts.labels(tipo).inc())
        self._marcha = Marcha(clock)
        self._backend = Backend(lambda: self._app, metrics, clock, self._marcha, self._alertas.ended)
        self._retiring: asyncio.Task[None] | None = None
        self._guardia = Guardia(lambda: self._app, self._took_over)

    async def serve(self) -> None:
        await self._guardia.mirar()
        opening = asyncio.create_task(self._opening())
        try:
            last_runs = await self._last_runs()
        finally:
            opening.cancel()
        task = asyncio.current_task()
        if task is not None and task.cancelling():  # a transaction that was waited for has taken it for its own end
            raise asyncio.CancelledError
        # A new installation has nothing to compare: conciliacion is due only from its first night on.
        last_runs.setdefault(Job.CONCILIACION, min(last_runs.values(), default=self._clock()))
        textfile.retire(self._app)
        listening = self._listen()
        try:
            await serve(
                workers=self._workers,
                schedule=self._schedule,
                ask=self._ask,
                due={
                    job: due
                    for job in self._workers
                    if (due := self._schedule.missed(job, last_runs.get(job), self._clock())) is not None
                },
                clock=self._clock,
                notifier=self._notifier,
                services={
                    "alertas": self._alertas.watch(),
                    "guardia": self._guardia.vigilar(),
                    "cuidado": cuidar(lambda: self._app, self._clock),
                    **({} if listening is None else {"http": self._serve_http(listening)}),
                },
                orders=self._backend.orders,
                reload=self._reload,
                stopping=self._stop_waiting,
            )
        finally:
            (self._app.state / HTTP_FILE).unlink(missing_ok=True)

    async def _opening(self) -> None:
        """An upgrade with its backup, or another program's lock, may keep the start for minutes."""
        while True:
            self._notifier.starting("opening the database")
            await asyncio.sleep(OPENING_S)

    def _stop_waiting(self) -> None:
        self._app.database.stop_waiting()

    def _ask(self, job: Job, due: datetime) -> None:
        """A job is due, or was; a paused one is left alone."""
        now = self._clock()
        if job in self._app.pausas.vigentes(now):
            log.info("pausado", job=str(job))
        else:
            self._workers[job].ask(late=now - due > ON_TIME or self._app.entorno.locks.busy(job))

    async def _run(self, job: Job) -> None:
        app = self._app
        await self._guardia.mirar()
        tiendas = self._guardia.mias()
        if not tiendas:
            app.elegir(())  # raises where none is active; else all are on stand-by
            return
        wait_s = app.settings.inventario.wait_s
        if job is Job.VENTAS:
            wait_s -= await self._wait_for_inventario(wait_s)
        resultado = await self._marcha.en_turno(app.trabajo(job), tiendas, app.entorno, inventario_wait_s=wait_s)
        self._metrics.ended(resultado)
        self._backend.changed()
        self._alertas.ended(resultado)
        self._notifier.status(f"{job} {resultado.estado} {local(resultado.fin, app.zona):%H:%M}")
        await self._tidy(app)

    async def _took_over(self) -> None:
        """Stores that another daemon ran are ours now: what it left is repaired, and what it may have missed is run."""
        last_runs = await self._last_runs()
        night = last_runs.get(Job.CONCILIACION)
        now = self._clock()
        for job in self._workers:
            if job is not Job.CONCILIACION or (night and self._schedule.missed(job, night, now)):
                self._ask(job, now)

    async def _tidy(self, app: App) -> None:
        """Old logs are a matter of order: what keeps them from being tidied must not keep a job from running."""
        try:
            await asyncio.to_thread(
                logs.tidy,
                Path(app.settings.logs.dir),
                today=local(self._clock(), app.zona).date(),
                compress_after_days=app.settings.logs.compress_after_days,
                delete_after_days=app.settings.logs.delete_after_days,
            )
        except OSError as e:
            log.warning("logs_sin_ordenar", error=str(e))

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
            reloj = local(self._clock(), zona)
            schema.ensure(con, reloj)
            ids = [t.id for t in self._guardia.mias()]
            self._app.entorno.reparar(con, None, reloj, ids)
            return queries.ultimos_inicios(con, ids if self._app.database.origen.reparto.compartido else None)

        try:
            inicios = (await self._app.database.transaction(read)).value
        except CorridaError as e:
            log.warning("bd_no_leida", error_tipo=e.error_tipo, error=str(e))
            return {}
        await self._backend.figures()
        return {Job(job): instante(inicio, zona) for job, inicio in inicios.items() if job in set(Job)}

    def _reload(self) -> None:
        """Takes a new configuration; a bad one is refused, and the old one stays in force."""
        self._notifier.reloading()
        try:
            app = self._build(self._app, self._metrics.asked)
            app.elegir(())
            self._on_app(app)
        except ConfigError as e:
            log.error("configuracion_rechazada", error=str(e))  # noqa: TRY400 - not a bug, no traceback
        else:
            if app.database is not self._app.database:
                self._retiring = asyncio.create_task(self._retire(self._app.database), name="retire")
            self._app = app
            self._metrics.configured(app.tiendas)
            self._backend.changed()
            now = self._clock()
            for job, due in self._schedule.late(now).items():  # about to fire when it is armed anew
                self._ask(job, due)
            self._schedule.configure(app.crons(), app.zona)
            self._schedule.arm(now)
            log.info("configuracion_recargada", tiendas=[t.id for t in app.tiendas if t.activa])
        self._notifier.ready("running")

    async def _retire(self, database: Database) -> None:
        """Closes a database that another has taken the place of, once no run is at it: it may hold stores of a lake."""
        orders = [*self._backend.orders]
        await asyncio.gather(*(worker.idle() for worker in self._workers.values()), *orders, return_exceptions=True)
        await asyncio.to_thread(database.close)

    def _listen(self) -> socket.socket | None:
        """The server's socket, and where commands find it. Without one the jobs run all the same."""
        http = self._app.settings.http
        if not http.enabled:
            return None
        try:
            listening = server.listen(http.host, http.port)
        except ConfigError as e:
            log.error("http_no_disponible", error=str(e))  # noqa: TRY400 - not a bug, no traceback
            return None
        host, port, *_ = listening.getsockname()
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        files.replace(self._app.state / HTTP_FILE, json.dumps({"url": url, "pid": os.getpid()}).encode())
        log.info("http_iniciado", url=url)
        self._on_listen(url)
        return listening

    async def _serve_http(self, listening: socket.socket) -> None:
        http = self._app.settings.http
        app, tablero = web.build(
            self._backend,
            self._metrics.registry,
            token=token(self._app.state),
            host=http.host,
            allowed_hosts=http.allowed_hosts,
            clock=self._clock,
        )
        self._marcha.avisar(tablero.hub.changed)
        await server.serve(app, listening, stopping=tablero.hub.close)
