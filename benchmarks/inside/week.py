"""Many runs, half an hour apart, in one process."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.engine import Engine
from benchmarks.process import answer, resident_mb
from benchmarks.scene import HALF_AN_HOUR, Scene


def live(url: str, folder: str, runs: int, jobs: list[str], step_s: float) -> dict[str, Any]:
    """In this process: so many runs of the jobs, half an hour apart; memory and file after each, in MB."""
    stage = Scene(url, Path(folder))
    memory, file = [], []
    with Engine(stage.fresh()) as engine:
        now = stage.now
        for _ in range(runs):
            stage.move(timedelta(seconds=step_s))
            now += HALF_AN_HOUR
            for job in jobs:
                engine.run(job, now)
            memory.append(resident_mb())
            file.append(engine.size_mb)
    return {"memory": memory, "file": file}


if __name__ == "__main__":
    answer(live)
