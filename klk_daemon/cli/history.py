"""`klk-daemon runs`: what was done."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

import typer

from klk_daemon.domain import Estado, Job
from klk_daemon.errors import ConfigError

if TYPE_CHECKING:
    from klk_daemon.bootstrap.app import App


def runs(
    context: typer.Context,
    job: Annotated[Job | None, typer.Option(help="Only this job's.")] = None,
    tienda: Annotated[str | None, typer.Option(metavar="ID", help="Only this store's part.")] = None,
    estado: Annotated[Estado | None, typer.Option(help="Only runs that ended so.")] = None,
    desde: Annotated[str | None, typer.Option(metavar="D", help="Only runs since this date, store time.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="The stores of each run, too.")] = False,
    gaps: Annotated[bool, typer.Option("--gaps", help="Instead: which sales were not read.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show the history of runs, one line each, the newest first; or the gaps in what was read."""
    from klk_daemon.bootstrap import historia
    from klk_daemon.cli import held
    from klk_daemon.warehouse import queries

    app: App = context.obj.build()
    if gaps:
        found = _gaps(app, tienda)
        typer.echo(held.text(found) if as_json else _gaps_text(found))
        return
    since = _since(desde)
    query = {"job": job, "tienda": tienda, "estado": estado, "desde": since and since.isoformat(), "limit": limit}
    history = held.ask(
        app,
        "/api/runs?" + urlencode({name: str(value) for name, value in query.items() if value is not None}),
        lambda: historia.leer(
            app,
            lambda con: queries.corridas(con, job=job, tienda=tienda, estado=estado, desde=since, limit=limit),
        ),
    )
    typer.echo(held.text(history) if as_json else _runs_text(history, verbose=verbose))


def _gaps(app: "App", tienda: str | None) -> list[dict[str, Any]]:
    from klk_daemon.bootstrap import report
    from klk_daemon.cli import held

    ids = {t.id for t in app.elegir([tienda] if tienda else ())}

    async def own() -> object:
        return report.document(app, await report.read(app), datetime.now(UTC))

    found = held.ask(app, "/api/status", own)["huecos"]
    return [hueco for hueco in found if hueco["tienda"] in ids]


def _since(desde: str | None) -> datetime | None:
    if desde is None:
        return None
    try:
        return datetime.fromisoformat(desde)
    except ValueError as e:
        raise ConfigError(f"--desde {desde}: not a date", hint="such as 2025-11-17 or 2025-11-17T12:30") from e


def _gaps_text(found: list[dict[str, Any]]) -> str:
    from klk_daemon.cli.text import gap

    lines = [gap(h["tienda"], datetime.fromisoformat(h["desde"]), datetime.fromisoformat(h["hasta"])) for h in found]
    return "\n".join(lines) or "no gaps"


def _runs_text(history: list[dict[str, Any]], *, verbose: bool) -> str:
    from klk_daemon.cli.text import short, table

    if not history:
        return "no runs"
    began = [short(datetime.fromisoformat(r["inicio"])) for r in history]
    if not verbose:
        head = ("run", "job", "modo", "began", "s", "estado", "extraidos", "cargados", "failed")
        return table(
            head,
            [
                (
                    r["run_id"],
                    r["job"],
                    r["modo"],
                    when,
                    float(r["duracion_s"] or 0),
                    r["estado"],
                    r["extraidos"] or 0,
                    r["cargados"] or 0,
                    ", ".join(t["id"] for t in r["tiendas"] if t["estado"] == "fallido"),
                )
                for r, when in zip(history, began, strict=True)
            ],
        )
    blocks = []
    for r, when in zip(history, began, strict=True):
        lines = [f"{when} {r['job']} {r['estado']} {r['modo']}, run {r['run_id']}"]
        for t in r["tiendas"]:
            figures = f"extraidos {t['extraidos']}, cargados {t['cargados']}, {float(t['duracion_s'] or 0):.1f} s"
            lines.append(f"  {t['id']} {t['estado']}: {t['error'] or figures}")
        blocks.append("\n".join(lines))
    return "\n".join(blocks)
