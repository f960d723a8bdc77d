"""What the daemon takes while it has nothing to do."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from urllib.error import HTTPError
from urllib.request import urlopen

from benchmarks.case import Bench, Case, Figure, Finding
from benchmarks.process import process_cpu_s, resident_mb
from benchmarks.scene import ARTICULOS, Scene, command, environment, scene

PARTS, PART_S = 5, 60.0
RSS_MB, CPU_PERCENT = 120, 0.3
PATIENCE_S = 120
# Once a year: nothing fires while it is watched, but for what a new installation does at once.
NEVER = "\n".join(f'{job} = "0 0 1 1 *"' for job in ("inventario", "ventas", "conciliacion"))


def measure(bench: Bench) -> Finding:
    """The daemon after its first runs and a look at its page."""
    if not Path("/proc").exists():
        why = "read from /proc, which this system does not have"
        return Finding(
            [Figure("resident memory", None, "MB", why, 0, RSS_MB), Figure("CPU", None, "%", why, 0, CPU_PERCENT)]
        )
    seconds = 0.4 if bench.quick else PART_S
    with (
        scene(bench.folder, articulos=bench.size(ARTICULOS, 50), lineas_por_dia=bench.size(5800, 50)) as stage,
        _daemon(stage) as pid,
    ):
        time.sleep(min(seconds, 10))
        began, used = time.monotonic(), process_cpu_s(pid)
        held = []
        for _ in range(PARTS):
            time.sleep(seconds)
            held.append(resident_mb(pid))
        took = time.monotonic() - began
        cpu = (process_cpu_s(pid) - used) / took * 100
    watched = f"over {took / 60:.1f} minutes"
    return Finding(
        [
            Figure("resident memory", median(held), "MB", watched, PARTS, RSS_MB),
            Figure("CPU", cpu, "%", watched, 1, CPU_PERCENT),
        ]
    )


@contextmanager
def _daemon(stage: Scene) -> Iterator[int]:
    """A daemon whose first two runs have ended, and whose pages were looked at; its pid."""
    folder = stage.fresh(http="port = 0", schedule=NEVER)
    with (
        (folder / "output.txt").open("wb") as sink,
        subprocess.Popen(command(folder, "run"), env=environment(folder), cwd=folder, stderr=sink, stdout=sink) as one,
    ):
        try:
            address = folder / "state" / "http.json"
            _wait(one, address.exists)
            url = json.loads(address.read_text(encoding="utf-8"))["url"]
            _wait(one, lambda: sum(run["estado"] == "exitoso" for run in json.loads(_get(f"{url}/api/runs"))) >= 2)
            for path in ("/", "/metrics", "/api/status"):
                _get(url + path)
            yield one.pid
        finally:
            one.terminate()


def _get(url: str) -> bytes:
    try:
        with urlopen(url, timeout=30) as response:
            return bytes(response.read())
    except HTTPError as e:
        return e.read()


def _wait(process: "subprocess.Popen[bytes]", condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("the daemon did not start, or its first runs did not end")
        time.sleep(0.1)


CASE = Case(
    "idle",
    "The daemon, idle",
    "`klk-daemon run` with its server, after the first runs of both jobs and a look at its pages, with nothing due.",
    measure,
)
