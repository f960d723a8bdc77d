"""What was measured on, and with."""

import os
import platform
from importlib.metadata import version
from pathlib import Path


def machine() -> dict[str, str]:
    """Fact to value, for the page."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return {
        "klk-daemon": version("klk-daemon"),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "DuckDB": version("duckdb"),
        "system": f"{platform.system()} {platform.release()} ({platform.machine()})",
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{memory:.0f} GB",
    }


def load() -> float:
    """How many processes wanted a processor, on average over the last minute; those of the measurement included."""
    return os.getloadavg()[0]


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
