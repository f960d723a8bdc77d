"""The daily summary: yesterday's runs, sales, failures and gaps, in Spanish. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from klk_daemon.alerts.texts import Redactor, Texto


@dataclass(frozen=True, slots=True)
class Venta:
    """A store's sales of a day. `usd` excludes IVA."""

    facturas: int
    lineas: int
    usd: Decimal


@dataclass(frozen=True, slots=True)
class Dia:
    """A day in figures.

    Attributes:
        fecha: which, by the stores' calendar.
        corridas: job to its runs, and to those in which a store failed.
        fallas: store to its failed runs.
        ventas: store to its sales.
        huecos: what has not been read of a store's sales: store, from, to, as text.
        abiertas: causes that hold still, in a line each.
    """

    fecha: date
    corridas: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    fallas: Mapping[str, int] = field(default_factory=dict)
    ventas: Mapping[str, Venta] = field(default_factory=dict)
    huecos: Sequence[tuple[str, str, str]] = ()
    abiertas: Sequence[str] = ()


def summary(dia: Dia, tiendas: Sequence[str], redactor: Redactor) -> Texto:
    """One message for a day. `tiendas`: the ids of the active stores, in their order."""
    total = sum((v.usd for v in dia.ventas.values()), Decimal())
    failed = sum(bad for _, bad in dia.corridas.values())
    state = "sin fallas" if not failed else f"{failed} {'corrida' if failed == 1 else 'corridas'} con fallas"
    lines = [f"Resumen del {dia.fecha}", "", "Corridas:"]
    lines += [f"- {job}: {runs}, con fallas {bad}" for job, (runs, bad) in dia.corridas.items()] or ["- ninguna"]
    lines += ["", "Ventas:"]
    for id_ in tiendas:
        venta = dia.ventas.get(id_, Venta(0, 0, Decimal()))
        failures = dia.fallas.get(id_, 0)
        told = f", {failures} fallas" if failures else ""
        lines.append(
            f"- {redactor.nombre(id_)}: {_money(venta.usd)} USD, {venta.facturas} facturas, {venta.lineas} líneas{told}"
        )
    lines += ["", "Huecos:"]
    lines += [f"- {redactor.nombre(id_)}: {desde} a {hasta}" for id_, desde, hasta in dia.huecos] or ["- ninguno"]
    if dia.abiertas:
        lines += ["", "Sigue sin resolver:", *(f"- {line}" for line in dia.abiertas)]
    lines += ["", f"Máquina: {redactor.maquina}"]
    return Texto(f"Resumen del {dia.fecha}: {_money(total)} USD, {state}", "\n".join(lines))


def _money(usd: Decimal) -> str:
    return f"{usd:,.2f}".replace(",", " ").replace(".", ",").replace(" ", ".")
