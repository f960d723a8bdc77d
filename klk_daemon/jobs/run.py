"""One run of a job: fan out over the stores, keep the ledger, make the outcome.

Each store succeeds or fails by itself (contract, "What a run guarantees", 1). What fails is an outcome, not an
exception: only a configuration that cannot work is raised.
"""

import asyncio
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import structlog
from duckdb import DuckDBPyConnection

from klk_daemon.domain import Estado, Job, Modo, Resultado, ResultadoTienda, Tienda
from klk_daemon.errors import BaseOcupada, ConfigError, CorridaError, Interrumpido, TiendaAjena
from klk_daemon.jobs.apertura import recuperar, repartir
from klk_daemon.jobs.entorno import Entorno
from klk_daemon.jobs.escritura import Escritura
from klk_daemon.jobs.outcome import Libro, tell, tell_refused, tell_tienda
from klk_daemon.jobs.sesion import Sesion
from klk_daemon.warehouse import ejecuciones, schema
from klk_daemon.warehouse.archivo import Archivo
from klk_daemon.warehouse.connection import Database
from klk_daemon.warehouse.ejecuciones import Ejecucion
from klk_daemon.windows import local

if TYPE_CHECKING:
    from klk_daemon.klk.client import KlkClient

log = structlog.get_logger()
P = TypeVar("P")


class Trabajo(Protocol[P]):
    """What a job must say of itself; `P` is what it plans for one store."""

    @property
    def job(self) -> Job:
        """Its name."""

    @property
    def a_la_vez(self) -> int:
        """How many stores are worked on at once: each holds its answers in memory until they are loaded."""

    def planificar(self, con: DuckDBPyConnection, tiendas: Sequence[Tienda], now: datetime) -> dict[str, P]:
        """What to do for each store, by its id; runs in the transaction that opens the run. `now` in UTC."""

    def modo(self, planes: Collection[P]) -> Modo:
        """What kind of run it is, once the stores are planned; for none, what it is meant to be."""

    async def tienda(self, tienda: Tienda, plan: P, sesion: Sesion) -> None:
        """Does a store's part.

        Raises:
            CorridaError: it failed; what `sesion` has committed stays.
        """


def nothing(_: Any) -> None:
    """The listener of those who do not listen."""


async def correr(
    trabajo: Trabajo[P],
    tiendas: Sequence[Tienda],
    entorno: Entorno,
    *,
    now: datetime,
    dry_run: bool = False,
    on_inicio: Callable[[str], None] = nothing,
    on_tienda: Callable[[ResultadoTienda], None] = nothing,
) -> Resultado:
    """Runs a job once. The caller holds the job's lock (jobs/locks.py).

    Args:
        trabajo: the job.
        tiendas: the stores to run it for.
        entorno: the tools.
        now: the instant of the run, UTC; durations are measured from here.
        dry_run: everything but the write.
        on_inicio: called with the run's id when it begins.
        on_tienda: called with each store's outcome as it comes.

    Raises:
        ConfigError: the database has another shape, or is a newer version's.
        asyncio.CancelledError: the run was cancelled; by then its stores are booked as `interrumpido`.
    """
    scratch = Database(Archivo(Path(":memory:"))) if dry_run and not entorno.database.exists() else None
    if scratch is not None:  # a new installation stays new
        entorno = replace(entorno, database=scratch)
    corrida = _Corrida(trabajo, tiendas, entorno, now, dry_run=dry_run, on_tienda=on_tienda)
    on_inicio(corrida.libro.run_id)
    with structlog.contextvars.bound_contextvars(run_id=corrida.libro.run_id, job=str(trabajo.job)):
        resultado = await corrida.run()
    if scratch is not None:
        scratch.close()
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
    return resultado


class _Corrida(Generic[P]):
    def __init__(
        self,
        trabajo: Trabajo[P],
        tiendas: Sequence[Tienda],
        entorno: Entorno,
        now: datetime,
        *,
        dry_run: bool,
        on_tienda: Callable[[ResultadoTienda], None],
    ) -> None:
        self._trabajo = trabajo
        self._tiendas = tiendas
        self._entorno = entorno
        self._now = now.replace(microsecond=0)
        self._began = time.monotonic()
        self._dry_run = dry_run
        self._on_tienda = on_tienda
        self.libro = Libro(
            run_id=uuid.uuid4().hex[:12],
            job=trabajo.job,
            modo=trabajo.modo(()),
            zona=entorno.zona,
            host=entorno.host,
            version=entorno.version,
        )

    async def run(self) -> Resultado:
        log.info("etl_iniciado", modo=str(self.libro.modo), tiendas=[t.id for t in self._tiendas])
        # Made while this waits for the database, which another thread opens.
        client = asyncio.ensure_future(self._client())
        try:
            done = await self._entorno.database.transaction(self._open, keep=not self._dry_run)
        except ConfigError as e:
            tell_refused(e)
            raise
        except CorridaError as e:
            partes = [self._failed(t, e) for t in self._tiendas]
        except asyncio.CancelledError:
            partes = [self._failed(t, Interrumpido("cut off: shutdown")) for t in self._tiendas]
        else:
            self.libro, planes, ajenas = done.value
            if not self._dry_run:
                self._entorno.pendientes.olvidar()
                self._entorno.recibo.recortar()
            partes = [self._failed(t, ajenas[t.id]) for t in self._tiendas if t.id in ajenas]
            partes += await self._fan_out(planes, await client, done.espera_s)
        # A store of another daemon's has its ledger there.
        await self._book([p for p in partes if p.error is not None and not isinstance(p.error, TiendaAjena)])
        resultado = Resultado(
            self.libro.run_id, self._trabajo.job, self.libro.modo, self._now, self._elapsed(), tuple(partes)
        )
        tell(resultado)
        return resultado

    def _open(self, con: DuckDBPyConnection) -> tuple[Libro, dict[str, P], Mapping[str, TiendaAjena]]:
        """The run's first transaction: repairs what an earlier run left, plans this one, books its start."""
        reloj = local(self._now, self._entorno.zona)
        schema.ensure(con, reloj, keep=not self._dry_run)
        ajenas = {} if self._dry_run else repartir(self._entorno.database.origen.reparto, self._tiendas)
        tiendas = [t for t in self._tiendas if t.id not in ajenas]
        if (perdida := self._entorno.recibo.comparar(con)) is not None:
            recuperar(con, perdida)
        pendientes = self._entorno.pendientes.escribir(con)
        reparadas = self._entorno.reparar(con, self._trabajo.job, reloj, [t.id for t in tiendas])
        if pendientes or reparadas:
            log.warning("ejecuciones_reparadas", pendientes=pendientes, interrumpidas=reparadas)
        ejecuciones.anotar_tiendas(con, tiendas, reloj)
        planes = self._trabajo.planificar(con, tiendas, self._now)
        libro = replace(self.libro, modo=self._trabajo.modo(planes.values()))
        empezadas = (ResultadoTienda(t, Estado.EN_PROCESO, self._now, self._now) for t in tiendas)
        ejecuciones.empezar(con, [libro.ejecucion(p) for p in empezadas])
        return libro, planes, ajenas

    async def _client(self) -> "KlkClient":
        return self._entorno.client()

    async def _fan_out(self, planes: Mapping[str, P], klk: "KlkClient", espera_s: float) -> list[ResultadoTienda]:
        """All stores side by side, to their end; a deadline or a cancellation makes that `interrumpido`.

        `espera_s`: how long all of them have waited for the database already.
        """
        reason = f"schedule.run_timeout_s ({self._entorno.run_timeout_s:g} s) is over"
        tiendas = [t for t in self._tiendas if t.id in planes]
        if not tiendas:
            return []
        escritura = Escritura(
            self._entorno.database,
            self._entorno.recibo,
            self.libro,
            self._now,
            self._elapsed,
            dry_run=self._dry_run,
        )
        async with klk as client:
            lugares = asyncio.Semaphore(self._trabajo.a_la_vez)
            sesiones = [Sesion(client=client, escritura=escritura, tienda=t, espera_s=espera_s) for t in tiendas]
            tasks = [
                asyncio.create_task(self._tienda(t, planes[t.id], sesion, lugares))
                for t, sesion in zip(tiendas, sesiones, strict=True)
            ]
            try:
                await asyncio.wait(tasks, timeout=self._entorno.run_timeout_s)
            except asyncio.CancelledError:
                reason = "shutdown"
            for task in tasks:
                task.cancel(reason)  # nothing happens to those that have ended
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        return [self._outcome(t, o, reason) for t, o in zip(tiendas, outcomes, strict=True)]

    def _outcome(self, tienda: Tienda, outcome: ResultadoTienda | BaseException, reason: str) -> ResultadoTienda:
        if isinstance(outcome, ResultadoTienda):
            return outcome
        if isinstance(outcome, asyncio.CancelledError):  # before it took its first step
            return self._failed(tienda, Interrumpido(f"cut off: {reason}"))
        # A bug must not take the other stores along.
        log.error("error_interno", tienda=tienda.id, exc_info=outcome)
        return self._failed(tienda, Interrumpido(f"internal error: {outcome!r}", hint="a bug: please report it"))

    async def _tienda(self, tienda: Tienda, plan: P, sesion: Sesion, lugares: asyncio.Semaphore) -> ResultadoTienda:
        with structlog.contextvars.bound_contextvars(tienda=tienda.id):
            try:
                async with lugares:
                    await self._trabajo.tienda(tienda, plan, sesion)
            except CorridaError as e:
                return self._told(sesion.fallido(e))
            except asyncio.CancelledError as e:
                return self._told(sesion.fallido(Interrumpido(f"cut off: {e.args[0] if e.args else 'shutdown'}")))
            return self._told(sesion.resultado)

    def _failed(self, tienda: Tienda, error: CorridaError) -> ResultadoTienda:
        """The outcome of a store whose part never began; where the database was held, waiting was all it did."""
        fin = self._elapsed()
        espera_s = (fin - self._now).total_seconds() if isinstance(error, BaseOcupada) else 0.0
        with structlog.contextvars.bound_contextvars(tienda=tienda.id):
            return self._told(
                ResultadoTienda(tienda, Estado.FALLIDO, self._now, fin, espera_bd_s=espera_s, error=error)
            )

    def _told(self, parte: ResultadoTienda) -> ResultadoTienda:
        tell_tienda(parte)
        self._on_tienda(parte)
        return parte

    async def _book(self, fallidas: Sequence[ResultadoTienda]) -> None:
        """Books the failures; where the database cannot take them, the state directory keeps them."""
        if not fallidas or self._dry_run:
            return
        rows = [self.libro.ejecucion(p) for p in fallidas]
        try:
            for parte in fallidas:
                if isinstance(parte.error, BaseOcupada):
                    raise parte.error  # it is not waited for twice
            await self._entorno.database.transaction(lambda con: ejecuciones.guardar(con, rows))
        except (CorridaError, asyncio.CancelledError) as e:
            self._set_aside(rows, e)

    def _set_aside(self, rows: Sequence[Ejecucion], why: BaseException) -> None:
        try:
            self._entorno.pendientes.apartar(rows)
        except (OSError, ValueError) as e:  # the log has them, and the run must still end as what it was
            log.critical("ejecuciones_sin_anotar", filas=len(rows), motivo=str(why), error=str(e))
        else:
            log.warning("ejecuciones_apartadas", filas=len(rows), motivo=str(why))

    def _elapsed(self) -> datetime:
        """The instant now: the run's own, and what has passed since."""
        return self._now + timedelta(seconds=time.monotonic() - self._began)
