"""A store's lines, from the question to what waits for the database."""

from collections.abc import Sequence
from typing import Any

from klk_daemon.domain import Rechazo, Tienda, Ventana
from klk_daemon.jobs.sesion import Sesion
from klk_daemon.klk import convert
from klk_daemon.warehouse import ventas
from klk_daemon.warehouse.ventas import Lineas


async def leer(tienda: Tienda, ventana: Ventana, sesion: Sesion[Any]) -> tuple[Lineas, Sequence[Rechazo]]:
    """Asks KLK for the lines of a window: those that can be loaded, and the others.

    Of the answer nothing else is left when this returns: many stores wait for the database at the same time.

    Raises:
        CorridaError: there is no good answer.
    """
    with sesion.extraccion():
        lote = convert.ventas(ventana.fecha, await sesion.client.ventas(tienda.sucursal, ventana))
    return ventas.preparar(tienda, lote, extraida=sesion.reloj), lote.rechazos
