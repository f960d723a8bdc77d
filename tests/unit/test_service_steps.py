"""The steps of an installation, one by one: done once, told first, failing in one sentence."""

import os
from pathlib import Path

import pytest

from klk_daemon.errors import KlkError
from klk_daemon.service import crontab, launchd, steps
from klk_daemon.service.commands import meaning, run
from klk_daemon.service.steps import Step


def follow(todo: list[Step], *, dry_run: bool = False) -> list[str]:
    """Does the steps; returns what is told."""
    told: list[str] = []
    steps.follow(todo, tell=told.append, dry_run=dry_run)
    return told


def test_file_and_folder_are_made_once(tmp_path: Path) -> None:
    """A file has its mode whatever the umask, a folder's parents are open, and the second time there is nothing."""
    path = tmp_path / "a" / "b" / "unit"
    before = os.umask(0o077)
    try:
        follow([*steps.folder(path.parent, mode=0o750), *steps.file(path, "text\n", mode=0o644)])
    finally:
        os.umask(before)
    assert path.read_text(encoding="utf-8") == "text\n"
    assert [p.stat().st_mode & 0o777 for p in (path, path.parent)] == [0o644, 0o750]
    assert [*path.parent.iterdir()] == [path]
    assert steps.folder(path.parent, mode=0o700) == steps.file(path, "text\n", mode=0o600) == []


def test_dry_run_only_tells(tmp_path: Path) -> None:
    """`--dry-run` shows a file's text, and writes nothing."""
    told = follow([*steps.file(tmp_path / "new", "one\n\ntwo\n", mode=0o600), steps.command("true")], dry_run=True)
    assert told == [f"would write {tmp_path}/new (0600)", "    one\n\n    two", "would run true"]
    assert [*tmp_path.iterdir()] == []


def test_changed_file_is_kept(tmp_path: Path) -> None:
    """A copy is kept of a file that is to change, and of no other."""
    path = tmp_path / "unit"
    assert steps.kept(path, "new", tmp_path) == []
    path.write_text("old", encoding="utf-8")
    assert steps.kept(path, "old", tmp_path) == []
    follow(steps.kept(path, "new", tmp_path))
    (copy,) = tmp_path.glob("unit.*")
    assert copy.read_text(encoding="utf-8") == "old"


def test_failing_step_is_one_sentence(tmp_path: Path) -> None:
    """A step that fails says what it was to do, and why it did not."""
    (tmp_path / "file").touch()
    with pytest.raises(KlkError, match=r"^cannot write .*/file/unit \(0644\): (Not a directory|File exists)$"):
        follow(steps.file(tmp_path / "file" / "unit", "", mode=0o644))
    with pytest.raises(KlkError, match=r"^`false` failed: exit code 1$"):
        follow([steps.command("false")])
    follow([steps.command("false", check=False)])


def test_folders_go_only_when_empty(tmp_path: Path) -> None:
    """A folder in which somebody put something stays."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/secret").touch()
    (tmp_path / "empty").mkdir()
    follow([steps.gone_if_empty(tmp_path / name) for name in ("mine", "empty", "never")])
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert steps.gone(tmp_path / "never") == []


def test_programs_that_are_missing_or_complain() -> None:
    """A missing program is named; a complaint that is known comes with what to do."""
    with pytest.raises(KlkError, match="there is no klk-no-such-program — install it"):
        run(["klk-no-such-program"])
    assert run(["cat"], given=b"\xff").out == b"\xff"
    assert "use sudo" in meaning("Failed to enable unit: Interactive authentication required.")
    assert meaning("it rained") == ""


def test_machine_wide_crontabs_are_named(tmp_path: Path) -> None:
    """/etc/crontab and /etc/cron.d belong to others: those that call the script are only named."""
    (tmp_path / "cron.d").mkdir()
    (tmp_path / "crontab").write_text("0 1 * * * root /usr/bin/copia\n", encoding="utf-8")
    (tmp_path / "cron.d/klk").write_text("0 1 * * * ana /x/cron_klk_realtime.sh ventas\n", encoding="utf-8")
    assert crontab.elsewhere(tmp_path) == [tmp_path / "cron.d/klk"]
    assert crontab.elsewhere(tmp_path / "nowhere") == []


def test_agent_that_is_not_loaded() -> None:
    """Without launchd a dry run goes on; an agent that is not loaded is shown as such."""
    assert launchd.show(dry_run=True) == {}
    assert ("active", "not loaded") in launchd.report(Path("/x"), {})
    assert not launchd.is_active({})
