"""Processes, from their start to their end or while they live: what they took."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parent.parent
MB = 1_000_000
RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes there, KiB elsewhere


@dataclass(frozen=True, slots=True)
class Sample:
    """Seconds of wall clock, seconds of processor (user and system), and the most memory held, in MB (10⁶ bytes)."""

    wall_s: float
    cpu_s: float
    rss_mb: float


def run(command: Sequence[str], *, env: Mapping[str, str], cwd: Path, ok: frozenset[int] = frozenset({0})) -> Sample:
    """Runs a command to its end.

    Raises:
        RuntimeError: it ended with another code than those in `ok`; its output is shown.
    """
    output = cwd / "output.txt"
    with output.open("wb") as sink:
        began = time.perf_counter()
        process = subprocess.Popen(command, env=dict(env), cwd=cwd, stdout=sink, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in ok:
        raise RuntimeError(f"{command} ended with {process.returncode}:\n{output.read_text(errors='replace')}")
    return Sample(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * RSS_UNIT / MB)


def inside(name: str, **arguments: Any) -> Any:
    """Runs a module of `benchmarks.inside` as a process, which measures itself (`answer`); what it found."""
    command = [sys.executable, "-m", f"benchmarks.inside.{name}", json.dumps(arguments)]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)


def answer(work: Callable[..., Any]) -> None:
    """The other side of `inside`: calls `work` with what was given, and prints what it returns."""
    print(json.dumps(work(**json.loads(sys.argv[1]))))


def timed(task: Callable[[], object]) -> Sample:
    """Runs a task in this process: what it took; the memory is the most that the process ever held."""
    wall, cpu = time.perf_counter(), cpu_s()
    task()
    return Sample(time.perf_counter() - wall, cpu_s() - cpu, peak_mb())


def cpu_s() -> float:
    """Seconds of processor that this process has used."""
    times = os.times()
    return times.user + times.system


def peak_mb() -> float:
    """The most memory that this process ever held."""
    if (held := _status("VmHWM")) is not None:
        return held
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT / MB


def resident_mb(pid: int | str = "self") -> float:
    """The memory that a process holds now; not to be had but on Linux.

    Raises:
        RuntimeError: this system does not tell.
    """
    if (held := _status("VmRSS", pid)) is None:
        raise RuntimeError("the memory that a process holds is read from /proc, which this system does not have")
    return held


def process_cpu_s(pid: int) -> float:
    """Seconds of processor that another process has used so far (Linux)."""
    # The name of the program, in brackets, may hold blanks.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _status(name: str, pid: int | str = "self") -> float | None:
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return None
    line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024 / MB


def middle(samples: Sequence[Sample]) -> Sample:
    """The median of each figure."""
    return Sample(
        median(s.wall_s for s in samples), median(s.cpu_s for s in samples), median(s.rss_mb for s in samples)
    )


def in_turns(times: int, *tasks: Callable[[], Sample]) -> list[list[Sample]]:
    """Each task's samples. One round warms up, and each round runs all tasks, so that all share the weather."""
    rounds = [[task() for task in tasks] for _ in range(times + 1)]
    return [list(samples) for samples in zip(*rounds[1:], strict=True)]


def ratio(over: Sequence[float], under: Sequence[float]) -> float:
    """The median of the rounds' ratios: what one round's weather did to both falls out of it."""
    return median(a / b for a, b in zip(over, under, strict=True))
