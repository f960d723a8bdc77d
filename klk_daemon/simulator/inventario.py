"""What a warehouse holds, at any instant."""

from collections.abc import Sequence
from dataclasses import dataclass

from klk_daemon.simulator.azar import azar
from klk_daemon.simulator.catalogo import Articulo
from klk_daemon.simulator.instantes import MINUTE
from klk_daemon.simulator.tiendas import Almacen

SLOT = 30 * MINUTE
NEGATIVE = 0.25  # share of rows below zero (klk-api.md, An article)
_ZERO = 0.3  # up to here: nothing in stock


def slot_of(instant: int) -> int:
    """The half hour that holds `instant` (ticks): quantities change from one to the next only."""
    return instant // SLOT


@dataclass(frozen=True, slots=True)
class Existencia:
    """How one article's stock runs.

    `venta` leaves every `paso` half hours, and all of it comes back after `periodo` such steps. Quantities
    are in thousandths.

    Made of its own position in time alone, so that any instant can be asked for without what went before.
    """

    articulo: Articulo
    base: int
    venta: int
    paso: int
    periodo: int
    fase: int

    def at(self, slot: int) -> float:
        """The quantity in a half hour; an int where it is whole, as the server writes it."""
        milli = self.base - self.venta * ((slot + self.fase) // self.paso % self.periodo)
        return milli / 1000 if milli % 1000 else milli // 1000


def surtido(seed: int, almacen: Almacen, catalogo: Sequence[Articulo], full: int) -> tuple[Existencia, ...]:
    """The articles of a warehouse, ordered by code: its share of `full`, drawn from the catalogue."""
    rng = azar(seed, "surtido", almacen.codigo)
    how_many = round(full * almacen.parte)
    chosen = sorted(rng.sample(range(len(catalogo)), how_many))
    rows = []
    for index in chosen:
        articulo = catalogo[index]
        unit = 1 + int(rng.random() * 2500) if articulo.kg else 1000 * (1 + int(rng.random() * 3))
        paso, periodo, fase = (1 + int(rng.random() * most) for most in (48, 20, 1000))
        luck, amount = rng.random(), rng.random()
        if luck < NEGATIVE:
            base = -unit * (1 + int(amount * 10))
        elif luck < _ZERO:
            base, unit = 0, 0
        else:
            base = unit * (periodo + int(amount * 60))
        rows.append(Existencia(articulo, base, unit, paso, periodo, fase))
    return tuple(rows)


def render(existencias: Sequence[Existencia], slot: int) -> bytes:
    """The rows of an article list as on the wire, joined by commas."""
    return ",".join([f"{row.articulo.maestra}{row.at(slot)}}}" for row in existencias]).encode()
