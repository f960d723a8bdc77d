"""`klk-daemon logs`: the JSON log files as lines for people."""

import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

if TYPE_CHECKING:
    from klk_daemon.logline import Line, Wanted
    from klk_daemon.settings import Settings

LAST = 50
POLL_S = 0.25


class LogJob(StrEnum):
    """Whose log: a job's, or the daemon's own."""

    INVENTARIO = "inventario"
    VENTAS = "ventas"
    CONCILIACION = "conciliacion"
    DAEMON = "daemon"


def logs(
    context: typer.Context,
    job: Annotated[
        LogJob | None,
        typer.Argument(metavar="[JOB]", help="inventario, ventas, conciliacion or daemon; all of them without it."),
    ] = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with new lines until Ctrl-C.")] = False,
    lines: Annotated[
        int | None,
        typer.Option("-n", "--lines", min=0, metavar="N", help="The newest N; 50 unless told, all with --since."),
    ] = None,
    errors: Annotated[bool, typer.Option("--errors", help="Only level error and critical.")] = False,
    tienda: Annotated[str | None, typer.Option(metavar="ID", help="Only this store's.")] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="D", help="Since a date or YYYY-MM-DDTHH:MM, store time, or for a time such as 2h or 3d."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The raw JSON lines; others are left out.")] = False,
) -> None:
    """Show the log files, gzipped ones too, in store time; all jobs in the order of time, or one job's."""
    from klk_daemon import logread
    from klk_daemon.logline import Wanted
    from klk_daemon.logline import since as instant

    settings: Settings = context.obj.load().settings
    zona = ZoneInfo(settings.schedule.timezone)
    folder = Path(settings.logs.dir)
    moment, first_day = instant(since, zona=zona, now=datetime.now(UTC)) if since is not None else (None, None)
    wanted = Wanted(job, errors, tienda, moment, first_day)
    how_many = lines if lines is not None else None if since is not None else LAST
    show = raw if as_json else _readable(settings, wanted, zona)
    follower = logread.Follower(folder, wanted) if follow else None
    ends = follower.ends if follower else None
    found = (
        logread.all_of(folder, wanted, ends)
        if how_many is None
        else iter(logread.newest(folder, wanted, how_many, ends))
    )
    first = next(found, None)
    if first is not None:
        show(chain([first], found))
    elif how_many != 0:
        nothing = "no such lines" if logread.log_files(folder, Wanted(job)) else f"no log files yet in {folder}"
        print(nothing, file=sys.stderr)
    while follower is not None:
        show(follower.poll())
        time.sleep(POLL_S)


def raw(lines: "Iterable[Line]") -> None:
    """The lines as they stand in the files; one that is no JSON would stop whoever reads them."""
    out = sys.stdout.buffer
    for line in lines:
        if line.data is not None:
            out.write(line.raw + b"\n")
    out.flush()


def _readable(settings: "Settings", wanted: "Wanted", zona: ZoneInfo) -> "Callable[[Iterable[Line]], None]":
    from klk_daemon.cli.logtext import Columns, render
    from klk_daemon.cli.paint import canvas

    ids = [wanted.tienda] if wanted.tienda else [t.id for t in settings.tiendas]
    columns = Columns.of([wanted.job] if wanted.job else list(LogJob), ids)
    paper = canvas()

    def show(lines: "Iterable[Line]") -> None:
        for line in lines:
            typer.echo(render(line, columns, paper, zona))
        sys.stdout.flush()

    return show
