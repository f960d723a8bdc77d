"""Mistakes in what is written: rows, stock, corrections, certificates, the ledger."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from klk_daemon.domain import Lote, Ventana
from klk_daemon.jobs.run import _Corrida
from klk_daemon.klk import convert
from klk_daemon.klk.answers import Respuesta
from klk_daemon.warehouse import cobertura, conciliacion, stock, transaccion, ventas
from klk_daemon.warehouse.connection import Database
from klk_daemon.warehouse.recibo import Recibo

from .planting import Parche, mutante


class _Torcida:
    def __init__(self, con: Any, torcer: Callable[[str], str]) -> None:
        self._con = con
        self._torcer = torcer

    def execute(self, sql: str, *how: Any) -> Any:
        torcida = self._torcer(sql)
        return self._con.execute(torcida, *how) if torcida else self._con

    def __getattr__(self, name: str) -> Any:
        return getattr(self._con, name)


def _torcida(modulo: Any, nombre: str, torcer: Callable[[str], str]) -> Parche:
    """One of the writing functions, with a connection that twists its statements; where nothing is left, none is."""
    real = getattr(modulo, nombre)
    return (modulo, nombre, lambda con, *how, **more: real(_Torcida(con, torcer), *how, **more))


def _sin(modulo: Any, nombre: str, comienzo: str) -> Parche:
    """The same without the statements that begin so."""
    return _torcida(modulo, nombre, lambda sql: "" if sql.startswith(comienzo) else sql)


@mutante
def ultimo_almacen() -> Sequence[Parche]:
    """Of a store's warehouses only the last is kept."""

    def preparar(tienda: Any, almacenes: Mapping[str, Any], real: Any = stock.preparar) -> stock.Snapshot:
        snapshot: stock.Snapshot = real(tienda, dict([*almacenes.items()][-1:]))
        return snapshot

    return [(stock, "preparar", preparar)]


@mutante
def stock_solo_suma() -> Sequence[Parche]:
    """Articles that a warehouse has no more stay."""
    return [_sin(stock, "_escribir", "DELETE FROM stock_actual")]


@mutante
def sin_colapso() -> Sequence[Parche]:
    """A line that comes twice in an answer is two rows."""

    def convertir(fecha: date, respuesta: Respuesta[Any], real: Any = convert.ventas) -> Lote:
        lote: Lote = real(fecha, respuesta)
        return replace(lote, filas=[f for fila in respuesta.filas for f in real(fecha, Respuesta([fila])).filas])

    return [(convert, "ventas", convertir)]


@mutante
def articulo_doble() -> Sequence[Parche]:
    """An article that comes twice in an answer is two rows."""

    def convertir(almacen: str, respuesta: Respuesta[Any]) -> Lote:
        return Lote([convert._articulo(almacen, fila) for fila in respuesta.filas], respuesta.rechazos)

    return [(convert, "articulos", convertir)]


@mutante
def solo_inserta() -> Sequence[Parche]:
    """A line that is held is not updated (`DO NOTHING` on conflict)."""
    return [_sin(ventas, "_escribir", "UPDATE ventas_raw")]


@mutante
def inserta_siempre() -> Sequence[Parche]:
    """Lines are appended, whether held or not."""

    def todas(sql: str) -> str:
        return sql.replace("WHERE fila IS NULL", "")

    return [_torcida(ventas, "_escribir", todas), *reescribe_todo()]


@mutante
def factura_es_la_clave() -> Sequence[Parche]:
    """Of an invoice one line is kept."""

    def convertir(fecha: date, respuesta: Respuesta[Any], real: Any = convert.ventas) -> Lote:
        lote: Lote = real(fecha, respuesta)
        return replace(lote, filas=[*{f["numero_factura"]: f for f in lote.filas}.values()])

    return [(convert, "ventas", convertir)]


@mutante
def clave_sin_tienda() -> Sequence[Parche]:
    """Invoice numbers are taken for unique across stores."""

    def cambios(sql: str) -> str:
        return re.sub(r"v\.ubicacion_id IN \(.*?\)", "$t0 IS NOT NULL", sql) if "TEMP TABLE cambios" in sql else sql

    return [
        (ventas, "INVOICE", ventas.INVOICE.replace("v.ubicacion_id = n.ubicacion_id AND ", "")),
        _torcida(ventas, "comparar", cambios),
    ]


@mutante
def reescribe_todo() -> Sequence[Parche]:
    """Identical lines are rewritten."""
    return [(ventas, "_quitar_iguales", lambda *_: None)]


def _filtro(dentro: Callable[[datetime, Ventana], bool]) -> Sequence[Parche]:
    def contiene(ventana: Ventana, vendida: datetime, real: Any = Ventana.contiene) -> bool:
        return real(ventana, vendida) and dentro(vendida, ventana)

    return [(Ventana, "contiene", contiene)]


@mutante
def filtro_sin_desde() -> Sequence[Parche]:
    """The client's filter leaves the window's first second out."""
    return _filtro(lambda vendida, v: v.desde < vendida)


@mutante
def filtro_sin_ultimo_segundo() -> Sequence[Parche]:
    """The client's filter leaves the window's last second out."""
    return _filtro(lambda vendida, v: vendida < v.hasta - timedelta(seconds=1))


# Conciliacion, certificates, ledger.


@mutante
def anuladas_quedan() -> Sequence[Parche]:
    """Conciliacion deletes nothing."""
    return [(conciliacion, "_eliminar", lambda *_, **__: 0)]


@mutante
def borra_sin_decir() -> Sequence[Parche]:
    """Conciliacion does not record what it changes."""
    return [(conciliacion, "_anotar_cambios", lambda *_, **__: None)]


@mutante
def certificado_sin_segunda() -> Sequence[Parche]:
    """A day that changed keeps its certificate."""
    return [(ventas, "reabrir", lambda *_: None)]


@mutante
def sin_ensayo() -> Sequence[Parche]:
    """A dry run is kept."""
    real = Database._queued

    async def queued(self: Any, work: Any) -> Any:
        work.kind = replace(work.kind, keep=True)
        return await real(self, work)

    return [(Database, "_queued", queued)]


@mutante
def fallos_sin_anotar() -> Sequence[Parche]:
    """Failed runs are not booked."""

    async def book(self: Any, fallidas: Any) -> None:
        return None

    return [(_Corrida, "_book", book)]


@mutante
def juntas_o_ninguna() -> Sequence[Parche]:
    """Where stores are loaded together and one of them cannot be, none is."""

    def finish(turn: Any, do: Any) -> None:
        try:
            done = do(turn)
        except BaseException as e:  # noqa: BLE001 - handed to the callers
            for work in turn.works:
                work.future.set_exception(e)
        else:
            for work, value in zip(turn.works, done, strict=True):
                work.future.set_result(value)

    return [(transaccion, "_finish", finish)]


@mutante
def cobertura_de_la_primera() -> Sequence[Parche]:
    """Of stores that are loaded together only one's reading is recorded."""

    def registrar(con: Any, leidos: Any, real: Any = cobertura.registrar, **how: Any) -> None:
        real(con, leidos[:1], **how)

    return [(cobertura, "registrar", registrar)]


@mutante
def nota_de_la_primera() -> Sequence[Parche]:
    """Of stores that are loaded together only one is in the commit receipt."""
    return [(Recibo, "anotar", lambda self, notas, real=Recibo.anotar: real(self, notas[:1]))]
