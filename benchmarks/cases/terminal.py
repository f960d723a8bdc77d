"""What a person waits for at a terminal."""

from benchmarks.case import Bench, Case, Figure, Finding
from benchmarks.process import in_turns, middle
from benchmarks.scene import ARTICULOS, scene

ROUNDS = 11
VERSION_S, STATUS_S = 0.15, 0.5
# `status` exits 1 where something is stale.
FRESH_OR_STALE = frozenset({0, 1})


def measure(bench: Bench) -> Finding:
    """`--version` and `status`, on a database of four stores."""
    rounds = bench.rounds(ROUNDS)
    with scene(bench.folder, articulos=bench.size(ARTICULOS, 50), lineas_por_dia=bench.size(5800, 50)) as stage:
        folder = stage.fresh()
        stage.program("trigger", "todo", folder=folder)
        version, status = in_turns(
            rounds,
            lambda: stage.program("--version", folder=folder),
            lambda: stage.program("status", folder=folder, ok=FRESH_OR_STALE),
        )
    return Finding(
        [
            Figure("`--version`", middle(version).wall_s, "s", samples=rounds, goal=VERSION_S),
            Figure("`status` without a daemon", middle(status).wall_s, "s", samples=rounds, goal=STATUS_S),
        ]
    )


CASE = Case("terminal", "At the terminal", "Whole processes, from start to end.", measure, cheap=True)
