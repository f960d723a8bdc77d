"""What KLK lists: its sucursales and their warehouses, from the two lists together. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from klk_daemon.klk.wire import Almacen

# A pseudo-store of the sales-floor list (klk-api.md, "Endpoints").
CONSOLIDADO = "CONS"


@dataclass(frozen=True, slots=True)
class Sucursal:
    """A store of KLK. `almacenes` is code to name, the sales floor (`piso`, where one is listed) first."""

    codigo: str
    nombre: str
    almacenes: Mapping[str, str]
    piso: str | None


def catalogo(reposicion: Sequence[Almacen], pisoventa: Sequence[Almacen]) -> dict[str, Sucursal]:
    """Sucursales by their code, in KLK's order; doubles and the pseudo-store left out."""
    nombres: dict[str, str] = {}
    pisos: dict[str, str] = {}
    almacenes: dict[str, dict[str, str]] = {}
    for fila in [*pisoventa, *reposicion]:
        sucursal, almacen = fila.CodigoSucursal, fila.CodigoAlmacen
        if sucursal == CONSOLIDADO:
            continue
        nombres[sucursal] = nombres.get(sucursal) or (fila.NombreSucursal or "").strip()
        listados = almacenes.setdefault(sucursal, {})
        listados[almacen] = listados.get(almacen) or (fila.NombreAlmacen or "").strip()
    for fila in pisoventa:
        if fila.CodigoSucursal != CONSOLIDADO:
            pisos.setdefault(fila.CodigoSucursal, fila.CodigoAlmacen)
    return {
        codigo: Sucursal(codigo, nombres[codigo] or codigo, listados, pisos.get(codigo))
        for codigo, listados in almacenes.items()
    }
