"""Plain tables for people: aligned, without colour, readable in a log and at 80 columns."""

from collections.abc import Sequence
from datetime import date, datetime


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns as wide as their widest cell; those of numbers to the right."""
    lines = [list(head), *([_cell(value) for value in row] for row in rows)]
    columns = range(len(head))
    widths = [max(len(line[n]) for line in lines) for n in columns]
    right = [bool(rows) and all(isinstance(row[n], int | float) for row in rows) for n in columns]
    return "\n".join(
        "  ".join(line[n].rjust(widths[n]) if right[n] else line[n].ljust(widths[n]) for n in columns).rstrip()
        for line in lines
    )


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def short(moment: datetime | None) -> str | None:
    """A moment of this year or so, without the year."""
    return f"{moment:%m-%d %H:%M:%S}" if moment else None


def gap(tienda: str, desde: datetime, hasta: datetime) -> str:
    """A gap in what was read, as a sentence; store-local times."""
    end = f"{hasta:%H:%M}" if hasta.date() == desde.date() else f"{hasta:%Y-%m-%d %H:%M}"
    return f"{tienda}: nothing read from {desde:%Y-%m-%d %H:%M} to {end}"


def span(fechas: Sequence[date]) -> str:
    """Days that follow each other."""
    return str(fechas[0]) if len(fechas) == 1 else f"{fechas[0]} to {fechas[-1]} ({len(fechas)} days)"
