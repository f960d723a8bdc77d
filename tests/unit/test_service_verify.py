"""What systemd itself says of our units."""

import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from klk_daemon.service import target, texts
from klk_daemon.service.target import Program, Target

DEPLOY = Path(__file__).parents[2] / "deploy/systemd"
LIMIT = 1.5
SYSTEM = target.system_places()
TRUE = Program(("/bin/true",), (Path("/usr"),))


@pytest.fixture
def analyze() -> str:
    """systemd-analyze, where there is one."""
    program = shutil.which("systemd-analyze")
    if program is None:
        if os.environ.get("KLK_TEST_FULL") == "1":
            pytest.fail("systemd-analyze is missing")
        pytest.skip("systemd-analyze is missing")
    return program


def said(*command: str) -> str:
    """What a program printed; it must succeed."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("where", ["usual", "home", "elsewhere"])
def test_system_unit_is_verified(analyze: str, tmp_path: Path, where: str) -> None:
    """`systemd-analyze verify` is silent on the unit as it is installed, wherever the data are."""
    writes = {
        "usual": (SYSTEM.data, SYSTEM.logs),
        "home": (Path("/home/ana/klk data"), Path("/home/ana/logs")),
        "elsewhere": (Path("/srv/50%/klk"), Path('/mnt/"x"')),
    }[where]
    unit = tmp_path / target.UNIT
    unit.write_text(texts.unit(Target(SYSTEM, TRUE, SYSTEM.config, writes, 300, "root", "root")), encoding="utf-8")
    assert said(analyze, "verify", str(unit)) == ""


def test_user_unit_is_verified(analyze: str, tmp_path: Path) -> None:
    """`systemd-analyze --user verify` is silent on a user's unit."""
    places = target.user_places(tmp_path, {}, tmp_path / "the state")
    unit = tmp_path / target.UNIT
    unit.write_text(texts.unit(Target(places, TRUE, places.config, (), 300)), encoding="utf-8")
    done = subprocess.run(
        [analyze, "--user", "verify", str(unit)],
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("where", ["shipped", "usual", "home"])
def test_exposure(analyze: str, tmp_path: Path, where: str) -> None:
    """`systemd-analyze security` gives the shipped unit, and the installed ones, 1.5 or less."""
    unit = DEPLOY / target.UNIT
    if where != "shipped":
        installed = Target(SYSTEM, TRUE, SYSTEM.config, (SYSTEM.data, SYSTEM.logs), 300, "klk", "klk")
        if where == "home":
            installed = replace(installed, writes=(Path("/home/ana/klk"),))
        unit = tmp_path / target.UNIT
        unit.write_text(texts.unit(installed), encoding="utf-8")
    told = said(analyze, "security", "--offline=true", "--no-pager", str(unit))
    score = re.search(r"Overall exposure level for \S+: ([\d.]+)", told)
    assert score is not None, told
    assert float(score[1]) <= LIMIT, told
