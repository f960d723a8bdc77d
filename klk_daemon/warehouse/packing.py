"""Rows on their way into the database, as one text that DuckDB splits (staging.py). Needs no database.

A third of the time and half of the memory that the same rows as JSON take there.
"""

import re
import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any

# How Python writes a float that is very large or small.
EXPONENT = re.compile(r"e[-+]\d\d")


@dataclass(frozen=True, slots=True)
class Marks:
    """What stands between values, between rows, and in the place of a value that is missing; in no value themselves."""

    value: str = "\x1f"
    row: str = "\x1e"
    missing: str = "\x1d"


ASCII = Marks()


@dataclass(frozen=True, slots=True)
class Packed:
    """Rows as text: a tenth of the memory that they take as dictionaries.

    Attributes:
        columns: names, in the order of the values.
        count: how many rows.
        text: the rows.
        lacking: the columns in which a value is missing.
        marks: what separates them.
    """

    columns: tuple[str, ...]
    count: int
    text: str
    lacking: frozenset[str]
    marks: Marks = ASCII


def pack(columns: Sequence[str], rows: Collection[Sequence[Any]], marks: Marks = ASCII) -> Packed:
    """Packs rows.

    Args:
        columns: names.
        rows: tuples or lists of JSON-ready values in the order of the columns; read a second time where a value
            contains a mark, which no till can print. A number is written in full, without an exponent, as a column
            of text takes it over.
        marks: what separates them.
    """
    written: list[str] = []
    lacking: set[str] = set()
    nothing = 0
    for row in rows:
        text = marks.value.join(
            [v if (kind := v.__class__) is str else repr(v) if kind is float else _text(v, marks) for v in row]
        )
        if EXPONENT.search(text):
            text = marks.value.join([_text(v, marks) for v in row])
        written.append(text)
        if missing := row.count(None):
            nothing += missing
            lacking.update(column for column, value in zip(columns, row, strict=True) if value is None)
    text = marks.row.join(written)
    expected = (len(written) * (len(columns) - 1), max(len(written) - 1, 0), nothing)
    if (text.count(marks.value), text.count(marks.row), text.count(marks.missing)) != expected:
        return pack(columns, rows, Marks(*(f"<{uuid.uuid4()}>" for _ in range(3))))
    return Packed(tuple(columns), len(written), text, frozenset(lacking), marks)


def _text(value: Any, marks: Marks) -> str:
    if value is None:
        return marks.missing
    if isinstance(value, bool):
        return "true" if value else "false"
    return decimal(value) if isinstance(value, float) else str(value)


def decimal(number: float) -> str:
    """`1.0`, `0.974138`: all of a float's digits, and never an exponent."""
    text = repr(number)
    return format(Decimal(text), "f") if "e" in text else text


def together(packed: Iterable[Packed]) -> list[Packed]:
    """As few as they can be put into, in order: those of the same columns and marks; empty ones are left out."""
    joined: list[Packed] = []
    for (columns, marks), group in groupby((p for p in packed if p.count), key=lambda p: (p.columns, p.marks)):
        parts = list(group)
        joined.append(
            Packed(
                columns,
                sum(p.count for p in parts),
                marks.row.join(p.text for p in parts),
                frozenset().union(*(p.lacking for p in parts)),
                marks,
            )
        )
    return joined
