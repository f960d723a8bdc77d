"""The steps that put the service in place, and those that take it away. Done twice, nothing is done the second time."""

import os
import stat
from enum import StrEnum
from pathlib import Path

from klk_daemon.service import launchd, steps, systemd, texts
from klk_daemon.service.access import Account, creation
from klk_daemon.service.steps import NOBODY_ELSE, Owner, Step
from klk_daemon.service.target import Kind, Places, Target

_CLOSED = 0o700
_GROUP_READS = 0o750
_UNIT_MODE = 0o644


class Config(StrEnum):
    """Where the configuration comes from."""

    THERE = "there"
    NEW = "new"
    SAVED = "saved"  # an earlier `uninstall` put it among the data


def saved(places: Places) -> Path:
    """Where `uninstall` keeps a configuration that was edited."""
    return places.data / places.config.name


def found(places: Places) -> Config:
    """Whether there is a configuration for this place already."""
    if places.config.exists():
        return Config.THERE
    return Config.SAVED if saved(places).exists() else Config.NEW


def install(target: Target, origin: Config, user: Account | None, *, dry_run: bool) -> list[Step]:
    """What is missing for the service to run as it should.

    Args:
        target: the service.
        origin: what is to be done about its configuration.
        user: whom a system service runs as.
        dry_run: the machine may be another one than the service's; nothing is required of it.
    """
    places = target.places
    owner = Owner(target.user, target.group) if user else NOBODY_ELSE
    text = texts.unit(target)
    made = [
        *([steps.command(*creation(user.name, places.data))] if user and user.new else []),
        *_configuration(target, origin, user),
        *_folders(target, owner),
    ]
    unit = [*steps.kept(places.unit, text, places.state), *steps.file(places.unit, text, mode=_UNIT_MODE)]
    changed = bool(unit) or origin is not Config.THERE
    if places.kind is Kind.AGENT:
        return [*made, *unit, *launchd.started(places.unit, changed=changed, dry_run=dry_run)]
    started = systemd.started(places.kind, changed=changed, dry_run=dry_run)
    linger = systemd.lingering(dry_run=dry_run) if places.kind is Kind.USER else []
    return [*made, *unit, *started, *linger]


def uninstall(places: Places, *, dry_run: bool) -> list[Step]:
    """What takes the service away: data, logs and state stay, and so does the user that owns them."""
    if places.kind is Kind.AGENT:
        service = launchd.stopped(places.unit, dry_run=dry_run)
    else:
        service = systemd.stopped(places.kind, places.unit) if places.unit.exists() else []
    folders = [path for path in (places.credentials, places.config.parent) if path and path.exists()]
    changes = places.unit.with_name(f"{places.unit.name}.d")
    return [
        # What was added with `systemctl edit` is the operator's work.
        *([steps.move(changes, places.state / f"{changes.name}.{steps.stamp()}")] if changes.is_dir() else []),
        *service,
        *_configuration_away(places),
        *(steps.gone_if_empty(path) for path in folders),
    ]


def _configuration(target: Target, origin: Config, user: Account | None) -> list[Step]:
    """In its own place only: a configuration that was named with --config is the operator's."""
    places = target.places
    path = target.config
    if path != places.config:
        return []
    # Of root, and readable by the service's group: it may hold passwords.
    owner, mode = (Owner("root", target.group), 0o640) if user else (NOBODY_ELSE, 0o600)
    folders = [path.parent, *([places.credentials] if places.credentials else [])]
    made = [step for folder in folders for step in steps.folder(folder, mode=0o755)]
    if origin is Config.NEW:
        return [*made, *steps.file(path, texts.configuration(places), mode=mode, owner=owner)]
    if origin is Config.SAVED:
        return [*made, steps.move(saved(places), path), _handed_over(path, owner, mode)]
    return [*made, *([_handed_over(path, owner, mode)] if user and not _readable(path, user) else [])]


def _handed_over(path: Path, owner: Owner, mode: int) -> Step:
    def hand_over() -> None:
        owner.take(path)
        path.chmod(mode)

    return Step(f"make {path} readable for the service ({mode:04o})", hand_over)


def _readable(path: Path, user: Account) -> bool:
    """Whether the service's group, or everybody, may read a configuration of root's."""
    status = path.stat()
    if status.st_mode & stat.S_IROTH or status.st_uid == user.uid:
        return True
    return not user.new and status.st_gid in user.groups and bool(status.st_mode & stat.S_IRGRP)


def _folders(target: Target, owner: Owner) -> list[Step]:
    places = target.places
    modes = {places.data: _GROUP_READS, places.state: _CLOSED, places.logs: _GROUP_READS}
    if places.kind is not Kind.SYSTEM and places.data not in target.writes:
        del modes[places.data]
    modes |= dict.fromkeys([path for path in target.writes if path not in modes], _GROUP_READS)
    return [step for path, mode in modes.items() for step in steps.folder(path, mode=mode, owner=owner)]


def _configuration_away(places: Places) -> list[Step]:
    """The one that the installer put there: as it was, it goes; edited, it is kept among the data."""
    try:
        text = places.config.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    if not text.startswith(texts.MARK):
        return []
    if text == texts.configuration(places):
        return steps.gone(places.config)
    return [steps.move(places.config, saved(places))]


def is_root() -> bool:
    """Whether this process may touch the system."""
    return os.geteuid() == 0
