"""Plain tables for people: aligned, without colour, readable in a log and at 80 columns."""

from collections.abc import Sequence


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
