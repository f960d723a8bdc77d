"""A day's sales in many runs, and in one, in a process that lives on."""

from dataclasses import astuple
from datetime import timedelta
from functools import partial
from pathlib import Path

from benchmarks.engine import Engine
from benchmarks.process import Sample, answer, in_turns, timed
from benchmarks.scene import HALF_AN_HOUR, MIDNIGHT, Scene


def warm(url: str, folder: str, rounds: int, runs: int) -> object:
    """In this process: a day's runs, and the run after a day of outage."""
    stage = Scene(url, Path(folder))

    def step_by_step() -> Sample:
        with Engine(stage.fresh()) as engine:
            begin = stage.stand(MIDNIGHT)
            engine.run("ventas", begin)
            spent = []
            for _ in range(runs):
                now = stage.move(HALF_AN_HOUR)
                spent.append(timed(partial(engine.run, "ventas", now)))
        return Sample(sum(s.wall_s for s in spent), sum(s.cpu_s for s in spent), spent[-1].rss_mb)

    def at_once() -> Sample:
        with Engine(stage.fresh()) as engine:
            engine.run("ventas", stage.stand(MIDNIGHT))
            now = stage.stand(MIDNIGHT + timedelta(hours=runs / 2))
            return timed(lambda: engine.run("ventas", now))

    return [[astuple(one) for one in task] for task in in_turns(rounds, step_by_step, at_once)]


if __name__ == "__main__":
    answer(warm)
