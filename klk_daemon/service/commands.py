"""The one place that runs other programs, and what their complaints mean."""

import os
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from klk_daemon.errors import KlkError

# What a program's complaint means, in words of the person who has to do something about it.
_MEANS = (
    ("connect to bus", "this user has no systemd session: log in as it (not with su or sudo), or use --system"),
    ("not been booted with systemd", "this machine is not run by systemd: start `klk-daemon run` some other way"),
    ("interactive authentication", "needs root: use sudo"),
    ("access denied", "needs root: use sudo"),
    ("permission denied", "needs root: use sudo"),
    ("not privileged", "needs root: use sudo"),
)
_MISSING = {
    "systemctl": "this machine is not run by systemd: start `klk-daemon run` some other way",
    "crontab": "no cron is installed: there is nothing to replace",
    "launchctl": "this machine is not run by launchd",
    "useradd": "create the user yourself, and name it with --run-as",
}


@dataclass(frozen=True, slots=True)
class Done:
    """How a program ended."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        """What it printed."""
        return self.out.decode(errors="replace").strip()


def run(command: Sequence[str], *, given: bytes = b"", check: bool = True) -> Done:
    """Runs a program to its end.

    Args:
        command: the program and its arguments.
        given: its standard input.
        check: whether another exit code than 0 is an error.

    Raises:
        KlkError: the program is not there, or (`check`) failed; one sentence.
    """
    # C.UTF-8: the complaints are looked up in English. A user's manager is found even from a cron job or behind su.
    env = {**os.environ, "LC_ALL": "C.UTF-8"}
    runtime = Path(f"/run/user/{os.geteuid()}")
    if "XDG_RUNTIME_DIR" not in env and runtime.is_dir():
        env["XDG_RUNTIME_DIR"] = str(runtime)
    try:
        done = subprocess.run(command, input=given, capture_output=True, env=env, check=False)  # noqa: S603 - no shell
    except FileNotFoundError as e:
        raise KlkError(f"there is no {command[0]}", hint=_MISSING.get(command[0], "install it")) from e
    except OSError as e:
        raise KlkError(f"{command[0]}: {e.strerror or e}") from e
    err = done.stderr.decode(errors="replace").strip()
    if check and done.returncode != 0:
        said = err.splitlines()[0] if err else f"exit code {done.returncode}"
        raise KlkError(f"`{shlex.join(command)}` failed: {said}", hint=meaning(err))
    return Done(done.returncode, done.stdout, err)


def meaning(complaint: str) -> str:
    """What to do about a program's complaint; empty where it speaks for itself."""
    return next((hint for words, hint in _MEANS if words in complaint.lower()), "")
