"""`klk-daemon pause` and `resume`: jobs that the schedule leaves alone for a while."""

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from klk_daemon.domain import Job
from klk_daemon.errors import ConfigError

if TYPE_CHECKING:
    from klk_daemon.bootstrap.app import App
DURATION = re.compile(r"(?P<number>\d+)(?P<unit>[mhd])")
UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def pause(
    context: typer.Context,
    job: Annotated[Job | None, typer.Argument(help="All jobs, where none is named.")] = None,
    how_long: Annotated[str | None, typer.Option("--for", metavar="2h", help="Until then; else until told.")] = None,
) -> None:
    """Have the schedule leave a job alone, across restarts too. A manual trigger still works."""
    from klk_daemon.windows import local

    app: App = context.obj.build()
    hasta = datetime.now(UTC) + _duration(how_long) if how_long is not None else None
    app.pausas.poner(_jobs(job), hasta)
    until = f"until {local(hasta, app.zona):%Y-%m-%d %H:%M}" if hasta else "until `klk-daemon resume`"
    typer.echo(f"paused: {', '.join(_jobs(job))}, {until}")


def resume(
    context: typer.Context,
    job: Annotated[Job | None, typer.Argument(help="All jobs, where none is named.")] = None,
) -> None:
    """End a job's pause."""
    app: App = context.obj.build()
    paused = app.pausas.vigentes(datetime.now(UTC))
    app.pausas.quitar(_jobs(job))
    ended = [name for name in _jobs(job) if name in paused]
    typer.echo(f"resumed: {', '.join(ended)}" if ended else "nothing was paused")


def _jobs(job: Job | None) -> list[Job]:
    return [job] if job is not None else list(Job)


def _duration(text: str) -> timedelta:
    found = DURATION.fullmatch(text.strip())
    if found is None or int(found["number"]) == 0:
        raise ConfigError(f"--for {text}: not a duration", hint="such as 30m, 2h or 3d")
    return timedelta(**{UNITS[found["unit"]]: int(found["number"])})
