"""Whether the user of a system service gets at its program, configuration, database and logs.

Asked before anything is written, and of the kernel itself, so that groups and access lists count.
"""

import grp
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from klk_daemon.errors import KlkError
from klk_daemon.service.target import Program, Target
from klk_daemon.service.texts import hidden


@dataclass(frozen=True, slots=True)
class Account:
    """A user, as the kernel knows it."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...] = ()
    new: bool = False

    @property
    def group(self) -> str:
        """The name of its first group."""
        if self.new:
            return self.name
        try:
            return grp.getgrgid(self.gid).gr_name
        except KeyError:
            return str(self.gid)


def account(name: str) -> Account:
    """A user; one that does not exist yet may do what `nobody` may."""
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        nobody = pwd.getpwnam("nobody")
        return Account(name, nobody.pw_uid, nobody.pw_gid, new=True)
    return Account(name, found.pw_uid, found.pw_gid, tuple(os.getgrouplist(name, found.pw_gid)))


def refuse_unreachable(target: Target, user: Account, *, own_config: bool) -> None:
    """Checks everything that the service needs. Only root can ask for another user; else nothing is checked.

    Args:
        target: the service.
        user: whom it is to run as.
        own_config: the configuration is made, or handed over, by the installer.

    Raises:
        KlkError: one sentence on what it would not get at, and what to do.
    """
    if os.geteuid() != 0:
        return
    _program(target.program, user)
    if not own_config and not _may(user, "-r", target.config):
        raise KlkError(
            f"the user {user.name} cannot read the configuration {target.config}",
            hint=f"--run-as the user who can, or move it to {target.places.config}",
        )
    for folder in target.writes:
        if folder == Path("/"):
            raise KlkError("database and logs cannot lie in / itself", hint="name a folder of their own")
        if any(folder.is_relative_to(place) for place in target.places.managed):
            continue
        _writable(folder, user)


def _program(program: Program, user: Account) -> None:
    hint = "install klk-daemon where everybody may read it, such as /opt/klk-daemon, and run the installer from there"
    closed = next((path for path in program.folders if not _may(user, "-r", path, "-a", "-x", path)), None)
    if closed:
        raise KlkError(f"the user {user.name} cannot run klk-daemon: {closed} is closed to it", hint=hint)
    if any(hidden(path) for path in program.folders):
        return  # behind a closed home, which the service sees otherwise than a shell does
    done = subprocess.run(  # noqa: S603 - our own program
        [*program.command, "--version"],
        cwd="/",
        user=user.uid,
        group=user.gid,
        extra_groups=user.groups,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["it says nothing"]
        raise KlkError(f"the user {user.name} cannot run {program.command[0]}: {said[-1]}", hint=hint)


def _writable(folder: Path, user: Account) -> None:
    hint = (
        f"--run-as the user whose folder it is, `chown {user.name} {folder}`, or a path below /var/lib/klk-daemon in "
        "the configuration"
    )
    if not folder.exists():
        above = next(path for path in folder.parents if path.exists())
        if not hidden(folder) and not _may(user, "-x", above):
            raise KlkError(f"the user {user.name} cannot pass through {above} to {folder}", hint=hint)
        return
    if not _may(user, "-w", folder, "-a", "-x", folder):
        raise KlkError(f"the user {user.name} cannot write into {folder}", hint=hint)


def _may(user: Account, *words: str | Path) -> bool:
    """test(1) as that user.

    What its service is shown of a closed home is not behind the home's door: it is looked at from its own folder.
    """
    path = next(word for word in words if isinstance(word, Path))
    base = path if path.is_dir() else path.parent
    start = base if hidden(path) else Path("/")
    expression = [str(word.relative_to(start)) if isinstance(word, Path) else word for word in words]
    test = shutil.which("test", path=os.defpath)
    if test is None:
        return True
    done = subprocess.run(  # noqa: S603 - no shell; the folder is entered before the user changes
        [test, *expression],
        cwd=start,
        user=user.uid,
        group=user.gid,
        extra_groups=user.groups,
        check=False,
    )
    return done.returncode == 0


def creation(name: str, home: Path) -> list[str]:
    """The command that makes a system user without a login."""
    try:
        grp.getgrnam(name)
        group = ["--gid", name]
    except KeyError:
        group = ["--user-group"]
    return [
        *("useradd", "--system", *group, "--home-dir", str(home), "--no-create-home"),
        *("--shell", "/usr/sbin/nologin", "--comment", "klk-daemon", name),
    ]
