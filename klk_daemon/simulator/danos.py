"""Faults of content: an answer that reaches the client whole, and is wrong."""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

from klk_daemon.simulator.fallas import Falla, TipoFalla
from klk_daemon.simulator.respuesta import Listado, Respuesta, compact, error_answer, html_answer

MEGA = 1_000_000

# Where a required field stands in a row: a name, or a one-element array's name and the field inside.
_VENTAS = (
    ("numero_factura",),
    ("linea",),
    ("fecha",),
    ("hora",),
    ("fecha_hora_completa",),
    ("producto", "codigo_producto"),
    ("cantidad", "cantidad_vendida"),
    ("financiero", "venta_total_usd"),
)
_ARTICULOS = (("Codigo",), ("stock",))
# One of them is no damage if the others tell the same: they go together.
_WHEN = ("fecha", "hora", "fecha_hora_completa")
_INSTEAD = {TipoFalla.HTTP, TipoFalla.HTML, TipoFalla.REDIRECCION, TipoFalla.ERROR}
_BODY = {TipoFalla.CUERPO_VACIO, TipoFalla.BOMBA_GZIP, TipoFalla.ENORME, TipoFalla.JSON_CORTADO}
_DANOS = ("falta", "nulo", "texto", "nan", "absurdo")
_HUGE = 1e300  # finite, and more than any column holds
_ABSURD: dict[str, object] = {
    "numero_factura": {},
    "linea": 10**30,
    "fecha": "2025-13-45",
    "hora": "27:61:99",
    "fecha_hora_completa": "2025-13-45T27:61:99",
    "codigo_producto": [],
    "Codigo": {},
}


def damaged_answer(respuesta: Respuesta, falla: Falla) -> Respuesta:
    """`respuesta` as a content fault makes it; unchanged where the fault is none, or finds no rows."""
    if falla.tipo in _INSTEAD:
        return _another(falla)
    if falla.tipo in _BODY:
        return _with_body(respuesta, falla)
    if isinstance(respuesta.cuerpo, Listado):
        return replace(respuesta, cuerpo=damaged_rows(respuesta.cuerpo, falla))
    return respuesta


def _another(falla: Falla) -> Respuesta:
    match falla.tipo:
        case TipoFalla.HTTP:
            retry = (("Retry-After", falla.retry_after),) if falla.retry_after else ()
            return html_answer(falla.status, "Service Unavailable", retry)
        case TipoFalla.HTML:
            return html_answer(200, "El servidor se está reiniciando")
        case TipoFalla.REDIRECCION:
            return html_answer(302, "Found", (("Location", falla.destino),))
        case _:
            return error_answer(falla.mensaje)


def _with_body(respuesta: Respuesta, falla: Falla) -> Respuesta:
    megas = falla.megas or 1
    match falla.tipo:
        case TipoFalla.CUERPO_VACIO:
            return replace(respuesta, cuerpo=())
        case TipoFalla.BOMBA_GZIP:
            headers = (*respuesta.cabeceras, ("Content-Encoding", "gzip"))
            return replace(respuesta, cuerpo=_bomb(megas), cabeceras=headers)
        case TipoFalla.ENORME:
            # One megabyte many times over: large on the wire, not in this process.
            return replace(respuesta, cuerpo=(*respuesta.pieces(), *[b" " * MEGA] * megas))
        case _:
            body = b"".join(respuesta.pieces())
            return replace(respuesta, cuerpo=(body[: int(len(body) * falla.share)],))


def damaged_rows(listado: Listado, falla: Falla) -> Listado:
    """The rows as a fault makes them, and the total that it tells; unchanged for faults of other kinds."""
    match falla.tipo:
        case TipoFalla.SIN_FILAS:
            return _with_rows(listado, [], 0)
        case TipoFalla.ENCOGIDO:
            kept = listado.decoded()[: int(listado.cuantas * falla.share)]
            return _with_rows(listado, kept, len(kept))
        case TipoFalla.CORTO:
            kept = listado.decoded()[: int(listado.cuantas * falla.share)]
            return _with_rows(listado, kept, listado.cuantas)
        case TipoFalla.REPETIDAS:
            rows = listado.decoded()
            rows += [row for row, chosen in _chosen(rows, falla.share) if chosen]
            return _with_rows(listado, rows, len(rows) if falla.total == "crudas" else listado.cuantas)
        case TipoFalla.FILAS_MALAS:
            return _with_rows(listado, list(bad_rows(listado.decoded(), falla)), listado.cuantas)
        case _:
            return listado


def bad_rows(rows: list[dict[str, Any]], falla: Falla) -> Iterator[dict[str, Any]]:
    """`rows` with `falla.parte` of them damaged.

    Which ones, and how, hangs on each row's identity: a row that is bad is bad in the same way in every
    answer. At least one row is, if there are any.
    """
    for row, chosen in _chosen(rows, falla.share):
        if chosen:
            digest = _digest(row)
            fields = _ARTICULOS if "Codigo" in row else _VENTAS
            named = [path for path in fields if falla.campo in {"", path[-1]}] or fields
            path = named[digest % len(named)]
            _damage(row, path, falla.dano or _DANOS[digest // 64 % len(_DANOS)])
        yield row


def _damage(row: dict[str, Any], path: tuple[str, ...], dano: str) -> None:
    for name in _WHEN if path[0] in _WHEN else path[-1:]:
        holder: dict[str, Any] = row if len(path) == 1 else row[path[0]][0]
        match dano:
            case "falta":
                holder.pop(name, None)
            case "nulo":
                holder[name] = None
            case "texto":
                # An identifier may be any text; an empty one identifies nothing.
                holder[name] = "" if name in {"numero_factura", "codigo_producto", "Codigo"} else "N/A"
            case "nan":
                holder[name] = float("nan")
            case _:
                holder[name] = _ABSURD.get(name, _HUGE)


def _chosen(rows: list[dict[str, Any]], share: float) -> list[tuple[dict[str, Any], bool]]:
    digests = [_digest(row) for row in rows]
    least = min(digests, default=0)
    return [(row, digest == least or digest < share * 2**32) for row, digest in zip(rows, digests, strict=True)]


def _digest(row: dict[str, Any]) -> int:
    identity = row.get("Codigo") or (row.get("numero_factura"), row.get("linea"))
    return zlib.crc32(repr(identity).encode())


def _with_rows(listado: Listado, rows: Iterable[dict[str, Any]], total: int) -> Listado:
    texts = [compact(row) for row in rows]
    meta = None if listado.meta is None else listado.meta | {listado.total: total}
    return replace(listado, meta=meta, filas=",".join(texts).encode(), cuantas=len(texts))


@lru_cache(maxsize=4)
def _bomb(megas: int) -> tuple[bytes, ...]:
    """A valid gzip file of `megas` MB of spaces.

    A full flush makes a block that refers to nothing before it: it is compressed once and repeated.
    """
    plain = b" " * MEGA
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = packer.compress(plain) + packer.flush(zlib.Z_FULL_FLUSH)
    end = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS).flush()
    check = 0
    for _ in range(megas):
        check = zlib.crc32(plain, check)
    size = megas * MEGA % 2**32
    header = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
    trailer = check.to_bytes(4, "little") + size.to_bytes(4, "little")
    return header, block * megas, end, trailer
