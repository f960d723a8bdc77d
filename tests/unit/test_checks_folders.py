"""Folders that must be writable, and the room on their disks."""

import os
from pathlib import Path

import pytest

from klk_daemon.checks import folders
from klk_daemon.checks.finding import Grado

GIB = folders.GIB


def test_a_folder_that_is_there_or_can_be_made(tmp_path: Path) -> None:
    """Both are well; nothing is made."""
    assert folders.writable("state", tmp_path, "X").estado is Grado.OK
    found = folders.writable("state", tmp_path / "a" / "b", "X")
    assert (found.estado, "can be made" in found.mensaje) == (Grado.OK, True)
    assert not (tmp_path / "a").exists()


def test_a_file_where_a_folder_belongs(tmp_path: Path) -> None:
    """It fails, and names the setting."""
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        found = folders.writable("logs", path, "logs.dir")
        assert (found.estado, found.remedio) == (Grado.FAIL, "see logs.dir")


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Paths that may not be written: root, who may run the tests, is allowed everything."""
    paths: set[str] = set()
    access = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: access(path, mode) and not (mode & os.W_OK and str(path) in paths)
    )
    return paths


def test_a_folder_that_cannot_be_written(tmp_path: Path, read_only: set[str]) -> None:
    """It fails, and so does what would be made in it."""
    read_only.add(str(tmp_path))
    for path in (tmp_path, tmp_path / "logs"):
        assert folders.writable("logs", path, "logs.dir").estado is Grado.FAIL


def test_a_log_file_of_another_user(tmp_path: Path, read_only: set[str]) -> None:
    """Today's would lose its lines; yesterday's does not matter."""
    for day in ("20251116", "20251117"):
        (tmp_path / f"klk_ventas_{day}.log").touch()
        read_only.add(str(tmp_path / f"klk_ventas_{day}.log"))
    found = folders.logs(tmp_path, "20251117")
    assert (found.estado, "klk_ventas_20251117.log" in found.mensaje) == (Grado.FAIL, True)
    assert folders.logs(tmp_path, "20251118").estado is Grado.OK


@pytest.mark.parametrize(
    ("total", "free", "estado"),
    [
        (100 * GIB, 50 * GIB, Grado.OK),
        (100 * GIB, 10 * GIB, Grado.OK),
        (100 * GIB, 9 * GIB, Grado.WARN),
        (100 * GIB, 2 * GIB, Grado.WARN),
        (100 * GIB, 1.9 * GIB, Grado.FAIL),
        (5 * GIB, 0.9 * GIB, Grado.FAIL),
        (0, 0, Grado.FAIL),
    ],
)
def test_room(total: float, free: float, estado: Grado) -> None:
    """Below 10 % it warns; below 2 %, or a gigabyte, it fails and says what the least is."""
    found = folders.room("disk", total=int(total), free=int(free), floor=folders.DATABASE_FLOOR)
    assert found.estado is estado
    assert bool(found.remedio) is (estado is not Grado.OK)


def test_folders_on_one_disk_are_told_together(tmp_path: Path) -> None:
    """One line for database and logs; the folders need not be there."""
    (found,) = folders.disks({"database": tmp_path / "a", "logs": tmp_path / "b"}, database="database")
    assert found.check == "disk"
