"""What systemd is asked: the commands of an installation, and what `systemctl show` tells."""

import os
import pwd
from collections.abc import Mapping
from pathlib import Path

from klk_daemon.errors import KlkError
from klk_daemon.service import steps
from klk_daemon.service.commands import meaning, run
from klk_daemon.service.steps import Step
from klk_daemon.service.target import UNIT, Kind

_SHOWN = (
    *("LoadState", "UnitFileState", "FragmentPath", "ActiveState", "SubState", "ActiveEnterTimestamp", "MainPID"),
    *("StatusText", "NRestarts", "Result", "ExecMainCode", "ExecMainStatus", "ExecMainExitTimestamp"),
)
_CONFIGURATION = "2"
# waitid(2): how a process ended.
_BY_ITSELF = "1"


def systemctl(kind: Kind, *arguments: str) -> list[str]:
    """A command to the system's manager or to the user's own."""
    return ["systemctl", *(["--user"] if kind is Kind.USER else []), *arguments]


def require(kind: Kind) -> None:
    """Asks the manager for its version: nothing is written where there is none to read it.

    Raises:
        KlkError: it is not there, or does not talk to us.
    """
    run(systemctl(kind, "show", "--property=Version"))


def started(kind: Kind, *, changed: bool, dry_run: bool) -> list[Step]:
    """Makes the manager read the unit, start it at every boot, and run it now."""
    enabled = not changed and _yes(kind, "is-enabled", dry_run=dry_run)
    active = not changed and _yes(kind, "is-active", dry_run=dry_run)
    start = systemctl(kind, "restart", UNIT)
    return [
        *([steps.command(*systemctl(kind, "daemon-reload"))] if changed else []),
        *([] if enabled else [steps.command(*systemctl(kind, "enable", UNIT))]),
        *([] if active else [Step(" ".join(start), lambda: _start(kind, start))]),
    ]


def stopped(kind: Kind, unit: Path) -> list[Step]:
    """Stops it, and makes the manager forget it."""
    return [
        steps.command(*systemctl(kind, "disable", "--now", UNIT)),
        *steps.gone(unit),
        steps.command(*systemctl(kind, "daemon-reload")),
        # Fails where there is nothing to forget.
        steps.command(*systemctl(kind, "reset-failed", UNIT), check=False),
    ]


def lingering(*, dry_run: bool) -> list[Step]:
    """Lets the user's services run while the user is not logged in."""
    user = _user()
    try:
        if run(["loginctl", "show-user", user, "--property=Linger", "--value"], check=False).text == "yes":
            return []
    except KlkError:
        if not dry_run:
            raise
    return [Step(f"loginctl enable-linger {user}", lambda: _linger(user))]


def restart(kind: Kind) -> None:
    """Starts it anew.

    Raises:
        KlkError: it did not start; one sentence.
    """
    _start(kind, systemctl(kind, "restart", UNIT))


def show(kind: Kind) -> dict[str, str]:
    """What the manager knows of the unit.

    Raises:
        KlkError: there is no manager to ask.
    """
    text = run(systemctl(kind, "show", UNIT, f"--property={','.join(_SHOWN)}")).text
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def report(kind: Kind, shown: Mapping[str, str]) -> list[tuple[str, str]]:
    """Name and value, for people."""
    running = shown.get("ActiveState") in {"active", "reloading", "activating", "deactivating"}
    since = shown.get("ActiveEnterTimestamp", "")
    active = f"{shown.get('ActiveState')} ({shown.get('SubState')})"
    rows = [
        ("service", f"{UNIT} of the {'system' if kind is Kind.SYSTEM else 'user ' + _user()}"),
        ("unit", shown.get("FragmentPath", "")),
        ("at boot", shown.get("UnitFileState", "")),
        ("active", f"{active}, since {since}" if running and since else active),
        ("says", shown.get("StatusText", "")),
        ("pid", shown.get("MainPID", "") if shown.get("MainPID") != "0" else ""),
        ("restarts", shown.get("NRestarts", "")),
        ("last exit", _last_exit(shown)),
    ]
    return [(name, value) for name, value in rows if value]


def is_active(shown: Mapping[str, str]) -> bool:
    """Whether it runs."""
    return shown.get("ActiveState") in {"active", "reloading"}


def _user() -> str:
    """Not what $USER says, which may be another's behind su."""
    return pwd.getpwuid(os.geteuid()).pw_name


def _last_exit(shown: Mapping[str, str]) -> str:
    when = shown.get("ExecMainExitTimestamp", "")
    if not when:
        return ""
    how = "exit code" if shown.get("ExecMainCode") == _BY_ITSELF else "signal"
    result = shown.get("Result", "success")
    note = "" if result == "success" else f" ({result})"
    return f"{how} {shown.get('ExecMainStatus')}{note}, {when}"


def _yes(kind: Kind, question: str, *, dry_run: bool) -> bool:
    try:
        return run(systemctl(kind, question, "--quiet", UNIT), check=False).code == 0
    except KlkError:
        if dry_run:  # shown on a machine without systemd
            return False
        raise


def _start(kind: Kind, command: list[str]) -> None:
    """Type=notify: the command returns once the daemon is ready, or has failed."""
    done = run(command, check=False)
    if done.code == 0:
        return
    if hint := meaning(done.err):
        raise KlkError(f"`{' '.join(command)}` failed: {done.err.splitlines()[0]}", hint=hint)
    journal = f"`journalctl {'--user ' if kind is Kind.USER else ''}-u klk-daemon -n 20` tells why"
    shown = show(kind)
    if shown.get("ExecMainCode") == _BY_ITSELF and shown.get("ExecMainStatus") == _CONFIGURATION:
        raise KlkError("the service refused its configuration (exit code 2)", hint=journal)
    raise KlkError(f"the service did not start ({_last_exit(shown) or done.err})", hint=journal)


def _linger(user: str) -> None:
    done = run(["loginctl", "enable-linger", user], check=False)
    if done.code != 0:
        raise KlkError(
            "the daemon runs, but ends when you log out: this user may not switch lingering on",
            hint=f"`sudo loginctl enable-linger {user}`",
        )
