"""What the dashboard shows: from database, schedule, pause marks, and the runs under way.

The database is read only when it has changed, and nobody waits for it long: while another process holds it, the last
state is shown, and how old it is. What time alone brings, such as staleness, is computed without it.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import structlog
from duckdb import DuckDBPyConnection

from klk_daemon import __version__
from klk_daemon.bootstrap import report
from klk_daemon.bootstrap.app import App
from klk_daemon.bootstrap.marcha import Marcha
from klk_daemon.bootstrap.report import Held
from klk_daemon.domain import Job
from klk_daemon.errors import KlkError
from klk_daemon.warehouse import panel as lecturas
from klk_daemon.warehouse.panel import Almacen, Cuenta, Dia, Parte
from klk_daemon.web.dashboard.panel import CORRIDAS, OCUPADA, Celda, Corrida, Hueco, Panel, Progreso, Tienda, Trabajo
from klk_daemon.windows import local

log = structlog.get_logger()

# How long a page waits for the database before it shows what was read last.
PATIENCE_S = 0.5
# With nothing to show yet it is worth waiting longer.
FIRST_S = 2.5
# After which a read that waits for another process is told of.
HELD = timedelta(seconds=2)
# What is counted over a moving time is looked at again, changed database or not.
AGAIN = timedelta(minutes=10)
UNA_HORA = timedelta(hours=1)
DIAS = 31
CORRECCIONES = timedelta(days=7)
CADA = 10


@dataclass(frozen=True, slots=True)
class Leido:
    """What the database told, and when (naive local time; None: it was not asked)."""

    held: Held
    momento: datetime | None = None
    partes: Mapping[Job, Sequence[Parte]] = field(default_factory=dict)
    hoy: Mapping[str, Dia] = field(default_factory=dict)
    hace_una_semana: Mapping[str, Dia] = field(default_factory=dict)
    almacenes: Sequence[Almacen] = ()
    apartadas: Mapping[str, Cuenta] = field(default_factory=dict)
    correcciones: Mapping[str, Cuenta] = field(default_factory=dict)
    sin_certificar: Mapping[str, Sequence[date]] = field(default_factory=dict)


def leer(con: DuckDBPyConnection, app: App, ahora: datetime) -> Leido:
    """Asks the database, in a transaction that is not kept. `ahora` is naive local time."""
    held = report.ask(con, app)
    hoy = ahora.date()
    tiendas = len(app.tiendas) + 1
    return Leido(
        held=held,
        momento=ahora,
        partes={job: lecturas.ultimas_partes(con, job, corridas=CORRIDAS, tiendas=tiendas) for job in Job},
        hoy=lecturas.ventas_del_dia(con, hoy),
        hace_una_semana=lecturas.ventas_del_dia(con, hoy - timedelta(days=7)),
        almacenes=lecturas.existencias(con, ahora - UNA_HORA),
        apartadas=lecturas.apartadas(con, cada=CADA),
        correcciones=lecturas.correcciones(con, desde=ahora - CORRECCIONES, cada=CADA),
        sin_certificar=lecturas.dias_sin_certificar(con, held.estados.keys(), hoy=hoy, dias=DIAS),
    )


def armar(app: App, leido: Leido, now: datetime, en_curso: Sequence[Progreso]) -> Panel:
    """The panel at `now` (UTC), of what was read and the runs under way."""
    documento = report.document(app, leido.held, now)
    ahora: datetime = documento["ahora"]
    progresos = {p.job: replace(p, inicio=local(p.inicio, app.zona)) for p in en_curso}
    corridas = {job: _corridas(leido.partes.get(job, ())) for job in Job}
    atrasos = {(a["tienda"], a["job"]) for a in documento["atrasado"]}
    return Panel(
        ahora=ahora,
        leido=leido.momento,
        sin_leer="",
        sin_leer_desde=None,
        zona=app.zona,
        version=__version__,
        trabajos=tuple(
            Trabajo(
                job,
                proxima=documento["proximas"].get(job),
                pausado=job in documento["pausas"],
                pausa_hasta=documento["pausas"].get(job),
                # The ledger has a run under way, too; its progress tells more.
                corridas=[c for c in corridas[job] if c.fin is not None],
                en_curso=progresos.get(job),
            )
            for job in Job
        ),
        tiendas=tuple(
            Tienda(
                id=t.id,
                nombre=t.nombre,
                sucursal=t.sucursal,
                celdas={job: _celda(t.id, job, documento, corridas[job], (t.id, job) in atrasos) for job in Job},
                stock=documento["tiendas"][t.id]["stock"],
                venta=documento["tiendas"][t.id]["venta"],
                marca=documento["tiendas"][t.id]["marca"],
                almacenes=tuple(a for a in leido.almacenes if a.tienda == t.id),
                hoy=leido.hoy.get(t.id, Dia()),
                hace_una_semana=leido.hace_una_semana.get(t.id, Dia()),
                huecos=tuple(
                    Hueco(h["desde"], h["hasta"] if h["hasta"] < ahora else None)
                    for h in documento["huecos"]
                    if h["tienda"] == t.id
                ),
                sin_certificar=leido.sin_certificar.get(t.id, ()),
                apartadas=leido.apartadas.get(t.id, Cuenta(0)),
                correcciones=leido.correcciones.get(t.id, Cuenta(0)),
            )
            for t in app.elegir(())
            if t.id in leido.held.estados
        ),
    )


def _corridas(partes: Sequence[Parte]) -> list[Corrida]:
    por_corrida: dict[str, list[Parte]] = {}
    for parte in partes:
        por_corrida.setdefault(parte.run_id, []).append(parte)
    return [corrida(juntas) for juntas in por_corrida.values()]


def corrida(partes: Sequence[Parte]) -> Corrida:
    """A run from its parts, of which there is one at least."""
    estados = {p.estado for p in partes}
    estado = next(iter(estados)) if len(estados) == 1 else "en_proceso" if "en_proceso" in estados else "parcial"
    primera = partes[0]
    return Corrida(
        run_id=primera.run_id,
        job=primera.job,
        modo=primera.modo,
        estado=estado,
        inicio=min(p.inicio for p in partes),
        fin=None if estado == "en_proceso" else max((p.fin for p in partes if p.fin is not None), default=None),
        duracion_s=max(p.duracion_s for p in partes),
        partes=sorted(partes, key=lambda p: p.tienda),
    )


def _celda(id_: str, job: Job, documento: Mapping[str, Any], corridas: Sequence[Corrida], atrasado: bool) -> Celda:
    ultima = documento["tiendas"][id_]["jobs"].get(job)
    if ultima is None:
        return Celda(atrasado=atrasado)
    propias = [p for c in corridas for p in c.partes if p.tienda == id_ and p.fin is not None]
    fallas: list[Parte] = []
    for parte in reversed(propias):
        if parte.estado == "exitoso":
            break
        fallas.append(parte)
    return Celda(
        estado=str(ultima["estado"]),
        inicio=ultima["inicio"],
        exito=ultima["exito"],
        falla_desde=fallas[-1].inicio if fallas else None,
        fallas=len(fallas),
        error_tipo=fallas[0].error_tipo if fallas else None,
        error=ultima["error"],
        run_id=propias[-1].run_id if propias else None,
        cambios=propias[-1].cargados + propias[-1].eliminados if propias else 0,
        atrasado=atrasado,
    )


class Lector:
    """Keeps the panel up to date, asking as little as it can.

    Args:
        app: the objects in force.
        marcha: the runs under way.
        clock: the time, UTC.
    """

    def __init__(self, app: Callable[[], App], marcha: Marcha, clock: Callable[[], datetime]) -> None:
        self._app = app
        self._marcha = marcha
        self._clock = clock
        self._leido: Leido | None = None
        self._sello: object = None
        self._leyendo: asyncio.Task[None] | None = None
        self._desde: datetime | None = None
        self._motivo = ""

    async def panel(self) -> Panel:
        """The panel as it is now, within half a second (the first one within three); see `Panel.sin_leer`."""
        app = self._app()
        # Before the database is read: a run that ends meanwhile must not seem to have ended without a trace.
        en_curso = self._marcha.en_curso
        await self._al_dia(app)
        now = self._clock()
        leido = self._leido or Leido(report.nothing_held(app))
        panel = armar(app, leido, now, en_curso)
        if self._desde is None or (not self._motivo and now - self._desde < HELD):
            return panel
        return replace(panel, sin_leer=self._motivo or OCUPADA, sin_leer_desde=local(self._desde, app.zona))

    async def _al_dia(self, app: App) -> None:
        """Reads what is new, and waits for it as long as patience lasts; the reading goes on without us."""
        until = time.monotonic() + (FIRST_S if self._leido is None else PATIENCE_S)
        while self._leyendo is not None or self._sello_de(app) != self._sello:
            if self._leyendo is None:
                self._leyendo = asyncio.create_task(self._leer(app, self._sello_de(app)), name="panel")
            task = self._leyendo
            await asyncio.wait({task}, timeout=max(0.0, until - time.monotonic()))
            if not task.done():
                return
            if self._leyendo is task:
                self._leyendo = None
            task.result()
            if self._motivo or time.monotonic() >= until:
                return

    async def _leer(self, app: App, sello: object) -> None:
        now = self._clock()
        self._desde = self._desde or now
        ahora = local(now, app.zona)
        try:
            if app.database.exists():
                done = await app.database.transaction(lambda con: leer(con, app, ahora), keep=False)
                self._leido = done.value
            else:
                self._leido = Leido(report.nothing_held(app), ahora)
        except KlkError as e:
            self._motivo = str(e)
            log.warning("bd_no_leida", error_tipo=getattr(e, "error_tipo", "configuracion"), error=str(e))
        else:
            self._sello, self._desde, self._motivo = sello, None, ""

    def _sello_de(self, app: App) -> object:
        """Differs when there is something new to read. Looking at the file does not open it."""
        now = self._clock()
        dia = local(now, app.zona).date()
        return app, app.database.origen.trace(), self._marcha.pasos, dia, int(now.timestamp() // AGAIN.total_seconds())
