"""A day's sales in many runs, and in one, in a process that lives on."""

from dataclasses import astuple
from functools import partial
from pathlib import Path

from benchmarks.engine import Engine
from benchmarks.process import Sample, answer, in_turns, timed
from benchmarks.scene import EVENING, HALF_AN_HOUR, Scene


def warm(url: str, folder: str, rounds: int, runs: int) -> object:
    """In this process: a day's runs, and the run after a day of outage."""
    stage = Scene(url, Path(folder))

    lines: set[int] = set()

    def step_by_step() -> Sample:
        with Engine(stage.fresh()) as engine:
            engine.run("ventas", stage.stand(EVENING))
            spent, added = [], 0
            for _ in range(runs):
                now = stage.move(HALF_AN_HOUR)
                spent.append(timed(partial(engine.run, "ventas", now)))
                added += engine.added
        lines.add(added)
        return Sample(sum(s.wall_s for s in spent), sum(s.cpu_s for s in spent), spent[-1].rss_mb)

    def at_once() -> Sample:
        with Engine(stage.fresh()) as engine:
            engine.run("ventas", stage.stand(EVENING))
            sample = timed(partial(engine.run, "ventas", stage.stand(EVENING + runs * HALF_AN_HOUR)))
            lines.add(engine.added)
        return sample

    found = in_turns(rounds, step_by_step, at_once)
    if len(lines) != 1:
        raise RuntimeError(f"both ways must end with the same lines: {lines}")
    return [[astuple(one) for one in task] for task in found]


if __name__ == "__main__":
    answer(warm)
