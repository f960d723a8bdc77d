"""The same work again and again in one process: what is left where nothing has to be started or imported.

python -m benchmarks.warm http://127.0.0.1:7002 FOLDER RUNS
"""

import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import floor
from benchmarks.process import MIB, RSS_UNIT, Sample, middle
from benchmarks.scene import ALMACENES, Scene
from klk_daemon.bootstrap.app import build
from klk_daemon.domain import Job
from klk_daemon.jobs.trigger import en_turno
from klk_daemon.settings import load


def main() -> None:
    """Prints the medians as JSON: the floor's work, an inventario into fresh files, and one into the same file."""
    stage, runs = Scene(sys.argv[1], Path(sys.argv[2])), int(sys.argv[3])
    filled = stage.fresh()
    samples = [
        _repeated(lambda: floor.work(stage.url, str(stage.fresh() / "floor.db"), ALMACENES), runs),
        _repeated(lambda: _inventario(stage.fresh()), runs),
        _repeated(lambda: _inventario(filled), runs, before=stage.half_an_hour_later),
    ]
    print(json.dumps([asdict(sample) for sample in samples]))


def _inventario(folder: Path) -> None:
    app = build(load(folder / "klk.toml", env={}), folder / "state")
    app.setup_logs(console="critical")
    trabajo = app.trabajo(Job.INVENTARIO)
    work = en_turno(trabajo, app.tiendas, app.entorno, clock=lambda: datetime.now(UTC), inventario_wait_s=0)
    try:
        resultado = asyncio.run(work)
    finally:
        app.database.close()
    if resultado.exit_code:
        raise RuntimeError(f"a failure is no measurement: {resultado}")


def _repeated(task: Callable[[], object], runs: int, before: Callable[[], None] = lambda: None) -> Sample:
    """The medians, after one run that warms up."""
    samples = []
    for _ in range(runs + 1):
        before()
        wall, used = time.perf_counter(), cpu()
        task()
        samples.append(Sample(time.perf_counter() - wall, cpu() - used, rss()))
    return middle(samples[1:])


def cpu() -> float:
    """Seconds of processor that this process has used."""
    times = os.times()
    return times.user + times.system


def rss() -> float:
    """The most memory that this process has held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT / MIB


if __name__ == "__main__":
    main()
