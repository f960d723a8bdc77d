"""From an answer's bytes to checked rows, or to the error that it is.

A good answer is checked in one fast pass. Where that fails, the answer is read row by row, so that one bad row costs
one row (contract, "What a run guarantees", 6).
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec

from klk_daemon.domain import Rechazo
from klk_daemon.errors import RespuestaDeError, RespuestaInvalida
from klk_daemon.klk.wire import Tipo

T = TypeVar("T")

EXCERPT = 120
# Fields and places in lists, from a row to a value in it.
Lugar = tuple[str | int, ...]
PART = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Respuesta(Generic[T]):
    """The rows of one answer as they came (doubles included), and those put aside.

    `generada` is when KLK says that it made the answer, unchecked.
    """

    filas: Sequence[T]
    rechazos: Sequence[Rechazo] = ()
    generada: Any = field(default=None, compare=False)


def parse(body: bytes, tipo: Tipo[T], what: str) -> Respuesta[T]:
    """Checks one answer.

    Args:
        body: the answer's bytes, whole.
        tipo: the kind of answer that is expected.
        what: what was asked for, for messages (`POST /ventas SUC001`).

    Raises:
        RespuestaInvalida: no JSON, another shape, or fewer rows than the answer's own total.
        RespuestaDeError: `{"error": ...}`.
    """
    try:
        answer = tipo.decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _parse_slowly(body, tipo, what)
    _check(answer.error, answer.meta, len(answer.filas), tipo, what)
    return Respuesta(answer.filas, generada=_generated(answer.meta))


def _parse_slowly(body: bytes, tipo: Tipo[T], what: str) -> Respuesta[T]:
    try:
        answer = json.loads(body, parse_int=_integer)
    except (ValueError, RecursionError) as e:  # UnicodeDecodeError is a ValueError
        found = " ".join(body[:EXCERPT].decode("utf-8", "replace").split()) or "nothing"
        raise RespuestaInvalida(
            f"{what}: the answer is not JSON ({len(body)} bytes: {found})",
            hint="KLK or something before it answers with a page instead of data",
        ) from e
    if isinstance(answer, list) and tipo.bare_list:
        answer = {tipo.rows_key: answer}
    if not isinstance(answer, dict):
        raise RespuestaInvalida(f"{what}: the answer is a JSON {type(answer).__name__}, not an object")
    rows, meta = answer.get(tipo.rows_key), answer.get("meta")
    _check(answer.get("error"), meta, len(rows) if isinstance(rows, list) else None, tipo, what)
    filas: list[T] = []
    rechazos: list[Rechazo] = []
    for row in rows or ():
        checked = _check_row(row, tipo)
        if isinstance(checked, Rechazo):
            rechazos.append(checked)
        else:
            filas.append(checked)
    return Respuesta(filas, rechazos, _generated(meta))


def _generated(meta: Any) -> Any:
    return meta.get("fecha_generacion") if isinstance(meta, dict) else None


def _check(error: Any, meta: Any, rows: int | None, tipo: Tipo[T], what: str) -> None:
    if error:
        raise RespuestaDeError(
            f"{what}: KLK answers with an error: {_mend_text(str(error))[:EXCERPT]}",
            status=200,
            hint="its own message says what it lacks",
        )
    if rows is None:
        raise RespuestaInvalida(f"{what}: the answer has no list {tipo.rows_key!r}")
    total = meta.get(tipo.total_key) if isinstance(meta, dict) else None
    if isinstance(total, str) and total.strip().isdecimal():
        total = int(total)
    if isinstance(total, int | float) and rows < total:
        raise RespuestaInvalida(f"{what}: the answer is cut short: {rows} of {total} rows")


def _check_row(row: Any, tipo: Tipo[T]) -> T | Rechazo:
    """The row as checked; an optional field that cannot be read counts as missing."""
    try:
        row = _mend_text(row)
        readable = _readable(row)
    except RecursionError:
        return Rechazo("nested too deeply", None)
    dropped: dict[Lugar, str] = {}
    while True:
        try:
            return msgspec.convert(readable, tipo.fila, strict=False)
        except msgspec.ValidationError as e:
            lugar, motivo = _told(e)
        if not lugar or isinstance(lugar[-1], int):
            return Rechazo(_reason(lugar, motivo, dropped), row)
        dropped[lugar] = motivo
        _drop(readable, lugar)


def _told(error: msgspec.ValidationError) -> tuple[Lugar, str]:
    """Where in the row, and what: msgspec writes ``Expected `int`, got `str` - at `$.cantidad[0].peso` ``."""
    motivo, _, path = str(error).partition(" - at `$")
    return tuple(int(part) if part.isdecimal() else part for part in PART.findall(path)), motivo


def _drop(row: Any, lugar: Lugar) -> None:
    *way, campo = lugar
    for step in way:
        row = row[step]
    del row[campo]


def _reason(lugar: Lugar, motivo: str, dropped: Mapping[Lugar, str]) -> str:
    """Why a row cannot be read: where a field of it is missing that had to be dropped, that is what was wrong."""
    for campo, why in dropped.items():
        if campo[:-1] == lugar and f"`{campo[-1]}`" in motivo:
            lugar, motivo = campo, why
            break
    where = ".".join(step for step in lugar if isinstance(step, str))
    return f"{where}: {motivo}" if where else motivo


def _integer(digits: str) -> int | float:
    """Python refuses to read thousands of digits; infinity is refused where a number is needed, and nowhere else."""
    try:
        return int(digits)
    except ValueError:
        return float(digits)


def _readable(value: Any) -> Any:
    """What a server that is careless with types may have meant: a code sent as a whole number is its digits."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list):
        return [_readable(item) for item in value]
    if isinstance(value, dict):
        return {key: _readable(item) for key, item in value.items()}
    return value


def _mend_text(value: Any) -> Any:
    """Replaces half characters (lone surrogates), which JSON allows and no database takes."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_mend_text(item) for item in value]
    if isinstance(value, dict):
        return {_mend_text(key): _mend_text(item) for key, item in value.items()}
    return value
