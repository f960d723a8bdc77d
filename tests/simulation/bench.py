"""Runs the real jobs against the simulator, as `bootstrap` would, one at a time, with troubles of choice."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Never
from zoneinfo import ZoneInfo

import stamina
import structlog

from klk_daemon.domain import Intervalo, Job, Modo, Rango, ResultadoTienda, Tienda
from klk_daemon.jobs.conciliacion import Conciliacion
from klk_daemon.jobs.entorno import Entorno
from klk_daemon.jobs.inventario import Inventario
from klk_daemon.jobs.locks import JobLocks
from klk_daemon.jobs.run import Trabajo, correr
from klk_daemon.jobs.ventas import Ventas
from klk_daemon.klk.client import ClientOptions, KlkClient
from klk_daemon.simulator import Falla, Mundo, Registro, Simulador, TipoFalla
from klk_daemon.warehouse.archivo import Archivo
from klk_daemon.warehouse.origen import Origen
from klk_daemon.warehouse.pendientes import Pendientes
from klk_daemon.warehouse.recibo import Recibo

from .snapshot import Foto, tomar
from .troubles import BaseVigilada, ClienteVigilado, Punto, Vigia, ocupante

TIENDAS = (
    Tienda("tienda_01", "PERIFERICO", "SUC001", ("APP-TPF", "APP-PPF")),
    Tienda("tienda_08", "BOSQUE", "SUC002", ("APP-TBQ",)),
    Tienda("tienda_17", "ARTIGAS", "SUC003", ("TANT",)),
    Tienda("tienda_20", "TAZAJAL", "SUC005", ("TTZ",)),
)
OVERLAP = timedelta(minutes=60)
MIN_RATIO = 0.5
PATIENT_S = 20.0
IMPATIENT_S = 0.4
MENTIRAS = {TipoFalla.SIN_FILAS, TipoFalla.ENCOGIDO}
SLOW = {TipoFalla.CUELGA, TipoFalla.GOTEO, TipoFalla.GOTEO_CABECERA}


@dataclass(frozen=True, slots=True)
class Apuros:
    """What strikes one run.

    Attributes:
        fallas: the simulator's faults, switched on for this run.
        corte: the run is cancelled at the n-th such moment.
        ocupada: another process takes the database at the n-th such moment; None for the n: before the run.
        ensayo: `--dry-run`.
    """

    fallas: Sequence[Falla] = ()
    corte: tuple[Punto, int] | None = None
    ocupada: tuple[Punto, int] | None = None
    ensayo: bool = False

    def sin_mentiras(self) -> "Apuros":
        """The same, without answers that nobody can tell from true ones."""
        return replace(self, fallas=[f for f in self.fallas if f.tipo not in MENTIRAS])


NINGUNO = Apuros()


@dataclass(frozen=True, slots=True)
class Corrida:
    """One run as seen from outside: `t` is the true time, `now` what the daemon took it for."""

    trabajo: Any
    tiendas: tuple[Tienda, ...]
    t: datetime
    now: datetime
    apuros: Apuros
    partes: dict[str, ResultadoTienda]
    run_id: str
    cancelada: bool
    peticiones: Sequence[Registro]
    antes: Foto
    despues: Foto

    @property
    def job(self) -> Job:
        """Which job."""
        job: Job = self.trabajo.job
        return job


@dataclass(slots=True)
class Banco:
    """The world, the database and the jobs. `zona` is the stores' time zone."""

    mundo: Mundo
    sim: Simulador
    base: BaseVigilada
    entorno: Entorno
    cliente: Callable[[float], KlkClient]
    max_catchup_days: int = 31
    first_run_days: int = 0
    foto: Foto = field(default_factory=Foto)

    @property
    def zona(self) -> ZoneInfo:
        """The stores' time zone."""
        return self.mundo.zona

    def ventas(self, rango: Intervalo | None = None, modo: Modo = Modo.RECUPERACION) -> Ventas:
        """The job, as configured, or for a range by hand."""
        return Ventas(
            zona=self.zona,
            overlap=OVERLAP,
            first_run_days=self.first_run_days,
            max_catchup_days=self.max_catchup_days,
            rango=Rango(rango, modo) if rango else None,
        )

    def inventario(self, min_ratio: float = MIN_RATIO) -> Inventario:
        """The job; 0 is `--aceptar`."""
        return Inventario(min_ratio)

    def conciliacion(self, fechas: Sequence[date] = (), min_ratio: float = MIN_RATIO) -> Conciliacion:
        """The job, as configured, or for days by hand."""
        return Conciliacion(zona=self.zona, days=2, min_ratio=min_ratio, overlap=OVERLAP, fechas=fechas)

    async def correr(
        self,
        trabajo: Trabajo[Any],
        t: datetime,
        *,
        tiendas: Sequence[Tienda] = TIENDAS,
        now: datetime | None = None,
        apuros: Apuros = NINGUNO,
    ) -> Corrida:
        """Runs a job once at the true time `t`, to its end, and looks at the database before and after."""
        self.mundo.set_now(t)
        self.sim.olvidar_peticiones()
        for falla in apuros.fallas:
            self.sim.fallas.poner(falla)
        partes: dict[str, ResultadoTienda] = {}
        vigia = Vigia()
        self.base.vigia = ClienteVigilado.vigia = vigia
        slow = any(f.tipo in SLOW for f in apuros.fallas)
        entorno = replace(self.entorno, client=partial(self.cliente, IMPATIENT_S if slow else PATIENT_S))
        with ocupante(self.base.origen) as otro:
            task = asyncio.create_task(
                correr(
                    trabajo,
                    tiendas,
                    entorno,
                    now=now or t,
                    dry_run=apuros.ensayo,
                    on_tienda=lambda parte: partes.update({parte.tienda.id: parte}),
                )
            )
            if apuros.corte is not None:
                vigia.punto, vigia.faltan = apuros.corte
                vigia.hacer = partial(_cancelar, task)
            if apuros.ocupada is not None:
                vigia.punto, vigia.faltan = apuros.ocupada
                vigia.hacer = otro.tomar
                if not vigia.faltan:
                    otro.tomar()
            try:
                run_id, cancelada = (await task).run_id, False
            except asyncio.CancelledError:
                run_id, cancelada = "", True
        vigia.punto = None
        self.sim.fallas.quitar()
        antes, self.foto = self.foto, (await self.base.transaction(tomar, keep=False)).value
        return Corrida(
            trabajo,
            tuple(tiendas),
            t,
            now or t,
            apuros,
            partes,
            run_id,
            cancelada,
            self.sim.peticiones,
            antes,
            self.foto,
        )


def _cancelar(task: asyncio.Task[Any]) -> None:
    task.cancel()


def _callar(_logger: object, _method: str, _event: object) -> Never:
    raise structlog.DropEvent


@asynccontextmanager
async def banco(
    carpeta: Path, mundo: Mundo, *, max_catchup_days: int = 31, legado: Path | None = None, origen: Origen | None = None
) -> AsyncIterator[Banco]:
    """A bench on an empty folder; retries do not wait, and nothing is logged. `legado`: a database to begin with.

    `origen`: another place than a file.
    """
    structlog.configure(processors=[_callar])
    if legado is not None:
        shutil.copyfile(legado, carpeta / "klk.db")
    base = BaseVigilada(origen or Archivo(carpeta / "klk.db"), lock_timeout_s=0.25)
    base._config["threads"] = 1  # small queries: threads would only wait for each other
    slots = asyncio.Semaphore(6)

    def cliente(timeout_s: float) -> KlkClient:
        options = ClientOptions(sim.url, timeout_s=timeout_s, max_response_mb=2, retry_max_wait_s=0)
        return ClienteVigilado(options, slots)

    try:
        with stamina.set_testing(True, attempts=2, cap=True):
            async with Simulador(mundo) as sim:
                entorno = Entorno(
                    database=base,
                    client=partial(cliente, PATIENT_S),
                    recibo=Recibo(carpeta, "simulation" if base.origen.reparto.compartido else ""),
                    pendientes=Pendientes(carpeta),
                    zona=mundo.zona,
                    run_timeout_s=120,
                    host="simulation",
                    version="0",
                    ubicaciones=tuple(t.id for t in TIENDAS),
                    locks=JobLocks(carpeta),
                )
                foto = (await base.transaction(tomar, keep=False)).value if legado else Foto()
                yield Banco(mundo, sim, base, entorno, cliente, max_catchup_days, foto=foto)
    finally:
        base.close()
        structlog.reset_defaults()
