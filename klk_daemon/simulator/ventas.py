"""A store's day of sales, made from the seed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from random import Random

from klk_daemon.simulator.azar import azar
from klk_daemon.simulator.catalogo import Articulo
from klk_daemon.simulator.facturas import Cabecera, Factura, Renglon, lineas
from klk_daemon.simulator.instantes import DAY, HOUR, SECOND, Dia, hora_text, ticks_of
from klk_daemon.simulator.tiendas import Almacen

Parte = tuple[float, timedelta]
"""A share of the invoices (0 to 1) and the longest time that passes until it happens to them."""

NUNCA: Parte = (0.0, timedelta())

# Lines per hour of the day, from the opening at 07:00 to the close at 21:00 with its two peaks; the rest is
# a trickle, so that there is no hour, midnight included, at which a client may assume that nothing is sold.
_HOURLY = (*[0.15] * 7, 2, 4, 5, 6, 7, 8, 7, 5, 5, 6, 8, 10, 9, 5, *[0.15] * 3)
_CUMULATIVE = tuple(accumulate(_HOURLY))
_MEAN_EXTRA_LINES = 3.2
_MOST_LINES = 15
_PER_TILL = 500  # invoices of one till in a day, about; keeps its numbers within the day's thousands
_NUMBERS_PER_DAY = 2000
_FIRST_DAY = date(2000, 1, 1)
_TASA_DAY = date(2025, 11, 17)  # the sample's rate on the sample's day; it creeps up from there
_TASA = 236.46


@dataclass(frozen=True, slots=True)
class Sucesos:
    """What happens to invoices after the sale: how many, and within which time.

    `tardias` arrive at the server that much later; `corregidas` and `anuladas` change and vanish that long
    after their arrival (klk-api.md, traps 3 and 6).
    """

    tardias: Parte = NUNCA
    anuladas: Parte = NUNCA
    corregidas: Parte = NUNCA

    def __post_init__(self) -> None:
        for name in ("tardias", "anuladas", "corregidas"):
            share, longest = getattr(self, name)
            if not 0 <= share <= 1 or longest < timedelta():
                raise ValueError(f"{name}: a share from 0 to 1 and a time of 0 or more: {share}, {longest}")


def tasa_usd(fecha: date) -> float:
    """Bs per USD on a day, the same in every store."""
    return max(1.0, round(_TASA * (1 + 0.002 * (fecha - _TASA_DAY).days), 2))


def dia_de_ventas(
    seed: int,
    sucursal: str,
    dia: Dia,
    surtido: Sequence[tuple[Almacen, Sequence[Articulo]]],
    *,
    lineas_por_dia: int,
    sucesos: Sucesos,
) -> tuple[Factura, ...]:
    """Every invoice that a store makes out on a day, whenever it arrives, ordered by `hora`.

    The number of lines is `lineas_por_dia` ± 5 %. One invoice falls in the day's first second and one in its
    last, where windows meet. None before the year 2000, nor where there is nothing to sell.
    """
    shelves = [(almacen, articulos) for almacen, articulos in surtido if articulos]
    if lineas_por_dia <= 0 or not shelves or dia.fecha < _FIRST_DAY:
        return ()
    rng = azar(seed, "ventas", sucursal, dia.fecha)
    # Apart from the sales, so that the same sales are made however many of them are late or annulled.
    fate = azar(seed, "sucesos", sucursal, dia.fecha)
    sizes = _sizes(rng, round(lineas_por_dia * (0.95 + 0.1 * rng.random())))
    tills = max(6, len(sizes) // _PER_TILL + 1)
    numbers: Counter[int] = Counter()
    # The same for every store, so that numbers repeat across stores (klk-api.md, trap 4).
    first_number = (dia.fecha - _FIRST_DAY).days * _NUMBERS_PER_DAY
    tasa = tasa_usd(dia.fecha)
    fecha = dia.fecha.isoformat()
    facturas = []
    for elapsed, size in zip(_times(rng, dia, len(sizes)), sizes, strict=True):
        till = int(rng.random() * tills)
        numbers[till] += 1
        numero = f"C{10 + till}-01-{first_number + numbers[till]:08}"
        hora = dia.tick_of_day(elapsed)
        cabecera = Cabecera(numero, fecha, hora_text(hora), tasa, rng.random() < 0.01)  # noqa: PLR2004 - few
        renglones = [_renglon(rng, shelves) for _ in range(size)]
        venta = dia.begin + elapsed
        llegada = _moment(fate, venta, sucesos.tardias) or venta
        corregida = _moment(fate, llegada, sucesos.corregidas)
        anulada = _moment(fate, llegada, sucesos.anuladas)
        corrected = () if corregida is None else lineas(cabecera, _corrected(renglones))
        facturas.append(
            Factura(numero, hora, venta, llegada, corregida, anulada, lineas(cabecera, renglones), corrected)
        )
    facturas.sort(key=lambda factura: factura.hora)
    return tuple(facturas)


def _sizes(rng: Random, how_many: int) -> list[int]:
    # Never fewer than two invoices: the day's first second and its last have one each.
    sizes = [1, 1]
    left = how_many - 2
    while left > 0:
        size = min(_MOST_LINES, 1 + int(rng.expovariate(1 / _MEAN_EXTRA_LINES)), left)
        sizes.append(size)
        left -= size
    return sizes


def _times(rng: Random, dia: Dia, how_many: int) -> list[int]:
    """Ticks since the day's beginning, ascending."""
    length = dia.end - dia.begin
    # 23:59:59.99 and 00:00:00.00: within reach of a filter that ends at 23:59:59 only if it is inclusive
    # of fractions, which it is not.
    times = [int(rng.random() * SECOND), length - 1 - int(rng.random() * (SECOND - 1))]
    for hour in rng.choices(range(24), cum_weights=_CUMULATIVE, k=how_many - len(times)):
        elapsed = hour * HOUR + int(rng.random() * HOUR)
        if rng.random() < 0.02:  # noqa: PLR2004 - now and then a till that knows whole seconds only
            elapsed -= elapsed % SECOND
        times.append(elapsed if length == DAY else elapsed * length // DAY)
    return sorted(times)


def _renglon(rng: Random, shelves: Sequence[tuple[Almacen, Sequence[Articulo]]]) -> Renglon:
    # Nine in ten leave from the sales floor, which comes first.
    shelf = 0 if len(shelves) == 1 or rng.random() < 0.9 else 1 + int(rng.random() * (len(shelves) - 1))  # noqa: PLR2004
    almacen, articulos = shelves[shelf]
    popular = rng.random() ** 2
    articulo = articulos[int(popular * len(articulos))]
    amount = rng.random()
    cantidad = round(0.05 + amount * 2.5, 3) if articulo.kg else 1 + int(amount**4 * 12)
    luck = rng.random()
    if luck < 0.03:  # noqa: PLR2004 - a promotion
        return Renglon(articulo, almacen, cantidad, 10, f"PROMO-{int(luck * 1000):02}")
    return Renglon(articulo, almacen, cantidad, 5 if luck < 0.05 else 0, "")  # noqa: PLR2004 - a few discounts


def _corrected(renglones: list[Renglon]) -> list[Renglon]:
    # The first line's quantity changes; through `total_factura` every line of the invoice does.
    first = renglones[0]
    return [first._replace(cantidad=round(first.cantidad + 1, 3)), *renglones[1:]]


def _moment(fate: Random, since: int, parte: Parte) -> int | None:
    # Two draws whatever comes of them: one invoice's fate does not shift the next one's.
    luck, when = fate.random(), fate.random()
    share, longest = parte
    if luck >= share:
        return None
    return since + int((0.05 + 0.95 * when) * ticks_of(longest))
