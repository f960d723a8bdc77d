"""What really happened in the shops: every line's life, straight from the simulator's invoices."""

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from klk_daemon.domain import Intervalo
from klk_daemon.simulator import Linea, Mundo
from klk_daemon.simulator.instantes import ticks, ticks_of

Clave = tuple[str, int]
"""`numero_factura` and `linea`: what identifies a line within a store."""

SEIS = Decimal("0.000001")
CUATRO = Decimal("0.0001")
UN_DIA = timedelta(days=1)


class Valor(NamedTuple):
    """What a line says, as a table holds it."""

    fecha: str
    hora: str
    codigo: str
    almacen: str
    cantidad: Decimal
    usd: Decimal
    bs: Decimal
    factura_bs: Decimal


class Vida(NamedTuple):
    """A line's life in ticks: sold, shown, changed, gone. `versiones` are its values before and after the change."""

    venta: int
    llegada: int
    corregida: int | None
    anulada: int | None
    versiones: tuple[Valor, ...]

    def version(self, at: int) -> int | None:
        """Which of `versiones` the API shows at an instant; None where it shows none."""
        if at < self.llegada or self.muerta(at):
            return None
        return 1 if self.corregida is not None and at >= self.corregida else 0

    def muerta(self, at: int) -> bool:
        """Whether it is annulled by then."""
        return self.anulada is not None and at >= self.anulada

    def posibles(self, at: int) -> tuple[Valor, ...]:
        """What the API has ever shown until an instant."""
        if at < self.llegada:
            return ()
        return self.versiones if self.corregida is not None and at >= self.corregida else self.versiones[:1]


def decimal(value: object, places: Decimal) -> Decimal:
    """A number of the wire as a column of `places` holds it."""
    return Decimal(str(value)).quantize(places)


def _valor(linea: Linea) -> Valor:
    row = json.loads(linea.json)
    return Valor(
        linea.fecha,
        linea.hora[:8],
        linea.codigo_producto,
        linea.codigo_almacen,
        decimal(linea.cantidad_vendida, CUATRO),
        decimal(linea.venta_total_usd, SEIS),
        decimal(row["financiero"][0]["venta_total_bs"], SEIS),
        decimal(row["total_factura"], SEIS),
    )


class Verdad:
    """All lines of a world."""

    def __init__(self, mundo: Mundo) -> None:
        self._mundo = mundo
        self._dias: dict[tuple[str, date], dict[Clave, Vida]] = {}

    def dia(self, sucursal: str, fecha: date) -> dict[Clave, Vida]:
        """The lines of a store's local day, whenever they arrive."""
        key = sucursal, fecha
        if key not in self._dias:
            vidas: dict[Clave, Vida] = {}
            for f in self._mundo.facturas(sucursal, fecha):
                for n, linea in enumerate(f.lineas):
                    versiones = [linea, f.lineas_corregidas[n]] if f.lineas_corregidas else [linea]
                    vidas[linea.numero_factura, linea.linea] = Vida(
                        f.venta, f.llegada, f.corregida, f.anulada, tuple(map(_valor, versiones))
                    )
            self._dias[key] = vidas
        return self._dias[key]

    def mostradas(self, sucursal: str, fecha: date, en: datetime) -> dict[Clave, Valor]:
        """What a table that is equal to the API holds of a day."""
        at = ticks(en)
        shown = ((clave, vida, vida.version(at)) for clave, vida in self.dia(sucursal, fecha).items())
        return {clave: vida.versiones[n] for clave, vida, n in shown if n is not None}

    def vendidas(
        self,
        sucursal: str,
        intervalo: Intervalo,
        en: datetime,
        *,
        tardanza: timedelta | None = None,
    ) -> dict[Clave, int]:
        """The lines sold in an interval that the API shows at `en`, with their version; at most so late, if given."""
        if intervalo.desde >= intervalo.hasta:
            return {}
        zona = self._mundo.zona
        begin, end, at = ticks(intervalo.desde), ticks(intervalo.hasta), ticks(en)
        latest = None if tardanza is None else ticks_of(tardanza)
        fecha, last = intervalo.desde.astimezone(zona).date(), intervalo.hasta.astimezone(zona).date()
        found: dict[Clave, int] = {}
        while fecha <= last:
            for clave, vida in self.dia(sucursal, fecha).items():
                if not begin <= vida.venta < end or (latest is not None and vida.llegada - vida.venta > latest):
                    continue
                if (version := vida.version(at)) is not None:
                    found[clave] = version
            fecha += UN_DIA
        return found


def resta(de: Iterable[Intervalo], menos: Iterable[Intervalo]) -> list[Intervalo]:
    """The parts of `de` that lie in none of `menos`."""
    left = [i for i in de if i.desde < i.hasta]
    for m in menos:
        pieces = [(Intervalo(i.desde, min(i.hasta, m.desde)), Intervalo(max(i.desde, m.hasta), i.hasta)) for i in left]
        left = [p for pair in pieces for p in pair if p.desde < p.hasta]
    return left


def medianoche(instante: datetime, mundo: Mundo, dias: int = 0) -> datetime:
    """The beginning of the local day of an instant, or of the one `dias` before, in UTC."""
    fecha = instante.astimezone(mundo.zona).date() - timedelta(days=dias)
    return mundo.dia(fecha)[0].astimezone(UTC)
