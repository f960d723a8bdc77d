"""The sales of four stores, half hour by half hour, in a process that lives on."""

from dataclasses import astuple
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks import floor_ventas
from benchmarks.engine import Engine
from benchmarks.process import Sample, answer, in_turns, timed
from benchmarks.scene import HALF_AN_HOUR, Scene

OVERLAP = timedelta(minutes=60)


def warm(url: str, folder: str, rounds: int) -> object:
    """In this process, half hour by half hour: the same answers by the floor, and by a run."""
    stage = Scene(url, Path(folder))
    sucursales = [t.sucursal for t in stage.tiendas]
    path = str(stage.fresh() / "floor.db")
    lines: list[int] = []
    with Engine(stage.fresh()) as engine:
        engine.run("ventas", stage.now)

        def work() -> Sample:
            stage.move(HALF_AN_HOUR)
            hasta = datetime.fromisoformat(stage.ask("/_sim/")["ahora"]).replace(tzinfo=None)
            bodies = floor_ventas.window(sucursales, hasta - HALF_AN_HOUR - OVERLAP, hasta)
            stage.prepare(stock=False, sales=1)
            return timed(lambda: lines.append(floor_ventas.work(url, path, bodies)))

        def run() -> Sample:
            now = stage.now
            sample = timed(lambda: engine.run("ventas", now))
            if not engine.added:
                raise RuntimeError("a run without a new line is no measurement")
            return sample

        found = in_turns(rounds, work, run)
    return {
        "samples": [[astuple(one) for one in task] for task in found],
        "lines": sum(lines) / len(lines) / len(sucursales),
    }


if __name__ == "__main__":
    answer(warm)
