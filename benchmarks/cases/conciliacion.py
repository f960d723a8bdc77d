"""The nightly comparison of nineteen stores, as a command."""

import shutil
from datetime import timedelta
from pathlib import Path
from tempfile import mkdtemp

from benchmarks.case import Bench, Case, Figure, Finding
from benchmarks.process import Sample, in_turns, middle
from benchmarks.scene import NOON, scene

ROUNDS = 5
STORES, DAYS, LINES = 19, 2, 5800
WALL_S, PEAK_MB = 40, 300


def measure(bench: Bench) -> Finding:
    """Whole processes, each on a copy of a database that holds the days already."""
    rounds, stores, lines = bench.rounds(ROUNDS), bench.size(STORES, 2), bench.size(LINES, 200)
    with scene(bench.folder, tiendas=stores, articulos=500, lineas_por_dia=lines) as stage:
        stage.prepare(stock=False, sales=DAYS + 1)
        held = stage.fresh()
        first, last = (NOON.date() - timedelta(days=n) for n in (DAYS, 1))
        days = ("--desde", str(first), "--hasta", str(last))  # the program's own clock is not the simulator's
        stage.program("trigger", "ventas", *days, folder=held)

        def compare() -> Sample:
            folder = Path(mkdtemp(dir=bench.folder)) / "copy"
            shutil.copytree(held, folder)
            return stage.program("trigger", "conciliacion", *days, folder=folder)

        (runs,) = in_turns(rounds, compare)
    took = middle(runs)
    what = f"{stores} stores × {DAYS} days × {lines:,} lines"
    return Finding(
        [
            Figure(what, took.wall_s, "s", f"{took.cpu_s:.1f} s of processor", rounds, WALL_S),
            Figure(f"{what}: peak memory", took.rss_mb, "MB", "", rounds, PEAK_MB),
        ]
    )


CASE = Case(
    "conciliacion",
    "The nightly comparison",
    "`trigger conciliacion` on a database that holds the days: each is read, compared, read again and certified. Whole"
    " processes; the simulator, which has its answers ready, runs on the same processors.",
    measure,
)
