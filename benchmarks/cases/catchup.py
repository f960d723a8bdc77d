"""A day caught up at once, beside the same day half hour by half hour."""

from benchmarks.case import AT_LEAST, Bench, Case, Figure, Finding, ms, samples
from benchmarks.process import inside, middle, ratio
from benchmarks.scene import EVENING, scene

ROUNDS = 5
GOAL = 8
RUNS = 48
LINES = 5800


def measure(bench: Bench) -> Finding:
    """Both ways, in turns."""
    rounds, runs, lines = bench.rounds(ROUNDS), bench.size(RUNS, 4), bench.size(LINES, 200)
    with scene(bench.folder, articulos=500, lineas_por_dia=lines, reloj=EVENING) as stage:
        stage.prepare(stock=False, sales=2)
        single, at_once = samples(inside("catchup", url=stage.url, folder=str(bench.folder), rounds=rounds, runs=runs))
    a, b = middle(single), middle(at_once)
    return Finding(
        [
            Figure(
                f"{runs} runs over one: {name}",
                ratio([getattr(s, field) for s in single], [getattr(s, field) for s in at_once]),
                "×",
                f"{ms(getattr(a, field))} beside {ms(getattr(b, field))}, 4 stores × {lines:,} lines",
                rounds,
                GOAL,
                AT_LEAST,
            )
            for name, field in (("wall", "wall_s"), ("CPU", "cpu_s"))
        ]
    )


CASE = Case(
    "catchup",
    "A day's outage caught up",
    "Warm, no latency: the sales of a whole day in 48 runs, and in the one run after an outage of that day.",
    measure,
)
