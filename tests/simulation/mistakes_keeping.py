"""Mistakes in what is written: rows, stock, corrections, certificates, the ledger."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from klk_daemon.domain import Lote, Ventana
from klk_daemon.jobs.run import _Corrida
from klk_daemon.klk import convert
from klk_daemon.klk.answers import Respuesta
from klk_daemon.warehouse import certificados, conciliacion, staging, stock, ventas
from klk_daemon.warehouse.connection import Database

from .planting import Parche, mutante


def _sin(real: Any, beginning: str) -> Any:
    """`changed` without the statements that begin so."""

    def changed(con: Any, sql: str, parameters: Any) -> int:
        return 0 if sql.startswith(beginning) else int(real(con, sql, parameters))

    return changed


def _todo(_tipos: Any) -> str:
    """Every line that was read counts as changed."""
    return "SELECT * FROM lote"


class _Torcida:
    def __init__(self, con: Any, torcer: Callable[[str], str]) -> None:
        self._con = con
        self._torcer = torcer

    def execute(self, sql: str, *how: Any) -> Any:
        return self._con.execute(self._torcer(sql), *how)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._con, name)


def _torcida(con: Any, torcer: Callable[[str], str]) -> Any:
    """A connection that twists its statements."""
    return _Torcida(con, torcer)


@mutante
def ultimo_almacen() -> Sequence[Parche]:
    """Of a store's warehouses only the last is kept."""

    def preparar(almacenes: Mapping[str, Any], real: Any = stock.preparar) -> stock.Snapshot:
        snapshot: stock.Snapshot = real(dict([*almacenes.items()][-1:]))
        return snapshot

    return [(stock, "preparar", preparar)]


@mutante
def stock_solo_suma() -> Sequence[Parche]:
    """Articles that a warehouse has no more stay."""
    return [(stock, "changed", _sin(staging.changed, "DELETE FROM stock_actual"))]


@mutante
def sin_colapso() -> Sequence[Parche]:
    """A line that comes twice in an answer is two rows."""

    def convertir(ventana: Ventana, respuesta: Respuesta[Any], real: Any = convert.ventas) -> Lote:
        filas = [f for fila in respuesta.filas for f in real(ventana, Respuesta([fila])).filas]
        return Lote(filas, respuesta.rechazos)

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
    return [(ventas, "changed", _sin(staging.changed, "UPDATE ventas_raw"))]


@mutante
def inserta_siempre() -> Sequence[Parche]:
    """Lines are appended, whether held or not."""

    def changed(con: Any, sql: str, parameters: Any = (), real: Any = staging.changed) -> int:
        sql = sql.replace(f"FROM cambios AS n ANTI JOIN previas AS p ON {ventas.ITSELF}", "FROM lote AS n")
        return int(real(con, sql, parameters))

    return [(ventas, "changed", changed), (ventas, "_cambios", _todo)]


@mutante
def factura_es_la_clave() -> Sequence[Parche]:
    """Of an invoice one line is kept."""

    def convertir(ventana: Ventana, respuesta: Respuesta[Any], real: Any = convert.ventas) -> Lote:
        lote: Lote = real(ventana, respuesta)
        return Lote([*{f["numero_factura"]: f for f in lote.filas}.values()], lote.rechazos)

    return [(convert, "ventas", convertir)]


@mutante
def clave_sin_tienda() -> Sequence[Parche]:
    """Invoice numbers are taken for unique across stores."""
    suelta = ventas.KEY.replace("v.ubicacion_id = $ubicacion AND ", "$ubicacion IS NOT NULL AND ")
    real = ventas.comparar

    def previas(sql: str) -> str:
        donde = f"WHERE v.ubicacion_id = $ubicacion AND {ventas.NEAR}"
        return sql.replace(donde, f"WHERE {ventas.NEAR}") if "TEMP TABLE previas" in sql else sql

    return [
        (ventas, "KEY", suelta),
        (ventas, "comparar", lambda con, *how: real(_torcida(con, previas), *how)),
    ]


@mutante
def reescribe_todo() -> Sequence[Parche]:
    """Identical lines are rewritten."""
    return [(ventas, "_cambios", _todo)]


def _filtro(dentro: Callable[[datetime, Ventana], bool]) -> Sequence[Parche]:
    def convertir(ventana: Ventana, respuesta: Respuesta[Any], real: Any = convert.ventas) -> Lote:
        lote: Lote = real(ventana, respuesta)
        filas = [f for f in lote.filas if dentro(datetime.fromisoformat(f["fecha_hora_completa"]), ventana)]
        return Lote(filas, lote.rechazos)

    return [(convert, "ventas", convertir)]


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

    def nada(sql: str) -> str:
        return "SELECT 0 WHERE $now IS NULL AND $ubicacion IS NULL" if sql.startswith("UPDATE dias_cert") else sql

    real = ventas.aplicar
    return [
        (ventas, "aplicar", lambda con, *how, **more: real(_torcida(con, nada), *how, **more)),
        (certificados, "reabrir", lambda *_: None),
    ]


@mutante
def sin_ensayo() -> Sequence[Parche]:
    """A dry run is kept."""
    real = Database.transaction

    async def transaction(self: Any, run: Any, *, keep: bool = True, **how: Any) -> Any:
        return await real(self, run, keep=True, **how)

    return [(Database, "transaction", transaction)]


@mutante
def fallos_sin_anotar() -> Sequence[Parche]:
    """Failed runs are not booked."""

    async def book(self: Any, fallidas: Any) -> None:
        return None

    return [(_Corrida, "_book", book)]
