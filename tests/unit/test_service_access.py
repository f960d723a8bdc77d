"""Whether a user gets at what its service needs: asked of the kernel, so as root, who alone can be somebody else."""

import os
import pwd
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from klk_daemon.cli.service import _require_root
from klk_daemon.errors import KlkError
from klk_daemon.service import access, texts
from klk_daemon.service.access import account, creation, refuse_unreachable
from klk_daemon.service.target import Program, Target, system_places

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who alone can be somebody else")
NEW = "klk-nobody-has-this-name"


@pytest.fixture
def disk() -> Iterator[Path]:
    """A folder that everybody may enter (pytest's own are closed)."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def service(disk: Path, *, program: str = "/usr/bin/true", writes: Path | None = None) -> Target:
    """A service with a configuration, and a folder that it writes."""
    config = disk / "klk.toml"
    config.touch()
    return Target(
        system_places(disk), Program((program,), (Path("/usr"),)), config, (writes or disk / "new",), 300, "daemon"
    )


def refusal(target: Target, name: str = "daemon") -> str:
    """Why the service is refused; empty where it is not."""
    try:
        refuse_unreachable(target, account(name), own_config=False)
    except KlkError as e:
        return str(e)
    return ""


@as_root
def test_everything_within_reach(disk: Path) -> None:
    """Folders that are still to be made, and those of the user itself, are no obstacle."""
    mine = disk / "mine"
    mine.mkdir(mode=0o700)
    os.chown(mine, pwd.getpwnam("daemon").pw_uid, 0)
    assert refusal(service(disk)) == ""
    assert refusal(service(disk, writes=mine)) == ""
    assert refusal(service(disk), name=NEW) == ""


@as_root
def test_closed_folders(disk: Path) -> None:
    """A folder that the user may not write, or not pass through, is named, with what to do."""
    theirs = disk / "theirs"
    theirs.mkdir(mode=0o755)
    told = refusal(service(disk, writes=theirs))
    assert told.startswith(f"the user daemon cannot write into {theirs} — --run-as")
    assert f"`chown daemon {theirs}`" in told
    theirs.chmod(0o700)
    assert f"cannot pass through {theirs}" in refusal(service(disk, writes=theirs / "a" / "b"))
    assert "cannot lie in / itself" in refusal(service(disk, writes=Path("/")))


@as_root
def test_closed_configuration(disk: Path) -> None:
    """A configuration that the user may not read is refused."""
    target = service(disk)
    target.config.chmod(0o600)
    assert refusal(target).startswith(f"the user daemon cannot read the configuration {target.config}")


@as_root
def test_program_out_of_reach(disk: Path) -> None:
    """A program that the user cannot start is refused, as is one that does not run."""
    assert "/opt/klk-daemon" in refusal(service(disk, program="/usr/bin/false"))
    closed = disk / "closed"
    closed.mkdir(mode=0o700)
    target = Target(system_places(disk), Program(("x",), (closed,)), disk, (), 300, "daemon")
    assert f"{closed} is closed to it" in refusal(target)


@as_root
def test_closed_home_is_entered_by_the_service(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a home the service is shown one folder: that the home is closed does not matter, that the folder is, does."""
    monkeypatch.setattr(texts, "_HOMES", (disk / "home",))
    home = disk / "home" / "ana"
    (home / "data").mkdir(parents=True)
    home.chmod(0o700)
    (home / "data").chmod(0o777)
    assert refusal(service(disk, writes=home / "data")) == ""
    (home / "data").chmod(0o755)
    assert "cannot write into" in refusal(service(disk, writes=home / "data"))


def test_accounts() -> None:
    """A user that is there has its groups; a new one is as strange to the machine as nobody."""
    assert account("root").groups
    assert account("root").group == pwd.getpwnam("root").pw_name
    assert account(NEW).new
    assert account(NEW).group == NEW
    assert creation(NEW, Path("/var/lib/klk-daemon"))[:3] == ["useradd", "--system", "--user-group"]
    assert creation("daemon", Path("/x"))[2:4] == ["--gid", "daemon"]


def test_nobody_but_root(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without root `--system` is refused with the command to give; `--dry-run` shows what it can."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(KlkError, match=r"needs root — sudo .*klk-daemon.* service uninstall --system"):
        _require_root(system=True, dry_run=False, command="uninstall")
    _require_root(system=True, dry_run=True, command="install")
    _require_root(system=False, dry_run=False, command="install")
    access.refuse_unreachable(service(disk, writes=Path("/")), account(NEW), own_config=False)
    assert sys.executable
