"""`ventas`: new, late and corrected sale lines since the watermark, each exactly once."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from duckdb import DuckDBPyConnection

from klk_daemon.domain import Conteo, Intervalo, Job, Modo, Rango, Tienda, Ventana
from klk_daemon.jobs.escritura import Momento
from klk_daemon.jobs.lectura import leer
from klk_daemon.jobs.outcome import log
from klk_daemon.jobs.sesion import Sesion
from klk_daemon.warehouse import cobertura, ventas
from klk_daemon.warehouse.cobertura import Lectura, Leido
from klk_daemon.warehouse.ventas import Lineas
from klk_daemon.windows import UN_DIA, Plan, dias, planificar, ventanas


@dataclass(frozen=True, slots=True)
class Ventas:
    """Reads each store from its watermark on, or a range by hand.

    Attributes:
        zona: the stores' time zone.
        overlap: how far before its watermark a store's window starts.
        first_run_days: where a store without rows begins, in days before today's midnight.
        max_catchup_days: no window begins further back.
        rango: what an operator asked for instead; the watermark is then no guide.
    """

    zona: ZoneInfo
    overlap: timedelta
    first_run_days: int
    max_catchup_days: int
    rango: Rango | None = None
    job: Job = Job.VENTAS
    a_la_vez: int = 12

    def planificar(self, con: DuckDBPyConnection, tiendas: Sequence[Tienda], now: datetime) -> dict[str, Plan]:
        """The intervals to read for each store, the newest first."""
        lecturas = cobertura.leer(con, [t.id for t in tiendas], zona=self.zona, now=now)
        return {id_: self._planificar(lectura, now) for id_, lectura in lecturas.items()}

    def _planificar(self, lectura: Lectura, now: datetime) -> Plan:
        if self.rango is not None:
            intervalo, marca = self.rango.intervalo, lectura.marca
            # One that begins within the overlap would carry the watermark past late lines of the overlap's first part.
            dentro = marca is not None and marca - self.overlap < intervalo.desde <= marca
            return Plan((intervalo,), None, avanza=not dentro)
        return planificar(
            marca=lectura.marca,
            ultima_venta=lectura.ultima_venta,
            cobertura=lectura.cobertura,
            por_releer=lectura.por_releer,
            now=now,
            zona=self.zona,
            overlap=self.overlap,
            first_run_days=self.first_run_days,
            max_catchup_days=self.max_catchup_days,
        )

    def modo(self, planes: Collection[Plan]) -> Modo:
        """`recuperacion` where a range was asked for, or a store catches up for longer than a day."""
        if self.rango is not None:
            return self.rango.modo
        largo = any(i.hasta - i.desde > UN_DIA + self.overlap for plan in planes for i in plan.intervalos)
        return Modo.RECUPERACION if largo else Modo.INCREMENTAL

    async def tienda(self, tienda: Tienda, sesion: Sesion[Plan]) -> None:
        """One request and one step a store-local day, in order, so that an outage is caught up piece by piece.

        Raises:
            CorridaError: a request or a commit failed; the days before it stay.
        """
        plan = await sesion.plan()
        if plan.omitido is not None:
            _avisar(tienda, plan.omitido, self.zona, self.max_catchup_days)
        pasos = [v for intervalo in plan.intervalos for v in ventanas(intervalo, self.zona)]
        if pasos:
            intervalos = [v.intervalo for v in pasos]
            sesion.rango(Intervalo(min(i.desde for i in intervalos), max(i.hasta for i in intervalos)))
        else:
            await sesion.cargar(nada, None, ultima=True, con="nada")
        for n, ventana in enumerate(pasos, start=1):
            await self._leer(tienda, ventana, plan, sesion, ultima=n == len(pasos))

    async def _leer(self, tienda: Tienda, ventana: Ventana, plan: Plan, sesion: Sesion[Plan], *, ultima: bool) -> None:
        lineas, rechazos = await leer(tienda, ventana, sesion)
        await sesion.cargar(
            cargar,
            Carga(lineas, Leido(tienda.id, ventana.intervalo, plan.piso, plan.avanza)),
            filas=lineas.numero,
            apartadas=rechazos,
            leido=ventana.intervalo,
            ultima=ultima,
            con=ventana.fecha,  # one day's, so that the table is looked through for no other
        )


@dataclass(frozen=True, slots=True)
class Carga:
    """The lines of a store's window, and which that is."""

    lineas: Lineas
    leido: Leido


def cargar(con: DuckDBPyConnection, cargas: Sequence[Carga], momento: Momento) -> Sequence[Conteo]:
    """Loads the lines of several stores, with watermarks and coverage, in the caller's transaction."""
    conteos = ventas.cargar(con, [carga.lineas for carga in cargas], now=momento.reloj)
    cobertura.registrar(con, [carga.leido for carga in cargas], now=momento.now, run_id=momento.run_id)
    return conteos


def nada(con: DuckDBPyConnection, cargas: Sequence[None], momento: Momento) -> Sequence[Conteo]:
    """What a store has to load of which nothing was asked."""
    del con, momento
    return [Conteo() for _ in cargas]


def _avisar(tienda: Tienda, omitido: Intervalo, zona: ZoneInfo, max_catchup_days: int) -> None:
    fechas = dias(omitido, zona)
    log.warning(
        "ventas_omitidas",
        desde=str(fechas[0]),
        hasta=str(fechas[-1]),
        dias=len(fechas),
        motivo=f"further back than ventas.max_catchup_days ({max_catchup_days})",
        remedio=f"klk-daemon trigger ventas --tienda {tienda.id} --desde {fechas[0]} --hasta {fechas[-1]}",
    )
