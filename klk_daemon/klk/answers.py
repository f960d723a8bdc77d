"""From an answer's bytes to checked rows, or to the error that it is.

Each row is checked by itself: one bad row costs one row (contract, "What a run guarantees", 6), and a day's lines are
never in memory for the sake of an hour's.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec

from klk_daemon.domain import Rechazo
from klk_daemon.errors import RespuestaDeError, RespuestaInvalida
from klk_daemon.klk.wire import Tipo

T = TypeVar("T")

EXCERPT = 120
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
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


def parse(body: bytes, tipo: Tipo[T], what: str, wanted: Callable[[T], bool] | None = None) -> Respuesta[T]:
    """Checks one answer.

    Args:
        body: the answer's bytes, whole.
        tipo: the kind of answer that is expected.
        what: what was asked for, for messages (`POST /ventas SUC001`).
        wanted: which good rows are kept; all, if None.

    Raises:
        RespuestaInvalida: no JSON, another shape, or fewer rows than the answer's own total.
        RespuestaDeError: `{"error": ...}`.
    """
    try:
        answer = tipo.answer.decode(body)
        rows, meta, error = answer.filas, answer.meta, answer.error
    except UNREADABLE:
        rows, meta, error = _loaded(body, tipo, what)
    _check(error, meta, rows, tipo, what)
    try:
        filas, rechazos = _checked(rows, tipo, wanted)
    except ValueError as e:
        raise _no_json(body, what) from e
    return Respuesta(filas, rechazos, meta.get("fecha_generacion") if isinstance(meta, dict) else None)


def _loaded(body: bytes, tipo: Tipo[T], what: str) -> tuple[Any, Any, Any]:
    """Rows (as bytes), meta and error of an answer that is not quite what it should be."""
    try:
        answer = json.loads(body, parse_int=_integer)
        if isinstance(answer, list) and tipo.bare_list:
            answer = {tipo.rows_key: answer}
        if not isinstance(answer, dict):
            raise RespuestaInvalida(f"{what}: the answer is a JSON {type(answer).__name__}, not an object")
        rows = answer.get(tipo.rows_key)
        if isinstance(rows, list):
            rows = [json.dumps(row).encode() for row in rows]
    except (ValueError, RecursionError) as e:
        raise _no_json(body, what) from e
    return rows, answer.get("meta"), answer.get("error")


def _no_json(body: bytes, what: str) -> RespuestaInvalida:
    found = " ".join(body[:EXCERPT].decode("utf-8", "replace").split()) or "nothing"
    return RespuestaInvalida(
        f"{what}: the answer is not JSON ({len(body)} bytes: {found})",
        hint="KLK or something before it answers with a page instead of data",
    )


def _check(error: Any, meta: Any, rows: Any, tipo: Tipo[T], what: str) -> None:
    if error:
        raise RespuestaDeError(
            f"{what}: KLK answers with an error: {_mend_text(str(error))[:EXCERPT]}",
            status=200,
            hint="its own message says what it lacks",
        )
    if not isinstance(rows, list):
        raise RespuestaInvalida(f"{what}: the answer has no list {tipo.rows_key!r}")
    total = meta.get(tipo.total_key) if isinstance(meta, dict) else None
    if isinstance(total, str) and total.strip().isdecimal():
        total = int(total)
    if isinstance(total, int | float) and len(rows) < total:
        raise RespuestaInvalida(f"{what}: the answer is cut short: {len(rows)} of {total} rows")


def _checked(
    rows: Sequence[Any], tipo: Tipo[T], wanted: Callable[[T], bool] | None
) -> tuple[Sequence[T], Sequence[Rechazo]]:
    """Good rows and bad ones, of their bytes.

    Raises:
        ValueError: they are no JSON after all.
    """
    with suppress(*UNREADABLE):
        return [*filter(wanted, map(tipo.row.decode, rows))], ()
    filas: list[T] = []
    rechazos: list[Rechazo] = []
    for row in rows:  # a bad one is among them
        checked = _check_row(row, tipo)
        if isinstance(checked, Rechazo):
            rechazos.append(checked)
        else:
            filas.append(checked)
    return [*filter(wanted, filas)], rechazos


def _check_row(raw: Any, tipo: Tipo[T]) -> T | Rechazo:
    """The row as checked; an optional field that cannot be read counts as missing."""
    with suppress(*UNREADABLE):
        return tipo.row.decode(raw)
    try:
        row = _mend_text(json.loads(bytes(raw), parse_int=_integer))
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
