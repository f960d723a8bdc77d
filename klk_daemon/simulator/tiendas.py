"""The stores of the world and their warehouses."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from string import ascii_uppercase


@dataclass(frozen=True, slots=True)
class Almacen:
    """A warehouse as the API lists it.

    `nombre` is what the lists say, `nombre_venta` what a sale line says (the samples differ).
    `parte` is how many articles it holds, as a share of a full warehouse; only an `activo` one sells.
    """

    codigo: str
    nombre: str
    nombre_venta: str
    activo: bool = True
    parte: float = 1.0


@dataclass(frozen=True, slots=True)
class Tienda:
    """A store: the first warehouse is its sales floor."""

    sucursal: str
    nombre: str
    almacenes: tuple[Almacen, ...]

    @property
    def activos(self) -> tuple[Almacen, ...]:
        """The warehouses that sell."""
        return tuple(almacen for almacen in self.almacenes if almacen.activo)


def _tienda(sucursal: str, nombre: str, piso: str, principal: str, resto: tuple[str, str, str]) -> Tienda:
    devoluciones, merma, compras = resto
    activos = [Almacen(piso, f"{nombre} PV", "PISO DE VENTA")]
    if principal:
        activos.append(Almacen(principal, f"{nombre} PRINCIPAL", "PRINCIPAL"))
    inactivos = (
        Almacen(devoluciones, "DEVOLUCIONES", "DEVOLUCIONES", activo=False, parte=0.05),
        Almacen(merma, "MERMA", "MERMA", activo=False, parte=0.08),
        Almacen(compras, "COMPRAS", "COMPRAS", activo=False, parte=0.2),
    )
    return Tienda(sucursal, nombre, (*activos, *inactivos))


# The four of klk-api.md; the codes follow no pattern, there as here.
CUATRO = (
    _tienda("SUC001", "PERIFERICO", "APP-TPF", "APP-PPF", ("APP-DPF", "APP-MPF", "APP-CPF")),
    _tienda("SUC002", "BOSQUE", "APP-TBQ", "", ("APP-DBQ", "APP-MBQ", "APP-CBQ")),
    _tienda("SUC003", "ARTIGAS", "TANT", "", ("DANT", "MANT", "CANT")),
    _tienda("SUC005", "TAZAJAL", "TTZ", "", ("DTZ", "MTZ", "CTZ")),
)

_BARRIOS = ("CENTRO", "NORTE", "SUR", "LA VIÑA", "MAÑONGO", "GUACARA", "SAN DIEGO", "NAGUANAGUA", "GUIGUE")
_SPREAD = 7919  # shares no factor with 26³, so that no three letters come twice in 17,576 stores


def _generated() -> Iterator[Tienda]:
    used = {tienda.sucursal for tienda in CUATRO}
    taken = {almacen.codigo for tienda in CUATRO for almacen in tienda.almacenes}
    for number in count(4):
        sucursal = f"SUC{number:03}"
        rest, low = divmod(number * _SPREAD % 26**3, 26)
        letters = ascii_uppercase[rest // 26] + ascii_uppercase[rest % 26] + ascii_uppercase[low]
        prefix = "APP-" if number % 3 == 0 else ""
        codes = [f"{prefix}{kind}{letters}" for kind in "TPDMC"]
        if sucursal in used or not taken.isdisjoint(codes):
            continue
        nombre = f"{_BARRIOS[number % len(_BARRIOS)]} {number}"
        principal = codes[1] if number % 5 == 0 else ""
        yield _tienda(sucursal, nombre, codes[0], principal, (codes[2], codes[3], codes[4]))


def tiendas(how_many: int) -> tuple[Tienda, ...]:
    """The first `how_many` stores: the four of klk-api.md, then generated ones, always the same.

    Raises:
        ValueError: fewer than one, or more than ten thousand.
    """
    if not 1 <= how_many <= 10_000:  # noqa: PLR2004 - said in the message
        raise ValueError(f"between 1 and 10000 stores: {how_many}")
    return (*CUATRO[:how_many], *islice(_generated(), max(0, how_many - len(CUATRO))))
