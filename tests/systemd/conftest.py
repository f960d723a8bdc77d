"""One booted container for the tests of a worker, with the program in /opt and the simulator of KLK beside it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import container as containers
from .machine import Machine


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A Debian with klk-daemon in /opt/klk-daemon and the simulator on port 7002; no service yet."""
    lacking = containers.missing()
    if lacking:
        message = f"a container with systemd needs {', '.join(lacking)}"
        if os.environ.get("KLK_TEST_FULL") == "1":
            pytest.fail(message)
        pytest.skip(message)
    shared: Path = tmp_path_factory.mktemp("shared")
    containers.image()
    containers.wheels(shared / "wheels")
    with containers.booted(shared) as container:
        machine = Machine(container)
        machine.prepare()
        yield machine
