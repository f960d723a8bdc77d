"""What every process needs: the objects of a run."""

import asyncio
import socket
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from klk_daemon import __version__, logs
from klk_daemon.bootstrap.servir import place, require_same
from klk_daemon.domain import Job, Rango, Tienda
from klk_daemon.errors import ConfigError
from klk_daemon.jobs.entorno import Entorno
from klk_daemon.jobs.locks import JobLocks
from klk_daemon.jobs.pausas import Pausas
from klk_daemon.jobs.run import Trabajo
from klk_daemon.lean import lean_imports
from klk_daemon.settings import Loaded, Settings, ensure_state_dir, require_runnable
from klk_daemon.warehouse.connection import Database
from klk_daemon.warehouse.pendientes import Pendientes
from klk_daemon.warehouse.recibo import Recibo, escritor
from klk_daemon.windows import dias

if TYPE_CHECKING:
    from klk_daemon.daemon.scheduler import Schedule
    from klk_daemon.klk.client import KlkClient


# Told of each request to KLK: what happened ("answered", "failed", "retried"), its error_tipo, its seconds.
Observer = Callable[[str, str, float], None]


def nothing_asked(_what: str, _error_tipo: str, _seconds: float) -> None:
    """The observer of those who do not count."""


def nothing_due(_job: Job, _due: datetime) -> None:
    """The asked one of a schedule that is only looked at."""


@dataclass(frozen=True, slots=True)
class App:
    """One process's objects. `state` is the state directory."""

    settings: Settings
    state: Path
    zona: ZoneInfo
    database: Database
    entorno: Entorno
    pausas: Pausas
    tiendas: tuple[Tienda, ...]

    def setup_logs(self, *, console: str | None = None) -> None:
        """Logging for this process. `console`: least severe level on stderr, where it differs from the files'.

        Raises:
            ConfigError: the logs' folder cannot be used.
        """
        folder = Path(self.settings.logs.dir)
        logs.setup(folder, level=self.settings.logs.level, zona=self.zona, console=console)

    def schedule(self, ask: "Callable[[Job, datetime], None]" = nothing_due) -> "Schedule":
        """When the jobs run; nothing fires before it is armed. `ask`: see `Schedule`."""
        from klk_daemon.daemon.scheduler import Schedule  # noqa: PLC0415 - APScheduler, which a trigger does without

        return Schedule(self.crons(), self.zona, ask)

    def observed(self, observer: Observer) -> "App":
        """The same objects, whose requests to KLK the observer is told of."""
        slots = asyncio.Semaphore(self.settings.api.max_concurrency)
        return replace(self, entorno=replace(self.entorno, client=partial(_client, self.settings, slots, observer)))

    def crons(self) -> dict[Job, str]:
        """Job to cron expression, in the order in which jobs that are due together begin."""
        crons = self.settings.schedule
        return {Job.INVENTARIO: crons.inventario, Job.VENTAS: crons.ventas, Job.CONCILIACION: crons.conciliacion}

    def elegir(self, ids: Collection[str]) -> tuple[Tienda, ...]:
        """The active stores, or those of them that are named.

        Raises:
            ConfigError: a name that is no store's, or an inactive one's; or no store is active.
        """
        activas = {t.id: t for t in self.tiendas if t.activa}
        for id_ in ids:
            if id_ not in activas:
                known = "inactive in the configuration" if id_ in {t.id for t in self.tiendas} else "not configured"
                raise ConfigError(f"--tienda {id_}: {known}", hint=f"the active ones are {', '.join(activas)}")
        if not activas:
            raise ConfigError("every store is inactive", hint="set activa = true for one of [[tiendas]]")
        return tuple(t for t in activas.values() if not ids or t.id in ids)

    def trabajo(self, job: Job, *, rango: Rango | None = None, aceptar: bool = False) -> Trabajo[Any]:
        """A job as configured.

        Args:
            job: which.
            rango: for `ventas` and `conciliacion`: what to read instead of what is due.
            aceptar: for `inventario`: take any snapshot but an empty one.
        """
        min_ratio = self.settings.inventario.min_ratio
        overlap = timedelta(minutes=self.settings.ventas.overlap_min)
        # A run of one job does without the others' code.
        if job is Job.INVENTARIO:
            from klk_daemon.jobs.inventario import Inventario  # noqa: PLC0415

            return Inventario(min_ratio=0 if aceptar else min_ratio)
        if job is Job.CONCILIACION:
            from klk_daemon.jobs.conciliacion import Conciliacion  # noqa: PLC0415

            return Conciliacion(
                zona=self.zona,
                days=self.settings.conciliacion.days,
                min_ratio=min_ratio,
                overlap=overlap,
                fechas=dias(rango.intervalo, self.zona) if rango else (),
            )
        from klk_daemon.jobs.ventas import Ventas  # noqa: PLC0415

        return Ventas(
            zona=self.zona,
            overlap=overlap,
            first_run_days=self.settings.ventas.first_run_days,
            max_catchup_days=self.settings.ventas.max_catchup_days,
            rango=rango,
        )


def build(
    loaded: Loaded,
    state: Path,
    *,
    before: App | None = None,
    observer: Observer = nothing_asked,
    daemon: bool = False,
) -> App:
    """The objects, for settings that can be run. Opens nothing yet.

    Args:
        loaded: the settings.
        state: the state directory; made where it is missing.
        before: the objects that these take the place of: its database is kept, as one file must have one writer.
        observer: is told of each request to KLK.
        daemon: whether this process is the daemon, which alone serves the database (`database.serve`).

    Raises:
        ConfigError: there is no store, no address, or no state directory; or it cannot be served.
    """
    require_runnable(loaded)
    settings = loaded.settings
    ensure_state_dir(state)
    zona = ZoneInfo(settings.schedule.timezone)
    origen = place(settings, state, daemon=daemon)
    if before is not None:
        require_same(before.database.origen, origen)
    database = before.database if before is not None and before.database.origen == origen else Database(origen)
    database.configure(lock_timeout_s=settings.database.lock_timeout_s, memory_limit=settings.database.memory_limit)
    entorno = Entorno(
        database=database,
        client=partial(_client, settings, asyncio.Semaphore(settings.api.max_concurrency), observer),
        recibo=Recibo(state, escritor(state) if origen.reparto.compartido else ""),
        pendientes=Pendientes(state),
        zona=zona,
        run_timeout_s=settings.schedule.run_timeout_s,
        host=socket.gethostname(),
        version=__version__,
        ubicaciones=frozenset(t.id for t in settings.tiendas),
        locks=JobLocks(state),
    )
    tiendas = tuple(Tienda(t.id, t.nombre, t.sucursal, t.almacenes, t.activa) for t in settings.tiendas)
    return App(settings, state, zona, database, entorno, Pausas(state), tiendas)


def _client(settings: Settings, slots: asyncio.Semaphore, observer: Observer) -> "KlkClient":
    """The client of one run. Its libraries take 60 ms to load: a run does that while its database is opened."""
    with lean_imports():
        from klk_daemon.klk.client import ClientOptions, KlkClient  # noqa: PLC0415
        from klk_daemon.klk.reintentos import tell_retries  # noqa: PLC0415

    tell_retries(observer)
    api = settings.api
    options = ClientOptions(
        base_url=api.base_url,
        timeout_s=api.timeout_s,
        connect_timeout_s=api.connect_timeout_s,
        max_response_mb=api.max_response_mb,
        retry_attempts=api.retry_attempts,
        retry_max_wait_s=api.retry_max_wait_s,
    )
    return KlkClient(options, slots, observer)
