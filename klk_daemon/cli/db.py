"""`klk-daemon db`: the database as a whole."""

import sys
from contextlib import nullcontext
from datetime import datetime
from typing import Annotated

import typer

app = typer.Typer(help="The database as a whole.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """The database as a whole."""


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
