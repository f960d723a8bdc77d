"""One run with its log lines, for its page."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from klk_daemon.bootstrap.app import App
from klk_daemon.bootstrap.panel import corrida
from klk_daemon.errors import KlkError
from klk_daemon.logline import Line, Wanted
from klk_daemon.logread import all_of
from klk_daemon.warehouse.panel import partes_de
from klk_daemon.web.dashboard.panel import Corrida, DetalleCorrida, Panel, Renglon
from klk_daemon.windows import local

RENGLONES = 400
PATIENCE_S = 2.0
# A run may end on the next day, and one that was cut off is told of by the next start.
DIAS = timedelta(days=1)
IN_COLUMNS = frozenset({"timestamp", "level", "event", "job", "tienda", "run_id"})
LARGO = 2000


async def detalle(app: App, panel: Panel, run_id: str) -> DetalleCorrida | None:
    """The run of an id, with its log lines, oldest first.

    Args:
        app: the objects in force.
        panel: where the newest runs are known from.
        run_id: which.

    Returns:
        None where there is none, or the database cannot be asked now.
    """
    run = await _corrida(app, run_id, panel.corrida(run_id))
    if run is None:
        return None
    lines = await asyncio.to_thread(_lines, app, run)
    return DetalleCorrida(run, [_renglon(line, app) for line in lines[:RENGLONES]], len(lines) > RENGLONES)


async def _corrida(app: App, run_id: str, known: Corrida | None) -> Corrida | None:
    if known is not None and known.fin is not None:
        return known
    if not app.database.exists():
        return known
    try:
        async with asyncio.timeout(PATIENCE_S):
            partes = (await app.database.transaction(lambda con: partes_de(con, run_id), keep=False)).value
    except (KlkError, TimeoutError):
        return known
    return corrida(partes) if partes else known


def _lines(app: App, run: Corrida) -> list[Line]:
    wanted = Wanted(
        job=run.job,
        first_day=run.inicio.date(),
        last_day=(run.fin or run.inicio).date() + DIAS,
        run_id=run.run_id,
    )
    try:
        return list(islice(all_of(Path(app.settings.logs.dir), wanted), RENGLONES + 1))
    except KlkError as e:
        return [Line(str(e).encode(), run.job, None, 0.0)]


def _renglon(line: Line, app: App) -> Renglon:
    data = line.data or {}
    resto = {key: value for key, value in data.items() if key not in IN_COLUMNS}
    texto = (
        "  ".join(f"{key}={_valor(value)}" for key, value in resto.items())
        if data
        else line.raw.decode(errors="replace")
    )
    return Renglon(
        momento=local(datetime.fromtimestamp(line.at, UTC), app.zona) if line.at else None,
        nivel=str(data.get("level", "")),
        evento=str(data.get("event", "")),
        tienda=str(data.get("tienda", "")),
        texto=texto if len(texto) <= LARGO else f"{texto[:LARGO]}…",
    )


def _valor(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
