"""Sales into a table that grows step by step, beside an empty one."""

import shutil
from datetime import datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from benchmarks import history
from benchmarks.engine import WATCH, Engine
from benchmarks.process import answer, timed
from benchmarks.scene import HALF_AN_HOUR, Scene
from klk_daemon.warehouse.connection import CONFIG

MORNING = time(9, 30)


def grow(url: str, folder: str, rounds: int, text: bool, fortnights: list[int]) -> object:
    """In this process: fills a table step by step, and after each step runs on it and on an empty one, in turns."""
    stage = Scene(url, Path(folder))
    home = stage.fresh(tiendas=4)
    file = home / "klk.db"
    sizes = []
    try:
        for before, after in zip([0, *fortnights], fortnights, strict=False):
            with Engine(home) as full, Engine(stage.fresh(tiendas=4)) as empty:
                if not before:
                    full.run("ventas", stage.stand(datetime.combine(history.FIRST_DAY, MORNING)))
                _fill(file, before, after, text=text)
                begin = stage.stand(history.end(after) + timedelta(hours=MORNING.hour, minutes=MORNING.minute))
                for engine in (full, empty):
                    engine.run("ventas", begin)
                size: dict[str, Any] = _in_turns(stage, rounds, full, empty)
                sizes.append(size | {"lines": after * history.FORTNIGHT})
        _hand_over(file)
        with Engine(stage.fresh(database=file)) as nineteen:
            nineteen.run("ventas", stage.move(HALF_AN_HOUR))
            many = _in_turns(stage, rounds, nineteen)
        return {"sizes": sizes, "nineteen": many, "file_mb": file.stat().st_size / 1e6}
    finally:
        shutil.rmtree(home)


def _fill(file: Path, before: int, after: int, *, text: bool) -> None:
    """Adds the lines; what was read before is forgotten, as its days lie under the new ones."""
    with duckdb.connect(str(file), config={**CONFIG, "memory_limit": "3GB"}) as con:
        if not before and text:
            history.text_types(con)
        history.fill(con, before, after)
        con.execute("DELETE FROM etl_marcas; DELETE FROM ventas_cobertura")
        con.execute("CHECKPOINT")


def _hand_over(file: Path) -> None:
    """Leaves no log beside the file: one belongs to the state directory that it was written from."""
    with duckdb.connect(str(file), config=CONFIG) as con:
        con.execute("CHECKPOINT")


def _in_turns(stage: Scene, rounds: int, full: Engine, empty: Engine | None = None) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"held": [], "wall": [], "held_empty": [], "wall_empty": []}
    for n in range(rounds + 1):
        now = stage.move(HALF_AN_HOUR)
        stage.prepare(stock=False, sales=1)
        for suffix, engine in (("_empty", empty), ("", full)):
            if engine is None:
                continue
            before = WATCH.held_s
            sample = timed(partial(engine.run, "ventas", now))
            if n:
                found[f"wall{suffix}"].append(sample.wall_s)
                found[f"held{suffix}"].append(WATCH.held_s - before)
    return found


if __name__ == "__main__":
    answer(grow)
