"""The sales of four stores in half an hour, beside the floor."""

from datetime import datetime

from benchmarks.case import Bench, Case, Figure, Finding, cpu_over, over, samples
from benchmarks.process import inside
from benchmarks.scene import scene

ROUNDS = 11
GOAL = 1.5
MORNING = datetime(2025, 11, 17, 10, 0)  # noqa: DTZ001 - store-local
LINES_A_DAY = 1040  # 120 or so in the 90 minutes that a run reads, the overlap included


def measure(bench: Bench) -> Finding:
    """Warm, then the command beside it."""
    rounds = bench.rounds(ROUNDS)
    with scene(bench.folder, articulos=500, lineas_por_dia=LINES_A_DAY, reloj=MORNING) as stage:
        found = inside("ventas", url=stage.url, folder=str(bench.folder), rounds=rounds)
    floor, run = samples(found["samples"])
    return Finding(
        [
            over("warm: wall over fetch and insert", run, floor, goal=GOAL),
            cpu_over("warm: CPU over fetch and insert", run, floor),
            Figure("lines of a store in an answer", found["lines"], "", "two thirds of them read before", rounds),
        ]
    )


CASE = Case(
    "ventas",
    "Sales of four stores",
    "Warm, no latency, half an hour after the last run. The floor is the same answers fetched side by side by the"
    " standard library and appended by `from_json` ([floor_ventas.py](floor_ventas.py)): it doubles what it has read.",
    measure,
    cheap=True,
)
