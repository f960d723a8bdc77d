"""Folders that must be writable, and the disks that they are on. Nothing is made, written or touched."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from klk_daemon.checks.finding import Grado, Hallazgo, fail, ok, warn

GIB = 1024**3
MIB = 1024**2
# Below these the next runs fail, or soon will: a rewrite of the database needs room, a day of logs little.
FAIL_SHARE = 0.02
WARN_SHARE = 0.10
DATABASE_FLOOR = GIB
FLOOR = 64 * MIB


def writable(check: str, folder: Path, key: str) -> Hallazgo:
    """Whether files can be made in a folder, or it can be made.

    Args:
        check: its name in the report.
        folder: absolute.
        key: the setting that names it, for the remedy.
    """
    there = nearest(folder)
    if not there.is_dir():
        return fail(check, f"{there} is not a folder", f"see {key}")
    if not os.access(there, os.W_OK | os.X_OK):
        return fail(check, f"{there} cannot be written to", f"give this user the right to, or see {key}")
    return ok(check, str(folder) if there == folder else f"{folder} is not there yet, and can be made")


def logs(folder: Path, today: str) -> Hallazgo:
    """Whether log lines can be written: the folder, and today's files, which another user may have begun.

    Args:
        folder: of the log files.
        today: the stores' date, as in the files' names.
    """
    found = writable("logs", folder, "logs.dir")
    if found.estado is not Grado.OK:
        return found
    for path in sorted(folder.glob(f"klk_*_{today}.log")):
        if not os.access(path, os.W_OK):
            return fail(
                "logs", f"{path} cannot be written to", "another user's command made it: chown it to the daemon's user"
            )
    return found


def disks(folders: Mapping[str, Path], *, database: str) -> list[Hallazgo]:
    """The room on the disks of some folders; those on one disk together.

    Args:
        folders: what is kept there (`database`, `logs`), and where.
        database: which of them needs room for a rewrite.
    """
    together: dict[int, dict[str, Path]] = {}
    for name, folder in folders.items():
        there = nearest(folder)
        together.setdefault(there.stat().st_dev, {})[name] = there
    findings = []
    for group in together.values():
        usage = shutil.disk_usage(next(iter(group.values())))
        floor = DATABASE_FLOOR if database in group else FLOOR
        what = "disk" if len(group) == len(folders) else f"disk {' '.join(group)}"
        findings.append(room(what, total=usage.total, free=usage.free, floor=floor))
    return findings


def room(check: str, *, total: int, free: int, floor: int) -> Hallazgo:
    """How a disk stands, in bytes: fails below 2 % or `floor`, warns below 10 %."""
    share = free / total if total else 0.0
    told = f"{_size(free)} of {_size(total)} free ({share:.0%})"
    if share < FAIL_SHARE or free < floor:
        return fail(check, f"{told}; the least is {_size(max(floor, total * FAIL_SHARE))}", "make room on this disk")
    if share < WARN_SHARE:
        return warn(check, told, "make room on this disk before it is full")
    return ok(check, told)


def nearest(path: Path) -> Path:
    """The path, or the nearest of its parents that is there."""
    return next((p for p in (path, *path.parents) if os.access(p, os.F_OK)), Path("/"))


def _size(number: float) -> str:
    return f"{number / GIB:.1f} GiB" if number >= GIB else f"{number / MIB:.0f} MiB"
