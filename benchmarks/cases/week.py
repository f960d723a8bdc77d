"""A week of runs in one process: does anything grow that should not?"""

from datetime import datetime
from statistics import median

from benchmarks.case import Bench, Case, Curve, Drawing, Figure, Finding
from benchmarks.process import inside
from benchmarks.scene import ARTICULOS, HALF_AN_HOUR, scene

DAYS, A_DAY = 7, 48
LINES = 5800
MEMORY, FILE = 1.05, 1.3
MONDAY = datetime(2025, 11, 17, 0, 30)  # noqa: DTZ001 - store-local
# The simulator's stock changes by the half hour: moved by so much less, nine snapshots of ten are the same.
SLOWLY = HALF_AN_HOUR / 10
NEAR = 12  # runs whose median is taken at a day's end


def measure(bench: Bench) -> Finding:
    """A week of both jobs, and a week of stock that mostly does not change."""
    days, a_day = bench.size(DAYS, 2), bench.size(A_DAY, 3)
    world = {"articulos": bench.size(ARTICULOS, 50), "lineas_por_dia": bench.size(LINES, 50)}
    weeks = []
    for jobs, step in ((["inventario", "ventas"], HALF_AN_HOUR), (["inventario"], SLOWLY)):
        with scene(bench.folder, reloj=MONDAY, **world) as stage:
            weeks.append(
                inside(
                    "week",
                    url=stage.url,
                    folder=str(bench.folder),
                    runs=days * a_day,
                    jobs=jobs,
                    step_s=step.total_seconds(),
                )
            )
    both, stock = weeks
    figures = [
        _growth("both jobs, memory", both["memory"], a_day, MEMORY),
        _growth("stock that mostly does not change, file", stock["file"], a_day, FILE),
        _growth("both jobs, with all that changes and is sold, file", both["file"], a_day, None),
    ]
    curves = [
        Curve("memory of the process", _by_day(both["memory"], a_day)),
        Curve("file: stock and sales", _by_day(both["file"], a_day)),
        Curve("file: stock, mostly unchanged", _by_day(stock["file"], a_day)),
    ]
    return Finding(figures, [Drawing("performance-week.png", "A week of runs in one process", "days", "MB", curves)])


def _growth(what: str, series: list[float], a_day: int, goal: float | None) -> Figure:
    near = min(NEAR, a_day)
    first, last = median(series[a_day - near : a_day]), median(series[-near:])
    what += f": after {len(series)} runs over that after {a_day}"
    return Figure(what, last / first, "×", f"{last:.1f} MB beside {first:.1f} MB", near, goal)


def _by_day(series: list[float], a_day: int) -> list[tuple[float, float]]:
    return [((n + 1) / a_day, value) for n, value in enumerate(series)]


CASE = Case(
    "week",
    "A week",
    "Warm: a run of each job every half hour for seven days, four stores × 5,800 lines a day, one row of stock in"
    " eleven changing every half hour; then a week of stock alone of which nine snapshots in ten are as before. The"
    " simulator is another process.",
    measure,
)
