"""Runs on a file that the daemon keeps open and serves, with readers at work meanwhile."""

from importlib.util import find_spec

from benchmarks.case import Bench, Case, Figure, Finding, ms, over, samples
from benchmarks.process import inside
from benchmarks.scene import ARTICULOS, scene

ROUNDS = 15
GOAL = 1.2
# Seconds between a reader's questions.
READERS = {"a page that asks ten times a second": 0.1, "a reader that asks all the time": 0.0}


def measure(bench: Bench) -> Finding:
    """Closed beside served, without readers and with one."""
    if find_spec("duckdb_extension_quack") is None:
        why = "the extra `quack` is not installed"
        return Finding([Figure("`inventario`, served over closed", None, "×", why, 0, GOAL)])
    with scene(bench.folder, articulos=bench.size(ARTICULOS, 50)) as stage:
        found = inside(
            "served",
            url=stage.url,
            folder=str(bench.folder),
            rounds=bench.rounds(ROUNDS),
            pauses=list(READERS.values()),
        )
    closed, served = samples(found["alone"])
    figures = [over("`inventario`, served over closed", served, closed, goal=GOAL)]
    for what, tasks, answer_s in zip(READERS, found["readers"], found["answers_s"], strict=True):
        closed, served = samples(tasks)
        figures += [
            over(f"so with {what}", served, closed, goal=GOAL),
            Figure(f"an answer to {what}", answer_s * 1000, "ms", f"while runs of {ms(served[0].wall_s)} go on"),
        ]
    return Finding(figures)


CASE = Case(
    "served",
    "A served file",
    "`inventario` in the daemon, half an hour after the last: a file that is closed between runs, and one that stays"
    " open and is served by `database.serve`, in turns; then with another process that reads it meanwhile.",
    measure,
)
