"""A configured store beside what KLK knows of it. Pure."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from klk_daemon.checks.finding import Grado, Hallazgo
from klk_daemon.domain import Tienda
from klk_daemon.errors import ApiError
from klk_daemon.klk.catalogo import Sucursal

# Warehouses named where none is like the one that is configured.
NAMED = 6


@dataclass(frozen=True, slots=True)
class Contestado:
    """How many articles KLK answered with for a warehouse; None where it was not asked."""

    articulos: int | None
    error: ApiError | None = None


@dataclass(frozen=True, slots=True)
class _Visto:
    estado: Grado
    mensaje: str
    remedio: str = ""


def juzgar(tienda: Tienda, answers: Mapping[str, Contestado], sucursales: Mapping[str, Sucursal]) -> Hallazgo:
    """One finding about a store: its sucursal, then its warehouses.

    Args:
        tienda: as configured.
        answers: about each of its warehouses; none for an inactive store.
        sucursales: what KLK lists.
    """
    sucursal = sucursales.get(tienda.sucursal)
    seen = [_almacen(tienda, almacen, answers.get(almacen), sucursales) for almacen in tienda.almacenes]
    if sucursal is None:
        seen.insert(
            0, _Visto(Grado.FAIL, f"KLK knows no sucursal {tienda.sucursal}", _other_sucursal(tienda, sucursales))
        )
    name = f"{tienda.sucursal} {sucursal.nombre}" if sucursal else tienda.sucursal
    note = "" if tienda.activa else ", inactive"
    worst = max((each.estado for each in seen), key=[*Grado].index, default=Grado.OK)
    # An inactive store is not run: what is wrong with it makes nothing fail.
    estado = worst if tienda.activa else min(worst, Grado.WARN, key=[*Grado].index)
    told = [each for each in seen if each.estado is not Grado.OK] or seen
    return Hallazgo(
        f"tienda {tienda.id}",
        estado,
        f"{name}{note}: " + ", ".join(each.mensaje for each in told),
        "; ".join(dict.fromkeys(each.remedio for each in told if each.remedio)),
    )


def _almacen(tienda: Tienda, almacen: str, answer: Contestado | None, sucursales: Mapping[str, Sucursal]) -> _Visto:
    owners = [s for s in sucursales.values() if almacen in s.almacenes]
    mine = any(s.codigo == tienda.sucursal for s in owners)
    if answer is not None and answer.error is not None:
        return _Visto(Grado.FAIL, str(answer.error.args[0]), answer.error.hint)
    # Where the sucursal is wrong, that is the fault, and not each of its warehouses.
    if owners and not mine and tienda.sucursal in sucursales:
        theirs = f"{owners[0].codigo} {owners[0].nombre}"
        return _Visto(Grado.FAIL, f"{almacen} belongs to {theirs}", _other_almacen(tienda, almacen, sucursales))
    articulos = answer.articulos if answer is not None else None
    if not owners and not articulos:
        unsure = answer is not None and articulos is None
        estado = Grado.WARN if unsure else Grado.FAIL
        return _Visto(estado, f"KLK lists no almacen {almacen}", _other_almacen(tienda, almacen, sucursales))
    return _articulos(almacen, articulos, asked=answer is not None, listed=bool(owners))


def _articulos(almacen: str, articulos: int | None, *, asked: bool, listed: bool) -> _Visto:
    if not asked:
        return _Visto(Grado.OK, f"{almacen} listed")
    if articulos is None:
        return _Visto(Grado.WARN, f"{almacen} not asked about, since KLK hangs", "ask again later")
    if articulos == 0:
        remedy = "runs refuse an empty list; ask whoever runs KLK, or leave this almacen out"
        return _Visto(Grado.FAIL, f"{almacen} has no articles", remedy)
    if not listed:
        return _Visto(Grado.WARN, f"KLK does not list {almacen}, but has {articulos} articles of it", "check its code")
    return _Visto(Grado.OK, f"{almacen} {articulos} articles")


def _other_sucursal(tienda: Tienda, sucursales: Mapping[str, Sucursal]) -> str:
    """Which one is probably meant: the one that has these warehouses, or this name, or a like code."""
    owner = next((s for a in tienda.almacenes for s in sucursales.values() if a in s.almacenes), None)
    namesake = next((s for s in sucursales.values() if s.nombre.casefold() == tienda.nombre.casefold()), None)
    meant = owner or namesake
    if meant is None and (code := _like(tienda.sucursal, sucursales)) is not None:
        meant = sucursales[code]
    if meant is None:
        return "`klk-daemon tiendas --discover` lists those that it knows"
    return f"did you mean {meant.codigo} {meant.nombre}? Set sucursal of {tienda.id}"


def _other_almacen(tienda: Tienda, almacen: str, sucursales: Mapping[str, Sucursal]) -> str:
    sucursal = sucursales.get(tienda.sucursal)
    if sucursal is None:
        return ""
    free = {code: name for code, name in sucursal.almacenes.items() if code not in tienda.almacenes}
    if (code := _like(almacen, free)) is not None:
        return f"did you mean {code}{f' ({free[code]})' if free[code] else ''}? Set almacenes of {tienda.id}"
    if not free:
        return f"leave it out of almacenes of {tienda.id}: KLK lists no others there"
    named = ", ".join(f"{code} {name}".rstrip() for code, name in [*free.items()][:NAMED])
    return f"KLK lists {named}{', …' if len(free) > NAMED else ''} there"


def _like(code: str, codes: Iterable[str]) -> str | None:
    by_upper = {each.upper(): each for each in codes}
    close = difflib.get_close_matches(code.strip().upper(), by_upper, n=1)
    return by_upper[close[0]] if close else None
