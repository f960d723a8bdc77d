"""Lines of one day, from the wire into the table: what the jobs do, without a server."""

from datetime import datetime
from typing import Any

from duckdb import DuckDBPyConnection
from wire_rows import DIA, cuerpo_ventas, un_dia

from klk_daemon.domain import Conteo, Lote, Tienda, Ventana
from klk_daemon.klk import convert, wire
from klk_daemon.klk.answers import parse
from klk_daemon.warehouse import certificados, conciliacion, ventas
from klk_daemon.warehouse.ventas import Lineas

T0 = datetime(2025, 11, 17, 12, 35, 4, 123400)  # noqa: DTZ001 - a store's wall clock
T1 = datetime(2025, 11, 18, 3, 15)  # noqa: DTZ001


def leidas(*filas: Any, ventana: Ventana | None = None) -> Lote:
    """The answer for a window, or for a day, as the client reads it; converted."""
    una = ventana or un_dia()
    respuesta = parse(cuerpo_ventas(*filas), wire.VENTAS, "x", lambda linea: una.contiene(linea.vendida))
    return convert.ventas(una.fecha, respuesta)


def preparadas(tienda: Tienda, *filas: Any, now: datetime = T0) -> Lineas:
    """The same, ready to be loaded."""
    return ventas.preparar(tienda, leidas(*filas), extraida=now)


def cargar(con: DuckDBPyConnection, tienda: Tienda, *filas: Any, now: datetime = T0) -> Conteo:
    """What `ventas` does."""
    (conteo,) = ventas.cargar(con, [preparadas(tienda, *filas, now=now)], now=now)
    return conteo


def igualar(
    con: DuckDBPyConnection, tienda: Tienda, *filas: Any, now: datetime = T1, pedida: datetime | None = None
) -> Conteo:
    """What `conciliacion` does first; `run_id` is `r1`."""
    pedida = pedida or now
    lote = leidas(*filas)
    lineas = ventas.preparar(tienda, lote, extraida=pedida)
    return conciliacion.igualar(con, DIA, lineas, lote.rechazos, min_ratio=0.5, run_id="r1", pedida=pedida, now=now)


def certificar(con: DuckDBPyConnection, tienda: Tienda, *filas: Any, now: datetime = T1) -> bool:
    """What it does then."""
    return certificados.certificar(con, DIA, preparadas(tienda, *filas, now=now), now=now)
