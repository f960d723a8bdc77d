"""The sucursales and warehouses of KLK that are not configured, as TOML to be pasted. Pure."""

import json
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from klk_daemon.domain import Tienda
from klk_daemon.klk.catalogo import Sucursal

_ODD = re.compile(r"[^a-z0-9.-]+")
_DELETE = "\x7f"


@dataclass(frozen=True, slots=True)
class Nueva:
    """A sucursal that no store has. `id` is free; `ajenos` are warehouses of it that a configured store has."""

    id: str
    sucursal: Sucursal
    ajenos: Mapping[str, str]

    @property
    def piso(self) -> str | None:
        """Its sales floor, where KLK names one that is not another store's."""
        return None if self.sucursal.piso in self.ajenos else self.sucursal.piso


@dataclass(frozen=True, slots=True)
class Descubierto:
    """What KLK has beyond the configuration.

    Attributes:
        nuevas: sucursales that no store has.
        sueltos: stores to their warehouses that are not configured, code to name.
        desconocidas: stores whose sucursal KLK does not list.
    """

    nuevas: Sequence[Nueva]
    sueltos: Sequence[tuple[Tienda, Mapping[str, str]]]
    desconocidas: Sequence[Tienda]


def descubrir(tiendas: Sequence[Tienda], sucursales: Mapping[str, Sucursal]) -> Descubierto:
    """Compares the configuration with what KLK lists."""
    owners = {almacen: tienda.id for tienda in tiendas for almacen in tienda.almacenes}
    configured = {tienda.sucursal for tienda in tiendas}
    ids = {tienda.id for tienda in tiendas}
    nuevas = []
    for sucursal in sucursales.values():
        if sucursal.codigo in configured:
            continue
        id_ = _free_id(sucursal.codigo, ids)
        ids.add(id_)
        nuevas.append(Nueva(id_, sucursal, {a: owners[a] for a in sucursal.almacenes if a in owners}))
        # A warehouse that KLK lists for two sucursales can be configured for one.
        owners |= {a: id_ for a in sucursal.almacenes if a not in owners}
    sueltos = [
        (tienda, free)
        for tienda in tiendas
        if tienda.sucursal in sucursales
        and (free := {a: n for a, n in sucursales[tienda.sucursal].almacenes.items() if a not in owners})
    ]
    return Descubierto(nuevas, sueltos, [t for t in tiendas if t.sucursal not in sucursales])


def _free_id(sucursal: str, taken: Collection[str]) -> str:
    ascii_only = unicodedata.normalize("NFKD", sucursal).encode("ascii", "ignore").decode().lower()
    wish = f"tienda_{_ODD.sub('_', ascii_only).strip('_') or 'nueva'}"
    return next(id_ for n in range(1, len(taken) + 2) if (id_ := wish if n == 1 else f"{wish}_{n}") not in taken)


def as_toml(found: Descubierto) -> str:
    """Blocks to be appended to the configuration, and comments. Empty where there is nothing to tell."""
    blocks = [_block(nueva) for nueva in found.nuevas]
    for tienda, almacenes in found.sueltos:
        lines = [f"# {tienda.id}: KLK lists more almacenes of {tienda.sucursal}, which are not read:"]
        lines += [f"#   {_text(codigo)},{_comment(nombre)}" for codigo, nombre in almacenes.items()]
        blocks.append("\n".join(lines))
    if found.desconocidas:
        unknown = (f"# {t.id}: KLK lists no sucursal {_plain(t.sucursal)}" for t in found.desconocidas)
        blocks.append("\n".join(unknown))
    return "\n\n".join(blocks)


def _block(nueva: Nueva) -> str:
    sucursal = nueva.sucursal
    lines = [
        "[[tiendas]]",
        f"id = {_text(nueva.id)}",
        f"nombre = {_text(sucursal.nombre)}",
        f"sucursal = {_text(sucursal.codigo)}",
        "almacenes = [",
        *_almacenes(nueva),
        "]",
    ]
    if nueva.piso is None:
        lines.append("activa = false  # no sales floor is known: choose almacenes above, then delete this line")
    return "\n".join(lines)


def _almacenes(nueva: Nueva) -> Iterable[str]:
    """The sales floor; the others as comments, to be chosen from."""
    for codigo, nombre in nueva.sucursal.almacenes.items():
        entry = f"{_text(codigo)},"
        if codigo in nueva.ajenos:
            yield f"  # {entry}{_comment(nombre)} (of {nueva.ajenos[codigo]} in this configuration)"
        elif codigo == nueva.piso:
            yield f"  {entry}{_comment(nombre)} (piso de venta)"
        else:
            yield f"  # {entry}{_comment(nombre)}"


def _text(value: str) -> str:
    """A basic string of TOML, which is JSON's but for one character that it must escape."""
    return json.dumps(value, ensure_ascii=False).replace(_DELETE, "\\u007f")


def _comment(nombre: str) -> str:
    return f"  # {_plain(nombre)}" if nombre.strip() else "  #"


def _plain(value: str) -> str:
    """In one line, without what a comment may not hold."""
    return "".join(char for char in " ".join(value.split()) if char.isprintable())
