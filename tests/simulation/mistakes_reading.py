"""Mistakes in what is asked, what is believed, and how far it is said to have been read."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from datetime import time as hora
from typing import Any

from klk_daemon import windows
from klk_daemon.domain import Conteo, Intervalo, Lote, Ventana
from klk_daemon.errors import ApiError
from klk_daemon.jobs import conciliacion as job_conciliacion
from klk_daemon.jobs import ventas as job_ventas
from klk_daemon.klk import answers, client, convert, wire
from klk_daemon.klk.answers import Respuesta
from klk_daemon.warehouse import cobertura, stock
from klk_daemon.warehouse.cobertura import Leido
from klk_daemon.windows import MEDIANOCHE, UN_DIA, local

from .planting import Parche, mutante

# Watermarks and coverage.


@mutante
def marca_antes_que_filas() -> Sequence[Parche]:
    """The watermark is committed, then KLK is asked."""
    real = job_ventas.Ventas._leer

    async def leer(self: Any, tienda: Any, ventana: Ventana, plan: Any, sesion: Any, *, ultima: bool) -> None:
        def marcar(con: Any, _: Any, momento: Any) -> Sequence[Conteo]:
            cobertura.registrar(con, [Leido(tienda.id, ventana.intervalo, plan.piso)], now=momento.now, run_id="x")
            return [Conteo()]

        await sesion.cargar(marcar, None, leido=ventana.intervalo, ultima=False)
        await real(self, tienda, ventana, plan, sesion, ultima=ultima)

    return [(job_ventas.Ventas, "_leer", leer)]


@mutante
def sin_filas_cuando_hay_mala() -> Sequence[Parche]:
    """One bad row throws the answer's good rows away."""

    def convertir(fecha: date, respuesta: Respuesta[Any], real: Any = convert.ventas) -> Lote:
        lote: Lote = real(fecha, respuesta)
        return Lote([], lote.rechazos) if lote.rechazos else lote

    return [(convert, "ventas", convertir)]


@mutante
def sin_overlap() -> Sequence[Parche]:
    """A window begins at the watermark."""

    def planificar(real: Any = windows.planificar, **how: Any) -> Any:
        return real(**{**how, "overlap": timedelta()})

    return [(job_ventas, "planificar", planificar)]


@mutante
def marca_salta_huecos() -> Sequence[Parche]:
    """The watermark advances to the end of whatever was read."""

    def avanzar(marca: datetime | None, leido: Intervalo, piso: datetime | None) -> datetime:
        return leido.hasta if marca is None else max(marca, leido.hasta)

    return [(cobertura, "avanzar", avanzar)]


@mutante
def marca_retrocede() -> Sequence[Parche]:
    """The watermark is the end of the last interval read."""

    def avanzar(marca: datetime | None, leido: Intervalo, piso: datetime | None) -> datetime:
        return leido.hasta

    return [(cobertura, "avanzar", avanzar)]


@mutante
def huecos_olvidados() -> Sequence[Parche]:
    """Gaps are never read, and the watermark jumps over them."""
    return [*marca_salta_huecos(), (windows, "huecos", lambda *_: [])]


@mutante
def cobertura_del_futuro() -> Sequence[Parche]:
    """What a clock that ran ahead has claimed stays claimed."""

    def registrar(con: Any, leidos: Any, *, now: datetime, run_id: str, real: Any = cobertura.registrar) -> None:
        real(con, leidos, now=now + timedelta(days=99), run_id=run_id)

    return [(cobertura, "registrar", registrar)]


@mutante
def cobertura_del_plan() -> Sequence[Parche]:
    """Coverage is recorded for the whole plan with its first day."""

    def registrar(
        con: Any, leidos: Sequence[Leido], *, now: datetime, run_id: str, real: Any = cobertura.registrar
    ) -> None:
        todos = [
            replace(leido, intervalo=Intervalo(leido.intervalo.desde, max(leido.intervalo.hasta, now)))
            for leido in leidos
        ]
        real(con, todos, now=now, run_id=run_id)

    return [(cobertura, "registrar", registrar)]


# What is asked.


@mutante
def horas_sobre_medianoche() -> Sequence[Parche]:
    """A window that crosses midnight is one request with hours."""

    def una(intervalo: Intervalo, zona: Any) -> list[Ventana]:
        desde, hasta = local(intervalo.desde, zona), local(intervalo.hasta, zona)
        return [Ventana(intervalo, desde.date(), desde, hasta, desde.time(), hasta.time())]

    async def preguntar(self: Any, sucursal: str, v: Ventana) -> Any:
        body = {"sucursal": sucursal, "fecha_desde": str(v.desde.date()), "fecha_hasta": str(v.hasta.date())}
        body |= {"hora_desde": f"{v.desde:%H:%M:%S}", "hora_hasta": f"{v.hasta:%H:%M:%S}"}
        return await self._ask("POST", "/ventas", wire.VENTAS, sucursal, body)

    return [(job_ventas, "ventanas", una), (client.KlkClient, "ventas", preguntar)]


@mutante
def ultimo_segundo_perdido() -> Sequence[Parche]:
    """The end of a day is asked for as 23:59:59."""

    def ventanas(intervalo: Intervalo, zona: Any, real: Any = windows.ventanas) -> list[Ventana]:
        return [
            replace(v, hora_desde=v.desde.time(), hora_hasta=hora(23, 59, 59)) if v.hora_hasta is None else v
            for v in real(intervalo, zona)
        ]

    return [(job_ventas, "ventanas", ventanas), (job_conciliacion, "ventanas", ventanas)]


@mutante
def utc_ingenuo() -> Sequence[Parche]:
    """The stores' clock is taken for UTC."""

    def _local(instante: datetime, zona: Any) -> datetime:
        return instante.astimezone(UTC).replace(tzinfo=None)

    def _instante(reloj: datetime, zona: Any) -> datetime:
        return reloj.replace(tzinfo=UTC)

    return [(windows, "local", _local), (windows, "instante", _instante)]


@mutante
def dia_de_24_horas() -> Sequence[Parche]:
    """A local day is its midnight and 24 hours."""

    def dia(fecha: Any, zona: Any) -> Intervalo:
        inicio = windows.instante(datetime.combine(fecha, MEDIANOCHE), zona)
        return Intervalo(inicio, inicio + UN_DIA)

    return [(windows, "dia", dia)]


# What is believed.


@mutante
def corta_aceptada() -> Sequence[Parche]:
    """An answer's own total is not looked at."""

    def check(error: Any, _meta: Any, *how: Any, real: Any = answers._check) -> None:
        real(error, None, *how)

    return [(answers, "_check", check)]


@mutante
def error_aceptado() -> Sequence[Parche]:
    """`{"error": ...}` with HTTP 200 is an answer without rows."""

    def parse(body: bytes, *how: Any, real: Any = answers.parse) -> Any:
        return Respuesta([]) if body.startswith(b'{"error"') else real(body, *how)

    return [(client, "parse", parse)]


@mutante
def fallo_es_vacio() -> Sequence[Parche]:
    """A failed request counts as no rows."""
    real = client.KlkClient._ask

    async def ask(self: Any, *how: Any) -> Any:
        try:
            return await real(self, *how)
        except ApiError:
            return Respuesta([])

    return [(client.KlkClient, "_ask", ask)]


@mutante
def cuerpo_vacio_aceptado() -> Sequence[Parche]:
    """An empty body counts as no rows."""

    def parse(body: bytes, *how: Any, real: Any = answers.parse) -> Any:
        return real(body, *how) if body else Respuesta([])

    return [(client, "parse", parse)]


@mutante
def snapshot_vacio_aceptado() -> Sequence[Parche]:
    """Any list of articles is believed, an empty one too."""
    return [(stock, "_revisar", lambda *_: None)]


@mutante
def snapshot_encogido_aceptado() -> Sequence[Parche]:
    """A list of articles is believed unless it is empty."""

    def revisar(con: Any, tienda: Any, almacen: str, cuantos: int, ratio: float, real: Any = stock._revisar) -> None:
        real(con, tienda, almacen, cuantos, 0)

    return [(stock, "_revisar", revisar)]
