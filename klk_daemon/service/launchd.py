"""What launchd is asked: `bootstrap`, `bootout`, `kickstart`, `print`, as macOS has had them since 10.11."""

import os
import re
import time
from collections.abc import Mapping
from pathlib import Path

from klk_daemon.errors import KlkError
from klk_daemon.service import steps
from klk_daemon.service.commands import run
from klk_daemon.service.steps import Step
from klk_daemon.service.target import LABEL

_STOP_S = 20.0


def domain() -> str:
    """The login session of this user."""
    return f"gui/{os.getuid()}"


def service() -> str:
    """The agent in it."""
    return f"{domain()}/{LABEL}"


def started(plist: Path, *, changed: bool, dry_run: bool) -> list[Step]:
    """Makes launchd read the agent and start it; one that runs unchanged is left alone."""
    loaded = bool(show(dry_run=dry_run))
    if loaded and not changed:
        return []
    return [
        *([Step(f"launchctl bootout {service()}", _bootout)] if loaded else []),
        # It may have been switched off by hand; bootstrap would then refuse it.
        steps.command("launchctl", "enable", service()),
        steps.command("launchctl", "bootstrap", domain(), str(plist)),
    ]


def stopped(plist: Path, *, dry_run: bool) -> list[Step]:
    """Stops it, and makes launchd forget it."""
    loaded = bool(show(dry_run=dry_run))
    return [*([Step(f"launchctl bootout {service()}", _bootout)] if loaded else []), *steps.gone(plist)]


def restart() -> None:
    """Ends it if it runs, and starts it.

    Raises:
        KlkError: launchd does not know it.
    """
    run(["launchctl", "kickstart", "-k", service()])


def show(*, dry_run: bool = False) -> dict[str, str]:
    """What `launchctl print` tells of the agent, its first mention of each name; empty where it is not loaded.

    Raises:
        KlkError: there is no launchd.
    """
    try:
        done = run(["launchctl", "print", service()], check=False)
    except KlkError:
        if dry_run:  # shown on another system
            return {}
        raise
    found: dict[str, str] = {}
    for name, value in re.findall(
        r"^\s*([a-z][a-z ]*) = ([^{\n]*)$", done.text if done.code == 0 else "", re.MULTILINE
    ):
        found.setdefault(name, value.strip())
    return found


def report(plist: Path, shown: Mapping[str, str]) -> list[tuple[str, str]]:
    """Name and value, for people."""
    rows = [
        ("service", f"{LABEL} of the user with id {os.getuid()}"),
        ("agent", str(plist)),
        ("at login", "enabled"),
        ("active", shown.get("state", "not loaded")),
        ("pid", shown.get("pid", "")),
        ("starts", shown.get("runs", "")),
        ("last exit", shown.get("last exit code", "")),
    ]
    return [(name, value) for name, value in rows if value]


def is_active(shown: Mapping[str, str]) -> bool:
    """Whether it runs."""
    return shown.get("state") == "running"


def _bootout() -> None:
    """Ends it, and waits: `bootstrap` fails with an input/output error while the old one is still ending."""
    run(["launchctl", "bootout", service()])
    deadline = time.monotonic() + _STOP_S
    while show():
        if time.monotonic() > deadline:
            raise KlkError("launchd has not ended the old agent", hint=f"`launchctl print {service()}` shows it")
        time.sleep(0.2)
