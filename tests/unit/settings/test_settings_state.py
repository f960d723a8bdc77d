"""The state directory: where it is, and that only its owner can enter it."""

from pathlib import Path

import pytest

from klk_daemon.errors import ConfigError
from klk_daemon.settings import ensure_state_dir, state, state_dir


def test_state_dir_precedence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """KLK_STATE_DIR, else systemd's first STATE_DIRECTORY, else the platform's own; always absolute."""
    systemd = {"STATE_DIRECTORY": "/var/lib/a:/var/lib/b"}
    assert state_dir({"KLK_STATE_DIR": "/x"} | systemd) == Path("/x")
    assert state_dir(systemd) == Path("/var/lib/a")
    assert state_dir({"KLK_STATE_DIR": ""} | systemd) == Path("/var/lib/a")
    monkeypatch.chdir(tmp_path)
    assert state_dir({"KLK_STATE_DIR": "here"}) == tmp_path / "here"
    default = state_dir({})
    assert default.is_absolute()
    assert default.name == "klk-daemon"


def test_made_private(tmp_path: Path) -> None:
    """A new folder, with its parents, is 0700; an open one is closed."""
    path = tmp_path / "a" / "b"
    assert ensure_state_dir(path) == path
    assert path.stat().st_mode & 0o777 == 0o700
    path.chmod(0o755)
    ensure_state_dir(path)
    assert path.stat().st_mode & 0o777 == 0o700


def test_shared_folder_is_refused_untouched(tmp_path: Path) -> None:
    """A folder like /tmp is not closed to its other users: it is refused."""
    path = tmp_path / "tmp"
    path.mkdir()
    path.chmod(0o1777)
    with pytest.raises(ConfigError, match="shared by all users"):
        ensure_state_dir(path)
    assert path.stat().st_mode & 0o7777 == 0o1777


def test_cannot_be_made(tmp_path: Path) -> None:
    """A file in the way is a ConfigError with the path and what to do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"state directory .*file.*KLK_STATE_DIR"):
        ensure_state_dir(tmp_path / "file")
    with pytest.raises(ConfigError, match="Not a directory"):
        ensure_state_dir(tmp_path / "file" / "below")


def test_the_systems_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the system's configuration, whoever may write its state uses it; KLK_STATE_DIR still comes first."""
    monkeypatch.setattr(state, "SYSTEM_STATE", tmp_path)
    assert state.state_dir({}, config=state.SYSTEM_CONFIG) == tmp_path
    assert state.state_dir({}, config=tmp_path / "klk.toml") != tmp_path
    assert state.state_dir({"KLK_STATE_DIR": "/x"}, config=state.SYSTEM_CONFIG) == Path("/x")
