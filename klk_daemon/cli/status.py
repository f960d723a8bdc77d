"""`klk-daemon status`: how fresh everything is."""

import asyncio
import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from klk_daemon.cli.exits import STALE

if TYPE_CHECKING:
    from klk_daemon.bootstrap.app import App

WATCH_S = 2.0
CLEAR = "\x1b[H\x1b[2J"


def status(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Again every two seconds, until Ctrl-C.")] = False,
) -> None:
    """Show the daemon, each job's next and last run, and how fresh each store is. Exits 1 where something is stale."""
    app: App = context.obj.build()
    try:
        report = _report(app)
        while watch:
            typer.echo(f"{CLEAR}{_text(report)}")
            time.sleep(WATCH_S)
            report = _report(app)
    finally:
        app.database.close()
    typer.echo(json.dumps(report, ensure_ascii=False) if as_json else _text(report))
    raise typer.Exit(STALE if report["atrasado"] else 0)


def _report(app: "App") -> dict[str, Any]:
    """The report as JSON has it: the daemon's, or our own where none answers."""
    from klk_daemon.bootstrap import report
    from klk_daemon.cli import remote

    daemon = remote.find(app.state)
    if daemon is not None:
        try:
            answer: dict[str, Any] = daemon.get("/api/status")
        except OSError:
            pass  # it hangs, or ends: the database knows as well
        else:
            return answer
    document = report.document(app, asyncio.run(report.read(app)), datetime.now(UTC))
    own: dict[str, Any] = json.loads(json.dumps(document, default=_plain))
    return own


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _text(report: dict[str, Any]) -> str:
    from klk_daemon.cli.text import gap, short, table

    pid = report["daemon"]["pid"]
    lines = [f"daemon: running (pid {pid})" if pid else "daemon: not running", f"database: {report['base']}"]
    if report["sin_leer"]:
        lines.append(f"of before: {report['sin_leer']}")
    if (served := report["servida"]) is not None:
        lines += [f"served: {served['uri']}, token in {served['token']}; to attach:", f"  {served['sql']}"]
    for job, due in report["proximas"].items():
        paused = f" (paused until {_until(report['pausas'][job])})" if job in report["pausas"] else ""
        lines.append(f"next {job}: {_moment(due):%Y-%m-%d %H:%M}{paused}")
    rows = [
        (
            f"{id_} *" if id_ in report["en_espera"] else id_,
            t["articulos"],
            *(_brief(_moment(t[key]), report["ahora"]) for key in ("stock", "venta", "marca")),
            *(t["jobs"].get(job, {}).get("estado") for job in ("inventario", "ventas", "conciliacion")),
        )
        for id_, t in report["tiendas"].items()
    ]
    head = ("tienda", "stock", "as of", "sale", "read to", "inventario", "ventas", "conciliacion")
    lines += ["", table(head, rows)]
    lines += [f"* {id_} on stand-by: run by {quien}" for id_, quien in report["en_espera"].items()]
    trouble = [
        f"{id_} {job}: {run['error']}"
        for id_, t in report["tiendas"].items()
        for job, run in t["jobs"].items()
        if run["error"]
    ]
    trouble += [
        f"stale: {late['tienda']} {late['job']}, last success {short(_moment(late['exito'])) or 'never'}"
        for late in report["atrasado"]
    ]
    trouble += [
        gap(h["tienda"], datetime.fromisoformat(h["desde"]), datetime.fromisoformat(h["hasta"]))
        for h in report["huecos"]
    ]
    return "\n".join([*lines, "", *trouble] if trouble else lines)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _brief(moment: datetime | None, now: str) -> str | None:
    """The time of day; the day, if it is another than today. The table fits 80 columns."""
    if moment is None:
        return None
    return f"{moment:%H:%M}" if str(moment.date()) == now[:10] else f"{moment:%m-%d}"


def _until(text: str | None) -> str:
    moment = _moment(text)
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "`klk-daemon resume`"
