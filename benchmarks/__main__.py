"""`make bench`: measures, prints a table, and writes it to `benchmarks/RESULTS.md`.

No test asks for these times: they are the machine's as much as the program's. This process imports little, because
the most memory that the system reports of a child is never less than what its parent held.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import report
from benchmarks.process import Sample, middle
from benchmarks.report import Line
from benchmarks.scene import ALMACENES, ARTICULOS, Scene, scene

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "RESULTS.md"
PAIRS = 11
QUICK = 2
COLD_RATIO, SERVED_RATIO, VERSION_S, STATUS_S = 2.0, 1.2, 0.15, 0.5
# `status` exits 1 where something is stale, and sales were never read here.
FRESH_OR_STALE = frozenset({0, 1})


def main() -> None:
    """Measures everything once through."""
    parser = argparse.ArgumentParser(prog="make bench", description="Measures klk-daemon beside the floor.")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} runs of each, and no file is written")
    parser.add_argument("--pairs", type=int, default=PAIRS, help="runs of each (default: %(default)s)")
    options = parser.parse_args()
    pairs = QUICK if options.quick else options.pairs
    with tempfile.TemporaryDirectory(prefix="klk-bench-") as folder, scene(Path(folder)) as stage:
        lines = measure(stage, pairs)
    print(report.table(lines))
    if not options.quick:
        setting = f"{len(ALMACENES)} warehouses of 4 stores, {ARTICULOS:,} articles each, a simulator without latency."
        RESULTS.write_text(report.document(lines, setting=setting, pairs=pairs), encoding="utf-8")
        print(f"\nwritten to {RESULTS}")


def measure(stage: Scene, pairs: int) -> list[Line]:
    """All figures, in the order of the page."""
    filled = stage.fresh()
    stage.program("trigger", "inventario", folder=filled)

    def again() -> Sample:
        stage.half_an_hour_later()
        return stage.program("trigger", "inventario", folder=filled)

    floor, cold, later, version, status = in_turns(
        pairs,
        stage.floor,
        lambda: stage.program("trigger", "inventario"),
        again,
        lambda: stage.program("--version", folder=filled),
        lambda: stage.program("status", folder=filled, ok=FRESH_OR_STALE),
    )
    warm_floor, warm, warm_later = in_one_process("warm", stage, pairs)
    closed, served, page, page_answer, loop, loop_answer = in_one_process("served", stage, 3 * pairs)
    return [
        Line("floor", floor, floor),
        Line("trigger inventario, new database", cold, floor, COLD_RATIO * floor.wall_s),
        Line("trigger inventario, half an hour later", later, floor),
        Line("--version", version, None, VERSION_S),
        Line("status without a daemon", status, None, STATUS_S),
        Line("warm: the floor's work", warm_floor, warm_floor),
        Line("warm: inventario, new database", warm, warm_floor),
        Line("warm: inventario, half an hour later", warm_later, warm_floor),
        Line("daemon: inventario, the file closed in between", closed, closed),
        Line("daemon: inventario, the file served", served, closed, SERVED_RATIO * closed.wall_s),
        Line("daemon: served, a page that asks ten times a second", page, closed, SERVED_RATIO * closed.wall_s),
        Line("daemon: served, a reader that asks all the time", loop, closed, SERVED_RATIO * closed.wall_s),
        Line("an answer to the page", page_answer),
        Line("an answer to the reader that asks all the time", loop_answer),
    ]


def in_turns(times: int, *tasks: Callable[[], Sample]) -> list[Sample]:
    """The medians of each task; one round warms up, and each round runs all tasks, so that all share the weather."""
    rounds = [[task() for task in tasks] for _ in range(times + 1)]
    return [middle(samples) for samples in zip(*rounds[1:], strict=True)]


def in_one_process(module: str, stage: Scene, times: int) -> list[Sample]:
    """What `warm.py` or `served.py` measures, in its order."""
    command = [sys.executable, "-m", f"benchmarks.{module}", stage.url, str(stage.folder), str(times)]
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    return [Sample(**sample) for sample in json.loads(output)]


if __name__ == "__main__":
    main()
