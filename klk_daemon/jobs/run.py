"""One run of a job: fan out over the stores, keep the ledger, make the outcome.

Each store succeeds or fails by itself (contract, "What a run guarantees", 1). What fails is an outcome, not an
exception: only a configuration that cannot work is raised.
"""

import asyncio
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime
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
from klk_daemon.jobs.reloj import Reloj
from klk_daemon.jobs.sesion import Apertura, Sesion
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

    async def tienda(self, tienda: Tienda, sesion: Sesion[P]) -> None:
        """Does a store's part; its plan is the session's.

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
        self._reloj = Reloj(now.replace(microsecond=0), entorno.zona)
        self._dry_run = dry_run
        self._on_tienda = on_tienda
        # Why the parts that have not ended are cut off; those of a run that is refused end without a word.
        self._corte: CorridaError | None = None
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
        apertura = asyncio.create_task(self._abrir())
        try:
            async with AsyncExitStack() as cierre:  # of the client, after the last store's end
                partes = await self._fan_out(apertura, cierre)
        except ConfigError as e:
            tell_refused(e)
            raise
        # A store of another daemon's has its ledger there.
        await self._book([p for p in partes if p.error is not None and not isinstance(p.error, TiendaAjena)])
        fin = self._reloj.instante()
        resultado = Resultado(
            self.libro.run_id, self._trabajo.job, self.libro.modo, self._reloj.now, fin, tuple(partes)
        )
        tell(resultado)
        return resultado

    async def _abrir(self) -> Apertura[P]:
        done = await self._entorno.database.transaction(self._open, keep=not self._dry_run)
        self.libro, planes, ajenas = done.value
        if not self._dry_run:
            self._entorno.pendientes.olvidar()
            self._entorno.recibo.recortar()
        escritura = Escritura(
            self._entorno.database, self._entorno.recibo, self.libro, self._reloj, dry_run=self._dry_run
        )
        return Apertura(escritura, planes, ajenas, done.espera_s)

    def _open(self, con: DuckDBPyConnection) -> tuple[Libro, dict[str, P], Mapping[str, TiendaAjena]]:
        """The run's first transaction: repairs what an earlier run left, plans this one, books its start."""
        now = self._reloj.now
        reloj = local(now, self._entorno.zona)
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
        planes = self._trabajo.planificar(con, tiendas, now)
        libro = replace(self.libro, modo=self._trabajo.modo(planes.values()))
        empezadas = (ResultadoTienda(t, Estado.EN_PROCESO, now, now) for t in tiendas)
        ejecuciones.empezar(con, [libro.ejecucion(p) for p in empezadas])
        return libro, planes, ajenas

    async def _fan_out(self, apertura: asyncio.Task[Apertura[P]], cierre: AsyncExitStack) -> list[ResultadoTienda]:
        """All stores side by side, to their end; a deadline or a cancellation makes that `interrumpido`.

        They begin while the database is being opened: what needs no plan is asked of KLK meanwhile.
        """
        ajenas: Mapping[str, TiendaAjena] = {}
        tasks: dict[str, asyncio.Task[ResultadoTienda]] = {}
        try:
            await asyncio.sleep(0)  # now its thread opens the database, and the client is made meanwhile
            client = await cierre.enter_async_context(self._entorno.client())
            if self._entorno.database.origen.reparto.compartido:
                # What another daemon loads is not asked for here.
                ajenas = (await asyncio.shield(apertura)).ajenas
            tasks = self._start(client, apertura, [t for t in self._tiendas if t.id not in ajenas])
            await asyncio.shield(apertura)
            if tasks:
                await asyncio.wait(tasks.values(), timeout=self._entorno.run_timeout_s)
            self._corte = Interrumpido(f"cut off: schedule.run_timeout_s ({self._entorno.run_timeout_s:g} s) is over")
        except CorridaError as e:
            self._corte = e
        except asyncio.CancelledError:
            self._corte = Interrumpido("cut off: shutdown")
        finally:
            for task in (apertura, *tasks.values()):
                task.cancel()  # nothing happens to those that have ended
            await asyncio.gather(apertura, *tasks.values(), return_exceptions=True)
        return [self._outcome(t, tasks.get(t.id), ajenas.get(t.id, self._corte)) for t in self._tiendas]

    def _start(
        self, client: "KlkClient", apertura: asyncio.Task[Apertura[P]], tiendas: Sequence[Tienda]
    ) -> dict[str, asyncio.Task[ResultadoTienda]]:
        lugares = asyncio.Semaphore(self._trabajo.a_la_vez)
        sesiones = [Sesion(client=client, apertura=apertura, tienda=t, reloj=self._reloj) for t in tiendas]
        return {
            t.id: asyncio.create_task(self._tienda(t, sesion, lugares))
            for t, sesion in zip(tiendas, sesiones, strict=True)
        }

    def _outcome(
        self, tienda: Tienda, task: asyncio.Task[ResultadoTienda] | None, corte: CorridaError
    ) -> ResultadoTienda:
        if task is None or task.cancelled():  # it has not taken its first step
            return self._failed(tienda, corte)
        if (error := task.exception()) is not None:
            # A bug must not take the other stores along.
            log.error("error_interno", tienda=tienda.id, exc_info=error)
            return self._failed(tienda, Interrumpido(f"internal error: {error!r}", hint="a bug: please report it"))
        return task.result()

    async def _tienda(self, tienda: Tienda, sesion: Sesion[P], lugares: asyncio.Semaphore) -> ResultadoTienda:
        with structlog.contextvars.bound_contextvars(tienda=tienda.id):
            try:
                async with lugares:
                    await self._trabajo.tienda(tienda, sesion)
            except CorridaError as e:
                return self._told(sesion.fallido(e))
            except asyncio.CancelledError:
                if self._corte is None:
                    raise
                return self._told(sesion.fallido(self._corte))
            return self._told(sesion.resultado)

    def _failed(self, tienda: Tienda, error: CorridaError) -> ResultadoTienda:
        """The outcome of a store whose part never began; where the database was held, waiting was all it did."""
        inicio, fin = self._reloj.now, self._reloj.instante()
        espera_s = (fin - inicio).total_seconds() if isinstance(error, BaseOcupada) else 0.0
        with structlog.contextvars.bound_contextvars(tienda=tienda.id):
            return self._told(ResultadoTienda(tienda, Estado.FALLIDO, inicio, fin, espera_bd_s=espera_s, error=error))

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
            for error in (self._corte, *(parte.error for parte in fallidas)):
                if isinstance(error, BaseOcupada):
                    raise error  # it is not waited for twice
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
