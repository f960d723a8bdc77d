"""From an answer's bytes to checked rows, or to the error that it is.

A good answer is checked in one fast pass. Where that fails, the answer is read row by row, so that one bad row costs
one row (contract, "What a run guarantees", 6).
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from klk_daemon.domain import Rechazo
from klk_daemon.errors import RespuestaDeError, RespuestaInvalida
from klk_daemon.klk.wire import Tipo

T = TypeVar("T")

# Any of them may be missing, as long as the others tell a line's date and time.
MOMENTO = frozenset({"fecha", "hora", "fecha_hora_completa"})
EXCERPT = 120


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
        answer = tipo.answer.validate_json(body)
    except ValidationError:
        return _parse_slowly(body, tipo, what)
    rows = answer[tipo.rows_key]
    _check(answer, len(rows), tipo, what)
    return Respuesta(rows, generada=_generated(answer))


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
    rows = answer.get(tipo.rows_key)
    _check(answer, len(rows) if isinstance(rows, list) else None, tipo, what)
    filas: list[T] = []
    rechazos: list[Rechazo] = []
    for row in rows or ():
        checked = _check_row(row, tipo)
        if isinstance(checked, Rechazo):
            rechazos.append(checked)
        else:
            filas.append(checked)
    return Respuesta(filas, rechazos, _generated(answer))


def _generated(answer: Mapping[str, Any]) -> Any:
    meta = answer.get("meta")
    return meta.get("fecha_generacion") if isinstance(meta, dict) else None


def _check(answer: Mapping[str, Any], rows: int | None, tipo: Tipo[T], what: str) -> None:
    if error := answer.get("error"):
        raise RespuestaDeError(
            f"{what}: KLK answers with an error: {_mend_text(str(error))[:EXCERPT]}",
            status=200,
            hint="its own message says what it lacks",
        )
    if rows is None:
        raise RespuestaInvalida(f"{what}: the answer has no list {tipo.rows_key!r}")
    meta = answer.get("meta")
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
        return tipo.row.validate_json(json.dumps(readable))
    except ValidationError as e:
        first = e.errors(include_url=False, include_context=False)
    except RecursionError:
        return Rechazo("nested too deeply", None)
    mended = _without(readable, [error["loc"] for error in first])
    try:
        return tipo.row.validate_json(json.dumps(mended))
    except ValidationError as e:
        error = e.errors(include_url=False, include_context=False)[0]
        # Why the field had to be dropped says more than that it is missing now.
        error = next((cause for cause in first if _caused(cause["loc"], error["loc"])), error)
        where = ".".join(str(part) for part in error["loc"] if not isinstance(part, int))
        return Rechazo(f"{where}: {error['msg']}" if where else error["msg"], row)


def _caused(dropped: tuple[int | str, ...], missing: tuple[int | str, ...]) -> bool:
    """Whether what was dropped at one place is what is missing at the other; the row as a whole lacks its time."""
    return dropped == missing or (not missing and dropped[:1] != () and dropped[0] in MOMENTO)


def _without(row: Any, locations: Sequence[tuple[int | str, ...]]) -> Any:
    """A copy of the row without the fields at those places; a required one is then missing, and says so."""
    if not isinstance(row, dict):
        return row
    top = {loc[0] for loc in locations if loc}
    copy: dict[str, Any] = {}
    for key, value in row.items():
        if key not in top:
            copy[key] = value
            continue
        inner = [loc[1:] for loc in locations if loc and loc[0] == key and len(loc) > 2]  # noqa: PLR2004 - key, index, field
        if inner and isinstance(value, list):
            copy[key] = [_without(item, [i[1:] for i in inner if i[0] == n]) for n, item in enumerate(value)]
    return copy


def _integer(digits: str) -> int | float:
    """Python refuses to read thousands of digits; infinity is refused where a number is needed, and nowhere else."""
    try:
        return int(digits)
    except ValueError:
        return float(digits)


def _readable(value: Any) -> Any:
    """What a server that is careless with types may have meant: a code sent as a whole number is its digits.

    NaN and infinities are no value of anything.
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list):
        return [_readable(item) for item in value]
    if isinstance(value, dict):
        # A number for a date is a count of seconds at best: it stays what it is, and is refused.
        return {key: item if key in MOMENTO else _readable(item) for key, item in value.items()}
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
