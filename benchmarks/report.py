"""The figures as Markdown, with the machine that they are of."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.case import Case, Figure

HEAD = ("what", "measured", "that is", "goal", "met", "samples")
RIGHT = {1, 3, 5}
QUIET = 0.5  # of the processors, busy with other things before a case began


@dataclass(frozen=True, slots=True)
class Measured:
    """A case's figures, when they were measured (UTC), how long it took, and the load just before it."""

    figures: Sequence[Figure]
    when: str
    took_s: float
    load: float


def table(figures: Sequence[Figure]) -> str:
    """A Markdown table, aligned for people as well."""
    rows = [HEAD, *(_cells(figure) for figure in figures)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(HEAD))]
    rule = [f"{'-' * (w - 1)}:" if n in RIGHT else "-" * w for n, w in enumerate(widths)]
    written = [
        [cell.rjust(widths[n]) if n in RIGHT else cell.ljust(widths[n]) for n, cell in enumerate(row)] for row in rows
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in (written[0], rule, *written[1:]))


def _cells(figure: Figure) -> tuple[str, ...]:
    goal = "" if figure.goal is None else f"{figure.sense} {figure.goal:g} {figure.unit}".rstrip()
    met = {None: "", True: "yes", False: "**no**"}[figure.met]
    if figure.value is None:
        return (figure.what, "not measured", figure.beside, goal, "", "")
    return (
        figure.what,
        f"{amount(figure.value)} {figure.unit}".rstrip(),
        figure.beside,
        goal,
        met,
        str(figure.samples),
    )


def amount(value: float) -> str:
    """Three figures, as many as mean something."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.1 or not value else f"{value:.3f}"


def document(cases: Sequence[Case], measured: Mapping[str, Measured], machine: Mapping[str, str]) -> str:
    """The page `RESULTS.md`."""
    goals = [f for one in measured.values() for f in one.figures if f.goal is not None]
    met = sum(f.met is True for f in goals)
    facts = "\n".join(f"- {name}: {value}" for name, value in machine.items())
    missing = ", ".join(case.title for case in cases if case.name not in measured)
    sections = "\n\n".join(_section(case, measured[case.name]) for case in cases if case.name in measured)
    return f"""\
# Results

Written by `make bench`; nothing here is by hand. {met} of {len(goals)} goals are met. What is compared ran in
turns in one go: a ratio is the median of the rounds' ratios, everything else a median, after a round that warms up;
*samples* says of how many. Memory is in MB of 10⁶ bytes. [docs/performance.md](../docs/performance.md) says what the
figures mean to somebody who runs the program, and where the time goes.

{facts}{f"{chr(10)}- not measured here: {missing}" if missing else ""}

{sections}
"""


def _section(case: Case, one: Measured) -> str:
    cores = os.cpu_count() or 1
    when = f"Measured {one.when} UTC in {one.took_s:.0f} s; the load average before it was {one.load:.1f}"
    loud = (
        f" **Other programs were running: the load was above {QUIET * cores:g} before it began, so that times say"
        " little; ratios and memory say more.**"
        if one.load > QUIET * cores
        else ""
    )
    return f"## {case.title}\n\n{case.how}\n\n{table(one.figures)}\n\n{when} on {cores} cores.{loud}"
