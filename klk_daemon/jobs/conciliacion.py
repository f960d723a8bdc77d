"""`conciliacion`: whole past days read again, made equal, read once more and certified.

What no window can find, it does: invoices that a till uploaded after the overlap had passed, annulled ones, and
corrections of later hours (klk-api.md, traps 3 and 6).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from duckdb import DuckDBPyConnection

from klk_daemon.domain import Conteo, Intervalo, Job, Modo, Tienda, Ventana
from klk_daemon.errors import SnapshotSospechoso
from klk_daemon.jobs.escritura import Momento
from klk_daemon.jobs.lectura import leer
from klk_daemon.jobs.outcome import log
from klk_daemon.jobs.sesion import Sesion
from klk_daemon.warehouse import certificados, cobertura, conciliacion
from klk_daemon.warehouse.cobertura import Leido
from klk_daemon.windows import dia, local, ventanas


@dataclass(frozen=True, slots=True)
class Conciliacion:
    """Makes each store's past days equal to KLK's.

    Attributes:
        zona: the stores' time zone.
        days: how many days, the newest being yesterday.
        min_ratio: a day with fewer lines than this share of those held is refused.
        overlap: what `ventas` reads again, to say where it is too short.
        fechas: the days that an operator asked for instead.
    """

    zona: ZoneInfo
    days: int
    min_ratio: float
    overlap: timedelta
    fechas: Sequence[date] = ()
    job: Job = Job.CONCILIACION
    a_la_vez: int = 2  # whole days, at night

    def planificar(
        self, con: DuckDBPyConnection, tiendas: Sequence[Tienda], now: datetime
    ) -> dict[str, Sequence[date]]:
        """The days, oldest first, the same for every store."""
        del con
        hoy = local(now, self.zona).date()
        fechas = self.fechas or [hoy - timedelta(days=n) for n in range(self.days, 0, -1)]
        return {t.id: fechas for t in tiendas}

    def modo(self, planes: Collection[Sequence[date]]) -> Modo:
        """Always the same."""
        del planes
        return Modo.CONCILIACION

    async def tienda(self, tienda: Tienda, sesion: Sesion[Sequence[date]]) -> None:
        """Two requests and two transactions a day.

        Raises:
            CorridaError: a day could not be read or written; those before it stay. A day that is refused does not
                keep the others from their turn.
        """
        plan = await sesion.plan()
        sesion.rango(Intervalo(dia(plan[0], self.zona).desde, dia(plan[-1], self.zona).hasta))
        rechazada: SnapshotSospechoso | None = None
        for fecha in plan:
            try:
                await self._dia(tienda, fecha, sesion, ultima=fecha == plan[-1] and rechazada is None)
            except SnapshotSospechoso as e:
                log.error("dia_rechazado", fecha=str(fecha), error=str(e))
                rechazada = rechazada or e
        if rechazada is not None:
            raise rechazada

    async def _dia(self, tienda: Tienda, fecha: date, sesion: Sesion[Sequence[date]], *, ultima: bool) -> None:
        (ventana,) = ventanas(dia(fecha, self.zona), self.zona)
        await self._igualar(tienda, ventana, sesion)
        await self._certificar(tienda, ventana, sesion, ultima=ultima)

    async def _igualar(self, tienda: Tienda, ventana: Ventana, sesion: Sesion[Sequence[date]]) -> None:
        fecha = ventana.fecha
        pedida = sesion.reloj
        lineas, rechazos = await leer(tienda, ventana, sesion)
        conteo = Conteo()
        tardanza = conciliacion.Tardanza()

        def load(con: DuckDBPyConnection, _: Sequence[None], momento: Momento) -> Sequence[Conteo]:
            nonlocal conteo, tardanza
            conteo = conciliacion.igualar(
                con,
                fecha,
                lineas,
                rechazos,
                min_ratio=self.min_ratio,
                run_id=momento.run_id,
                pedida=pedida,
                now=momento.reloj,
            )
            leido = Leido(tienda.id, ventana.intervalo, piso=None)
            cobertura.registrar(con, [leido], now=momento.now, run_id=momento.run_id)
            tardanza = conciliacion.tardanza(con, tienda, fecha, momento.run_id)
            return [conteo]

        await sesion.cargar(load, None, apartadas=rechazos, leido=ventana.intervalo, ultima=False)
        self._informar(tardanza, fecha, conteo)

    async def _certificar(
        self, tienda: Tienda, ventana: Ventana, sesion: Sesion[Sequence[date]], *, ultima: bool
    ) -> None:
        fecha = ventana.fecha
        lineas, rechazos = await leer(tienda, ventana, sesion)

        def load(con: DuckDBPyConnection, _: Sequence[None], momento: Momento) -> Sequence[Conteo]:
            # A row that could not be read is in KLK's day, and not in ours.
            igual = not rechazos and certificados.certificar(con, fecha, lineas, now=momento.reloj)
            if not igual:
                log.warning("dia_no_certificado", fecha=str(fecha), rechazadas=len(rechazos))
            return [Conteo()]

        await sesion.cargar(load, None, ultima=ultima)

    def _informar(self, tardanza: conciliacion.Tardanza, fecha: date, conteo: Conteo) -> None:
        log.info(
            "dia_conciliado",
            fecha=str(fecha),
            lineas=tardanza.lineas,
            agregadas=conteo.insertados,
            actualizadas=conteo.actualizados,
            eliminadas=conteo.eliminados,
            tardanza_mediana_min=round(tardanza.mediana_min, 1),
            tardanza_p99_min=round(tardanza.p99_min, 1),
            tardanza_maxima_min=round(tardanza.maxima_min, 1),
        )
        if tardanza.perdidas:
            log.warning(
                "overlap_corto",
                fecha=str(fecha),
                lineas=tardanza.perdidas,
                overlap_min=int(self.overlap.total_seconds() // 60),
                remedio=f"raise ventas.overlap_min beyond {tardanza.maxima_min:.0f}",
            )
