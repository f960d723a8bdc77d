"""`klk-daemon service`: the daemon as a service of systemd or launchd."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from klk_daemon.errors import ConfigError, KlkError

if TYPE_CHECKING:
    from pathlib import Path

    from klk_daemon.cli.app import Globals
    from klk_daemon.service.target import Kind, Places, Target
    from klk_daemon.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Run the daemon as a service of systemd, or of launchd on macOS.")

System = Annotated[bool, typer.Option("--system", help="The system's service, not this user's own. Needs root.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")]
# A start waits for a database that another program holds, and then replays what a kill left behind.
_START_S = 300
_BEYOND_LOCK_S = 180


@app.command("install")
def install(
    context: typer.Context,
    *,
    system: System = False,
    run_as: Annotated[
        str, typer.Option(metavar="USER", help="With --system: the user of the service; made where it is missing.")
    ] = "",
    replace_cron: Annotated[
        bool, typer.Option("--replace-cron", help="Take the old cron_klk_realtime.sh lines out of the crontab.")
    ] = False,
    dry_run: DryRun = False,
) -> None:
    """Install the service, start it, and start it at every boot. Doing it again changes only what is different."""
    from klk_daemon.service import systemd
    from klk_daemon.service.access import account, refuse_unreachable
    from klk_daemon.service.install import Config, found
    from klk_daemon.service.install import install as planned
    from klk_daemon.service.steps import follow
    from klk_daemon.service.target import RUN_AS, Kind

    if run_as and not system:
        raise ConfigError("--run-as goes with --system", hint="a user's own service runs as that user")
    if context.obj.assignments:
        raise ConfigError("--set does not go with a service", hint="write it into the configuration")
    _require_root(system, dry_run, "install")
    places = _places(system=system)
    named = _named_config(context.obj, places)
    origin = Config.THERE if named else found(places)
    user = account(run_as or RUN_AS) if system else None
    target = _target(places, named, origin, user.name if user else "", user.group if user else "")
    if user:
        refuse_unreachable(target, user, own_config=not named)
    if places.kind is not Kind.AGENT and not dry_run:
        systemd.require(places.kind)
    todo = planned(target, origin, user, dry_run=dry_run)
    follow(todo, tell=typer.echo, dry_run=dry_run)
    if not todo:
        typer.echo("the service is in place already")
    if replace_cron:
        _replace_cron(places, dry_run=dry_run)
    if not dry_run:
        _tell(places.kind, places)


@app.command("uninstall")
def uninstall(*, system: System = False, dry_run: DryRun = False) -> None:
    """Stop the service and remove it. Data, logs and state stay; an edited configuration is kept beside the data."""
    from klk_daemon.service.install import uninstall as planned
    from klk_daemon.service.steps import follow

    _require_root(system, dry_run, "uninstall")
    places = _places(system=system)
    installed = places.unit.exists()
    follow(planned(places, dry_run=dry_run), tell=typer.echo, dry_run=dry_run)
    if not installed:
        typer.echo(f"no service is installed as {places.unit}")
        for other in _all_places(system=False):
            if other.unit.exists():
                typer.echo(f"but there is {other.unit}: `service uninstall{' --system' * (not system)}`")
    left = [str(path) for path in dict.fromkeys((places.data, places.state, places.logs)) if path.exists()]
    if left:
        typer.echo(f"left where they are: {', '.join(left)}")


@app.command("status")
def status(*, system: System = False) -> None:
    """Show whether the service is installed, enabled and active. Exits 0 where it is active, 1 where it is not."""
    kinds = [places for places in _all_places(system=system) if places.unit.exists()]
    if not kinds:
        typer.echo("the service is not installed: `klk-daemon service install`")
        raise typer.Exit(1)
    active = [_tell(places.kind, places) for places in kinds]
    raise typer.Exit(0 if any(active) else 1)


@app.command("restart")
def restart(*, system: System = False) -> None:
    """End the daemon and start it anew; runs that are cut off are made up for."""
    from klk_daemon.service import launchd, systemd
    from klk_daemon.service.target import Kind

    places = next((places for places in _all_places(system=system) if places.unit.exists()), None)
    if places is None:
        raise KlkError("the service is not installed", hint="`klk-daemon service install`")
    if places.kind is Kind.AGENT:
        launchd.restart()
    else:
        systemd.restart(places.kind)
    _tell(places.kind, places)


def _require_root(system: bool, dry_run: bool, command: str) -> None:
    from klk_daemon.service.install import is_root

    if system and not dry_run and not is_root():
        raise KlkError("the system's service needs root", hint=f"sudo {_program()[0]} service {command} --system")


def _places(*, system: bool) -> "Places":
    """Of the service that is meant.

    Raises:
        ConfigError: there is no such service on this platform.
    """
    import os
    from pathlib import Path

    from klk_daemon.service.target import agent_places, system_places, user_places
    from klk_daemon.settings import state_dir

    mac = sys.platform == "darwin"
    if system and mac:
        raise ConfigError("--system is for systemd", hint="on macOS the service is an agent of the user")
    if system:
        return system_places()
    # Not $STATE_DIRECTORY: that is the folder of a service, were this one to run in it.
    state = state_dir({"KLK_STATE_DIR": os.environ.get("KLK_STATE_DIR", "")})
    return (agent_places if mac else user_places)(Path.home(), os.environ, state)


def _all_places(*, system: bool) -> "list[Places]":
    """The user's own service, and the system's; or the latter alone."""
    own = [] if system else [_places(system=False)]
    return own if sys.platform == "darwin" and own else [*own, _places(system=True)]


def _named_config(options: "Globals", places: "Places") -> "Path | None":
    """A configuration that is not the service's own: named, or the system's where this user has none.

    That of the working directory is not taken: a service has none.
    """
    import os
    from pathlib import Path

    from klk_daemon.service.install import Config, found
    from klk_daemon.settings.loading import SYSTEM_FILE

    named = options.config or (Path(os.environ["KLK_CONFIG"]) if os.environ.get("KLK_CONFIG") else None)
    if named:
        return Path.cwd() / named
    here = Path("config/klk.toml")
    if here.exists():
        typer.echo(f"note: the service does not read {Path.cwd() / here}: --config {here} makes it", err=True)
    return SYSTEM_FILE if found(places) is Config.NEW and SYSTEM_FILE.exists() else None


def _target(places: "Places", named: "Path | None", origin: str, user: str, group: str) -> "Target":
    """What is to be installed, by the configuration that the service will read.

    Raises:
        ConfigError: that configuration is wrong.
    """
    import os

    from klk_daemon.service.install import Config, saved
    from klk_daemon.service.target import Program, Target
    from klk_daemon.settings import load, require_runnable

    config = named.resolve() if named else places.config
    writes = [places.data, places.logs]
    timeout_s = 0.0
    if origin != Config.NEW:
        # Without this shell's variables, which the service will not have.
        loaded = load(saved(places) if origin == Config.SAVED else config, env={"HOME": os.environ.get("HOME", "")})
        require_runnable(loaded)
        writes = _written(loaded.settings)
        timeout_s = loaded.settings.database.lock_timeout_s
    return Target(
        places,
        Program(_program(), _program_folders()),
        config,
        tuple(dict.fromkeys(writes)),
        max(_START_S, int(timeout_s) + _BEYOND_LOCK_S),
        user,
        group,
    )


def _written(settings: "Settings") -> "list[Path]":
    """The folders that the daemon writes, symbolic links followed: DuckDB needs room beside its file."""
    from pathlib import Path

    from klk_daemon.bootstrap.place import LAKE, folder_of

    folder, path = folder_of(settings), settings.database.path
    folders = [] if folder is None else [folder.resolve()]
    if not path.startswith(LAKE):
        folders.append(Path(path).resolve().parent)
    return [*folders, Path(settings.logs.dir).resolve()]


def _program() -> tuple[str, ...]:
    """The program that runs now, as a service manager can start it."""
    import sysconfig
    from pathlib import Path

    for path in (Path(sysconfig.get_path("scripts")) / "klk-daemon", Path(sys.argv[0]).absolute()):
        if path.name == "klk-daemon" and path.is_file():
            return (str(path),)
    return (sys.executable, "-m", "klk_daemon")


def _program_folders() -> "tuple[Path, ...]":
    """Its environment, the Python below it, and the package's folder where that is elsewhere."""
    from pathlib import Path

    package = Path(__file__).parents[1]
    prefix = Path(sys.prefix)
    base = Path(sys.base_prefix).resolve()
    interpreter = Path(sys.executable).resolve().parents[1]
    folders = dict.fromkeys((prefix, base, interpreter))
    if not package.is_relative_to(prefix):
        folders[package] = None
    return tuple(folders)


def _replace_cron(places: "Places", *, dry_run: bool) -> None:
    """Of this user, and, behind sudo, of the one who called it."""
    import os

    from klk_daemon.service import crontab
    from klk_daemon.service.steps import follow

    called_by = os.environ.get("SUDO_USER", "") if os.geteuid() == 0 else ""
    todo = [
        step
        for user in ("", *([called_by] if called_by not in {"", "root"} else []))
        for step in crontab.replacement(user, places.state)
    ]
    follow(todo, tell=typer.echo, dry_run=dry_run)
    if not todo:
        typer.echo(f"the crontab has no lines of {crontab.SCRIPT}")
    for path in crontab.elsewhere():
        typer.echo(f"{path} calls {crontab.SCRIPT}, too: it is not a user's crontab; remove the line by hand", err=True)


def _tell(kind: "Kind", places: "Places") -> bool:
    """Prints the service's state; returns whether it is active."""
    from klk_daemon.service import launchd, systemd
    from klk_daemon.service.target import Kind

    if kind is Kind.AGENT:
        agent = launchd.show()
        rows, active = launchd.report(places.unit, agent), launchd.is_active(agent)
    else:
        shown = systemd.show(kind)
        rows, active = systemd.report(kind, shown), systemd.is_active(shown)
    width = max(len(name) for name, _ in rows)
    typer.echo("\n".join(f"{name:<{width}}  {value}" for name, value in rows))
    return active
