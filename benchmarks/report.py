"""The figures as Markdown, with the machine that they are of."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.process import Sample

NUMBERS = range(1, 7)  # columns aligned to the right


@dataclass(frozen=True, slots=True)
class Line:
    """One measurement, the one that it is compared with, and the seconds of wall clock that it may take."""

    what: str
    sample: Sample
    base: Sample | None = None
    goal_s: float | None = None


def table(lines: Sequence[Line]) -> str:
    """A Markdown table, aligned for people as well."""
    head = ("what", "wall ms", "CPU ms", "peak MiB", "wall / floor", "CPU / floor", "goal ms", "met")
    rows = [head, *(_cells(line) for line in lines)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(head))]
    written = [" | ".join(_padded(cell, widths[n], n) for n, cell in enumerate(row)) for row in rows]
    rule = " | ".join("-" * (width - 1) + ":" if n in NUMBERS else "-" * width for n, width in enumerate(widths))
    return "\n".join(f"| {line} |" for line in (written[0], rule, *written[1:]))


def _padded(cell: str, width: int, column: int) -> str:
    return cell.rjust(width) if column in NUMBERS else cell.ljust(width)


def _cells(line: Line) -> tuple[str, ...]:
    s, base, goal = line.sample, line.base, line.goal_s
    return (
        line.what,
        f"{s.wall_s * 1000:.0f}",
        f"{s.cpu_s * 1000:.0f}",
        f"{s.rss_mib:.0f}",
        f"{s.wall_s / base.wall_s:.2f}" if base else "",
        f"{s.cpu_s / base.cpu_s:.2f}" if base else "",
        f"{goal * 1000:.0f}" if goal is not None else "",
        "" if goal is None else "yes" if s.wall_s <= goal else "no",
    )


def document(lines: Sequence[Line], *, setting: str, pairs: int) -> str:
    """The page `RESULTS.md`."""
    return f"""\
# Results

Written by `make bench`; nothing here is by hand. Medians of {pairs} runs after one that warms up, each a whole process
from start to end unless it says *warm*; what is compared ran in turns. The floor is [floor.py](floor.py): the same
answers into a fresh database with the standard library and DuckDB alone, unchecked.

{setting}

{table(lines)}

{machine()}
"""


def machine() -> str:
    """What it was measured on and with."""
    facts = {
        "measured": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "klk-daemon": version("klk-daemon"),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "DuckDB": version("duckdb"),
        "system": f"{platform.system()} {platform.release()} ({platform.machine()})",
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "load average": " ".join(f"{load:.1f}" for load in os.getloadavg()),
    }
    return "\n".join(f"- {name}: {value}" for name, value in facts.items())


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
