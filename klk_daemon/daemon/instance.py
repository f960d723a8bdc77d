"""One daemon a state directory: a lock that the system lets go of when its holder dies, and a pid to name it."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from klk_daemon import files
from klk_daemon.errors import OcupadoError

PID_FILE = "klk-daemon.pid"
# A migration holds the daemon's place, and is none.
MIGRACION_FILE = "db-migrate.pid"
# Where the daemon's server listens, for the commands that hand it their work.
HTTP_FILE = "http.json"
# What lets their orders pass.
TOKEN_FILE = "token"  # noqa: S105 - a file's name
# What lets readers of a served database pass.
QUACK_TOKEN_FILE = "quack_token"  # noqa: S105 - a file's name


@contextmanager
def only_instance(state: Path, *, migracion: bool = False) -> Iterator[None]:
    """Holds the daemon's place.

    Args:
        state: the state directory.
        migracion: `db migrate` holds it, so that no daemon starts meanwhile.

    Raises:
        OcupadoError: another daemon holds it, or a migration; names its pid.
    """
    pid_file, other = state / PID_FILE, state / MIGRACION_FILE
    if migracion:
        pid_file, other = other, pid_file
    try:
        with FileLock(state / "daemon.lock", timeout=0, mode=0o600):
            other.unlink(missing_ok=True)  # of one that was killed
            pid_file.touch(mode=0o600)
            pid_file.write_text(f"{os.getpid()}\n", encoding="ascii")
            try:
                yield
            finally:
                pid_file.unlink(missing_ok=True)
    except Timeout as e:
        if (holder := _pid(state / MIGRACION_FILE)) is not None:
            raise OcupadoError(f"`db migrate` is at work on {state} (pid {holder})", hint="wait for its end") from e
        holder = _pid(state / PID_FILE)
        raise OcupadoError(
            f"klk-daemon runs already on {state} (pid {holder or 'unknown'})",
            hint="stop it first, or set KLK_STATE_DIR for a second one",
        ) from e


def running_pid(state: Path) -> int | None:
    """The pid of the daemon on this state directory; None where there is none, or a migration holds its place."""
    try:
        with FileLock(state / "daemon.lock", timeout=0, mode=0o600):
            return None
    except Timeout:
        return _pid(state / PID_FILE)


def _pid(file: Path) -> int | None:
    text = file.read_text(encoding="ascii").strip() if file.exists() else ""
    return int(text) if text.isdecimal() else None


def token(state: Path, name: str = TOKEN_FILE) -> str:
    """A token of a state directory, in the file `name`; made, with 256 bits, where there is none."""
    path = state / name
    if not path.exists():
        files.replace(path, secrets.token_urlsafe(32).encode())
    return path.read_text(encoding="ascii").strip()
