"""`klk-daemon check`: whether this installation can do its work."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from klk_daemon.errors import ConfigError

if TYPE_CHECKING:
    from klk_daemon.checks.finding import Hallazgo
    from klk_daemon.settings import Loaded

FAILED = 1


def check(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Check configuration, KLK and its stores, database, disk, clock, service. Exits 1 where something fails."""
    import asyncio
    from datetime import UTC, datetime

    from klk_daemon.lean import lean_imports
    from klk_daemon.logs import to_stderr

    with lean_imports():
        from klk_daemon.bootstrap.check import examine
    from klk_daemon.checks.finding import Grado
    from klk_daemon.settings import state_dir

    loaded: Loaded | ConfigError
    try:
        loaded = context.obj.load()
    except ConfigError as e:
        loaded = e
    to_stderr()
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path's may fail
    found = asyncio.run(
        examine(
            loaded,
            state_dir(config=None if isinstance(loaded, ConfigError) else loaded.file),
            home=home,
            env=os.environ,
            clock=lambda: datetime.now(UTC),
        )
    )
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found], ensure_ascii=False))
    else:
        typer.echo(_text(found))
    if isinstance(loaded, ConfigError):
        raise typer.Exit(loaded.exit_code)
    raise typer.Exit(FAILED if any(each.estado is Grado.FAIL for each in found) else 0)


def _text(found: "list[Hallazgo]") -> str:
    """A line each; on a terminal a long one goes on below."""
    from klk_daemon.cli.logtext import harmless
    from klk_daemon.cli.paint import Style, canvas

    paper = canvas()
    styles = {"ok": Style.GREEN, "warn": Style.YELLOW, "fail": Style.RED}
    width = max(len(each.check) for each in found)
    lines = []
    for each in found:
        told = f"{each.mensaje} — {each.remedio}" if each.remedio else each.mensaje
        words = [[(word, Style.PLAIN)] for word in harmless(told).split()]
        head = [(f"{each.estado:4}", styles[each.estado]), (f"  {each.check:{width}} ", Style.PLAIN)]
        lines.append(paper.flow(head, words, indent=width + 8))
    return "\n".join(lines)
