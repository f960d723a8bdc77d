"""A run in a living process against a server that is as slow as KLK: it should take what the slowest call takes."""

from benchmarks.case import Bench, Case, Finding, over, samples
from benchmarks.process import inside
from benchmarks.scene import ARTICULOS, scene

ROUNDS = 5
LATENCY_S = 1.6
GOAL = 1.10
LINES_A_DAY = 1040  # 120 or so in the 90 minutes that a run reads at that time of day


def measure(bench: Bench) -> Finding:
    """Both jobs."""
    seconds = 0.2 if bench.quick else LATENCY_S
    with scene(bench.folder, articulos=bench.size(ARTICULOS, 50), lineas_por_dia=LINES_A_DAY) as stage:
        slowest, stock, sales = samples(
            inside("latency", url=stage.url, folder=str(bench.folder), rounds=bench.rounds(ROUNDS), seconds=seconds)
        )
    return Finding(
        [
            over("`inventario`: wall over the slowest call", stock, slowest, goal=GOAL),
            over("`ventas`: wall over the slowest call", sales, slowest, goal=GOAL),
        ]
    )


CASE = Case(
    "latency",
    "A slow server",
    f"Warm, {LATENCY_S} s before every answer; five calls side by side by the standard library are the slowest call.",
    measure,
)
