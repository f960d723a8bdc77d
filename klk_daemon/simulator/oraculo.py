"""What a perfect client must hold."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from klk_daemon.simulator.facturas import Factura, Linea
from klk_daemon.simulator.instantes import SECOND


def lineas(
    facturas: Callable[[str, date], tuple[Factura, ...]],
    sucursal: str,
    zona: ZoneInfo,
    limits: tuple[int, int],
    at: int,
) -> list[Linea]:
    """The lines shown at `at` whose sale lies in the half-open `limits` (all ticks), by time of sale.

    `facturas` gives a store's invoices of a local day.
    """
    begin, end = limits
    shown: list[Linea] = []
    if begin >= end:
        return shown
    # What is sold after `at` does not exist yet.
    fecha, last = _fecha(begin, zona), _fecha(min(end - 1, at), zona)
    while fecha <= last:
        for factura in facturas(sucursal, fecha):
            if begin <= factura.venta < end:
                shown.extend(factura.shown(at))
        fecha += timedelta(days=1)
    return shown


def wire(rows: Iterable[Linea]) -> list[dict[str, Any]]:
    """The lines as the API sends them."""
    text = b",".join(row.json for row in rows)
    decoded: list[dict[str, Any]] = json.loads(b"[" + text + b"]")
    return decoded


def _fecha(instant: int, zona: ZoneInfo) -> date:
    return datetime.fromtimestamp(instant // SECOND, UTC).astimezone(zona).date()
