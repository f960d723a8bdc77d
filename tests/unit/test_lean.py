"""What commands do not load."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("command", [["run"], ["trigger", "ventas"]])
def test_what_libraries_load_for_looks_is_not_loaded(command: list[str], tmp_path: Path) -> None:
    """Of a command that loads the program, and ends for want of a configuration."""
    program = [sys.executable, "-X", "importtime", "-m", "klk_daemon", "--config", str(tmp_path / "none.toml")]
    ran = subprocess.run([*program, *command], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 2
    loaded = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines()}
    assert {"klk_daemon.bootstrap.app", "structlog"} <= loaded
    assert loaded.isdisjoint({"rich.console", "pygments"})
