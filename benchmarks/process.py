"""One process from its start to its end: what it took."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

MIB = 1024 * 1024
RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes there, KiB elsewhere


@dataclass(frozen=True, slots=True)
class Sample:
    """Seconds of wall clock, seconds of processor (user and system), and the most memory held, in MiB."""

    wall_s: float
    cpu_s: float
    rss_mib: float


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
    return Sample(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * RSS_UNIT / MIB)


def middle(samples: Sequence[Sample]) -> Sample:
    """The median of each figure."""
    return Sample(
        median(s.wall_s for s in samples), median(s.cpu_s for s in samples), median(s.rss_mib for s in samples)
    )
