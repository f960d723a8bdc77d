"""Runs in a process that lives on, against a slow server."""

from dataclasses import astuple
from functools import partial
from pathlib import Path

from benchmarks import floor
from benchmarks.engine import Engine
from benchmarks.process import Sample, answer, in_turns, timed
from benchmarks.scene import HALF_AN_HOUR, Scene


def warm(url: str, folder: str, rounds: int, seconds: float) -> object:
    """In this process: the slowest of five plain calls side by side, then both jobs."""
    stage = Scene(url, Path(folder))
    with Engine(stage.fresh()) as engine:
        for job in ("inventario", "ventas"):
            engine.run(job, stage.now)

        def slowest() -> Sample:
            stage.move(HALF_AN_HOUR)
            stage.latency(0)
            stage.prepare(sales=1)
            stage.latency(seconds)
            return timed(lambda: floor.fetch(url, floor.ARTICULOS, floor.stock(stage.almacenes)))

        def run(job: str) -> Sample:
            now = stage.now
            return timed(lambda: engine.run(job, now))

        found = in_turns(rounds, slowest, partial(run, "inventario"), partial(run, "ventas"))
    return [[astuple(one) for one in task] for task in found]


if __name__ == "__main__":
    answer(warm)
