"""`klk-daemon db`: the database as a whole: taken over from an older pipeline, or moved to another back end."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from klk_daemon.errors import ConfigError, Interrumpido
from klk_daemon.interrupt import INTERRUPTED

if TYPE_CHECKING:
    from klk_daemon.bootstrap.legado import Examen
    from klk_daemon.bootstrap.migracion import Informe
    from klk_daemon.settings import Loaded, Settings

app = typer.Typer(no_args_is_help=True, help="The database as a whole: taken over from an older pipeline, or moved.")


@app.command("plan")
def plan(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say what the database holds, what `db migrate` would change, and what that takes. Changes nothing."""
    from klk_daemon.bootstrap import legado
    from klk_daemon.cli import dbtext

    settings: Settings = context.obj.load().settings
    base = legado.archivo(settings)
    if not base.exists():
        typer.echo(json.dumps(dbtext.missing(base)) if as_json else dbtext.MISSING.format(base))
        return
    with _telling("reading the database") as tell:
        tell("reading the database, and counting lines that are there twice")
        examen = asyncio.run(legado.examinar(settings))
    typer.echo(json.dumps(dbtext.document(examen), ensure_ascii=False) if as_json else dbtext.report(examen))


@app.command("migrate")
def migrate(
    context: typer.Context,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dedupe: Annotated[
        bool, typer.Option("--dedupe", help="Remove sale lines that are there twice, month by month.")
    ] = False,
) -> None:
    """Change the database as `db plan` says, with a backup of what is rebuilt. May be interrupted and repeated."""
    from klk_daemon.bootstrap import legado
    from klk_daemon.cli import dbtext
    from klk_daemon.daemon.instance import only_instance
    from klk_daemon.settings import ensure_state_dir, state_dir

    loaded: Loaded = context.obj.load()
    settings = loaded.settings
    base = legado.archivo(settings)
    if not base.exists():
        typer.echo(dbtext.MISSING.format(base))
        return
    state = state_dir(config=loaded.file)
    ensure_state_dir(state)
    with only_instance(state, migracion=True):
        # What is set aside of the copies needs room: they are counted first.
        examen = asyncio.run(legado.examinar(settings, contar=dedupe))
        if not examen.hallazgos.legado and not dedupe:
            typer.echo(dbtext.nothing(examen))
            return
        if examen.hallazgos.legado and examen.cambios.obstaculos:
            raise ConfigError("; ".join(examen.cambios.obstaculos), hint="nothing was changed")
        if not yes:
            _ask(examen, dedupe=dedupe)
        informe = _migrate(settings, examen, dedupe=dedupe)
    typer.echo(dbtext.summary(informe, dedupe=dedupe))


@app.command("copy")
def copy(
    desde: Annotated[str, typer.Argument(metavar="FROM", help="A DuckDB file, or ducklake:postgres:…")],
    hasta: Annotated[str, typer.Argument(metavar="TO", help="The same; an empty place, or an interrupted copy.")],
    data_path: Annotated[
        str, typer.Option(metavar="PLACE", help="Where the lake's Parquet lies: a folder or s3://bucket/prefix.")
    ] = "",
) -> None:
    """Copy all data from one back end to another, verified value by value. Done again, it goes on where it was."""
    from klk_daemon.bootstrap.copia import copiar, path_of
    from klk_daemon.cli.progress import parts
    from klk_daemon.cli.text import table
    from klk_daemon.logs import to_stderr

    to_stderr()
    now = datetime.now().replace(microsecond=0)  # noqa: DTZ005 - a note for people, on this machine's clock
    data_path = path_of(data_path) if data_path and "://" not in data_path else data_path
    with parts() if sys.stderr.isatty() else nullcontext(_silent) as avance:
        source, target, copia = copiar(path_of(desde), path_of(hasta), data_path, now=now, avance=avance)
    rows = [(c.tabla, c.filas, c.ilegibles) for c in copia.tablas]
    typer.echo(table(("table", "rows", "unreadable"), rows))
    typer.echo(f"copied {source} to {target}; every value compared")
    if any(c.ilegibles for c in copia.tablas):
        typer.echo(
            "what could not be read as its column's type is NULL; filas_rechazadas (job 'copia') has those lines"
        )
    if copia.dejadas:
        typer.echo(f"not copied, for it is not klk-daemon's: {', '.join(copia.dejadas)}")


def _silent(_table: str, _rows: int, _total: int) -> None:
    """Nobody looks."""


def _ask(examen: "Examen", *, dedupe: bool) -> None:
    """Asks whether to go on; where nobody can be asked, refuses.

    Raises:
        ConfigError: stdin is no terminal.
    """
    from klk_daemon.cli import dbtext

    if not sys.stdin.isatty():
        raise ConfigError(f"nobody is there to say yes to a change of {examen.base}", hint="--yes says it")
    typer.echo(dbtext.question(examen, dedupe=dedupe), err=True)
    if not typer.confirm("Go on?", err=True):
        typer.echo("nothing was changed", err=True)
        raise typer.Exit(1)


def _migrate(settings: "Settings", examen: "Examen", *, dedupe: bool) -> "Informe":
    from klk_daemon.bootstrap.migracion import Freno, migrar
    from klk_daemon.windows import local

    freno = Freno()
    zona = ZoneInfo(settings.schedule.timezone)

    async def work(tell: Callable[[str], None]) -> "Informe":
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, freno.tirar)
        return await migrar(
            settings, examen, dedupe=dedupe, now=lambda: local(datetime.now(UTC), zona), decir=tell, freno=freno
        )

    try:
        with _telling("migrating") as tell:
            return asyncio.run(work(tell))
    except Interrumpido:
        typer.echo("interrupted: what was not finished is as it was; the same command goes on from there", err=True)
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def _telling(what: str) -> Iterator[Callable[[str], None]]:
    """Shows on a terminal what goes on; elsewhere nothing. Yields what to call with each step."""
    if not sys.stderr.isatty():
        yield lambda _step: None
        return
    from klk_daemon.cli.progress import steps

    with steps(what) as tell:
        yield tell
