"""The stock of four stores in a process that lives on."""

from dataclasses import astuple
from pathlib import Path

from benchmarks import floor
from benchmarks.engine import Engine
from benchmarks.process import Sample, answer, in_turns, timed
from benchmarks.scene import HALF_AN_HOUR, Scene


def warm(url: str, folder: str, rounds: int) -> object:
    """In this process: the floor's work, a run into a new database, and one half an hour after another."""
    stage = Scene(url, Path(folder))
    with Engine(stage.fresh()) as kept:
        kept.run("inventario", stage.now)

        def work() -> Sample:
            path = str(stage.fresh() / "floor.db")
            return timed(lambda: floor.work(url, path, stage.almacenes))

        def first() -> Sample:
            with Engine(stage.fresh()) as new:
                return timed(lambda: new.run("inventario", stage.now))

        def later() -> Sample:
            now = stage.move(HALF_AN_HOUR)
            stage.prepare()
            return timed(lambda: kept.run("inventario", now))

        return [[astuple(one) for one in task] for task in in_turns(rounds, work, first, later)]


if __name__ == "__main__":
    answer(warm)
