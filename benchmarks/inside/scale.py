"""Both jobs for so many stores, in a process that lives on."""

from collections.abc import Callable
from dataclasses import astuple
from functools import partial
from pathlib import Path

from benchmarks.engine import Engine
from benchmarks.process import Sample, answer, in_turns, timed
from benchmarks.scene import Scene

JOBS = ("inventario", "ventas")


def warm(url: str, folder: str, rounds: int, sizes: list[int]) -> object:
    """In this process: a run of each job into a new database, for so many stores."""
    stage = Scene(url, Path(folder))
    now = stage.now
    engines: dict[int, Engine] = {}

    def run(size: int, job: str) -> Sample:
        if job == JOBS[0]:
            engines[size] = Engine(stage.fresh(tiendas=size))
        sample = timed(lambda: engines[size].run(job, now))
        if not engines[size].added:
            raise RuntimeError(f"{job} of {size} stores added nothing: that is no measurement")
        if job == JOBS[-1]:
            with engines.pop(size):
                pass
        return sample

    tasks: list[Callable[[], Sample]] = [partial(run, size, job) for size in sizes for job in JOBS]
    return [[astuple(one) for one in task] for task in in_turns(rounds, *tasks)]


if __name__ == "__main__":
    answer(warm)
