"""When alerts are looked at: after each run, once a minute in the daemon, and at the end of a `trigger` without one.

Whatever goes wrong here is logged and harms no run.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import structlog

from klk_daemon.alerts.channels import Canal
from klk_daemon.alerts.heartbeat import beat
from klk_daemon.alerts.outbox import Cambios, Outbox
from klk_daemon.alerts.quiet import is_quiet, summary_due
from klk_daemon.alerts.rules import Hechos, Politica, evaluate
from klk_daemon.alerts.sending import Sender, Taken
from klk_daemon.alerts.store import Store, unreadable
from klk_daemon.alerts.summary import summary
from klk_daemon.alerts.texts import Redactor
from klk_daemon.bootstrap.app import App
from klk_daemon.bootstrap.hechos import Lector, dia, disks
from klk_daemon.domain import Estado, Job, Resultado
from klk_daemon.errors import KlkError
from klk_daemon.jobs.health import CONCILIACION_LIMIT
from klk_daemon.jobs.run import nothing
from klk_daemon.windows import local

log = structlog.get_logger()

TICK_S = 60.0
# Other processes may have run jobs since.
READ_AGAIN = timedelta(minutes=5)
# The machine slept: what was missed is being made up.
WOKE = timedelta(minutes=5)
SEND_S = 30.0
# A `trigger` that ends soon: what it cannot send now is on record, for the next process.
SEND_IN_TRIGGER_S = 10.0
TRIGGER_S = 25.0
UN_DIA = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Held:
    """Facts, and when they were read of which installation."""

    app: App
    read: datetime
    hechos: Hechos


class Alertas:
    """The alerts of one process.

    Args:
        app: the objects in force.
        clock: the time, UTC.
        on_taken: is told of each message that a channel has taken.
    """

    def __init__(self, app: Callable[[], App], clock: Callable[[], datetime], on_taken: Taken = nothing) -> None:
        self._app = app
        self._clock = clock
        self._on_taken = on_taken
        self._lector = Lector()
        self._ended = asyncio.Event()
        self._conciliacion: str | None = None
        self._beats: set[asyncio.Task[None]] = set()
        self._held: _Held | None = None
        self._new = True
        self._channels: tuple[tuple[str, ...], list[Canal]] = ((), [])

    def ended(self, resultado: Resultado) -> None:
        """A run of the daemon has ended, and its lock is free: returns at once."""
        task = asyncio.create_task(self._beat(resultado), name="heartbeat")
        self._beats.add(task)
        task.add_done_callback(self._beats.discard)
        self._note(resultado)
        self._ended.set()

    async def watch(self) -> None:
        """Looks at once, after each run and once a minute: stale data, disks, quiet hours' end, retries, summary."""
        arranque = seen = self._clock()
        while True:
            await self._look(arranque=arranque, at_once=False, send_s=SEND_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._ended.wait()
            now = self._clock()
            if abs(now - seen) > WOKE:
                arranque = now
            seen = now
            if self._ended.is_set():
                self._held = None
            self._ended.clear()

    async def after_trigger(self, resultados: Sequence[Resultado]) -> None:
        """The runs of a process that ends now: heartbeat, and alerts for as long as is reasonable."""
        for resultado in resultados:
            self._note(resultado)
        try:
            async with asyncio.timeout(TRIGGER_S):
                await asyncio.gather(
                    *(self._beat(resultado) for resultado in resultados),
                    self._look(arranque=None, at_once=True, send_s=SEND_IN_TRIGGER_S),
                )
        except TimeoutError:
            log.warning("alertas_sin_tiempo", segundos=TRIGGER_S)

    def _note(self, resultado: Resultado) -> None:
        """A conciliacion of all stores measures how late lines come; one of some says nothing of the others."""
        everybody = len(resultado.tiendas) == sum(t.activa for t in self._app().tiendas)
        if resultado.job is Job.CONCILIACION and resultado.estado is Estado.EXITOSO and everybody:
            self._conciliacion = resultado.run_id

    async def _beat(self, resultado: Resultado) -> None:
        try:
            await beat(self._app().settings.alerts.heartbeat_url, resultado)
        except Exception:  # a bug in the heartbeat must not become the run's
            log.exception("alertas_fallaron")

    async def _look(self, *, arranque: datetime | None, at_once: bool, send_s: float) -> None:
        app = self._app()
        if not app.settings.alerts.urls:
            return
        store = Store(app.state)
        try:
            canales = await asyncio.to_thread(self._canales, app)
            sender = Sender(app.state, store, canales, self._clock, self._on_taken)
            outbox = Outbox(store, [c.id for c in canales], redactor(app))
            if self._new:  # what a process that died has left comes first: it is older than what is found now
                await sender.send(at_once=at_once, timeout_s=send_s)
                self._new = False
            await self._record(app, outbox, arranque)
            await sender.send(at_once=False, timeout_s=send_s)
        except sqlite3.DatabaseError as e:
            aside = store.put_aside(self._clock()) if unreadable(e) else None
            log.error("alertas_fallaron", error=str(e), apartado=str(aside) if aside else None)  # noqa: TRY400 - the same
        except (KlkError, OSError) as e:
            log.error("alertas_fallaron", error=str(e))  # noqa: TRY400 - not a bug, no traceback
        except Exception:  # a bug in the alerts must not end a run, or the daemon
            log.exception("alertas_fallaron")

    async def _record(self, app: App, outbox: Outbox, arranque: datetime | None) -> None:
        alerts, now = app.settings.alerts, self._clock()
        conciliacion, self._conciliacion = self._conciliacion, None
        held = self._held
        if held is None or held.app is not app or conciliacion or now - held.read > READ_AGAIN:
            hechos = await self._lector.hechos(app, now, arranque=arranque, conciliacion=conciliacion)
            # How late lines came is known of that run alone; afterwards it is neither better nor worse.
            self._held = _Held(app, now, replace(hechos, tardias=None))
        else:
            paused = frozenset(app.pausas.vigentes(now))
            hechos = replace(held.hechos, pausados=paused, discos=disks(app), arranque=arranque)
        quiet = is_quiet(local(now, app.zona), alerts.quiet_hours)
        update = partial(
            outbox.update,
            lambda abiertas: evaluate(hechos, politica(app), abiertas, now),
            now,
            quiet=quiet,
            pausados=hechos.pausados,
        )
        _log(await asyncio.to_thread(update), now)
        await self._summarise(app, outbox, hechos, now)

    async def _summarise(self, app: App, outbox: Outbox, hechos: Hechos, now: datetime) -> None:
        """Yesterday's summary, once its hour has come; none of a day before the first run."""
        reloj = local(now, app.zona)
        alerts = app.settings.alerts
        fecha = reloj.date() - UN_DIA
        began = [local(p.primera, app.zona).date() for p in hechos.pares if p.primera is not None]
        if not summary_due(reloj, alerts.daily_summary, alerts.quiet_hours) or not began or min(began) > fecha:
            return
        if not hechos.completos or await asyncio.to_thread(outbox.summarised, fecha):
            return
        schedule = app.schedule()
        figures = await dia(app, fecha, now, lambda i: schedule.next_after(Job.VENTAS, i))
        open_ = [redactor(app).linea(c, None) for c in await asyncio.to_thread(outbox.open_causes)]
        texto = summary(replace(figures, abiertas=open_), hechos.tiendas, redactor(app))
        await asyncio.to_thread(outbox.write_summary, fecha, texto, now)

    def _canales(self, app: App) -> list[Canal]:
        urls = app.settings.alerts.urls
        if self._channels[0] != urls:
            self._channels = (urls, channels(urls))
        return self._channels[1]


def channels(urls: Sequence[str]) -> list[Canal]:
    """The channels, each once."""
    return [Canal(url) for url in dict.fromkeys(urls)]


def redactor(app: App) -> Redactor:
    """Who writes for this installation."""
    return Redactor({t.id: t.nombre for t in app.tiendas}, app.zona, app.entorno.host)


def politica(app: App) -> Politica:
    """What the operator wants to hear of."""
    limit = timedelta(minutes=app.settings.alerts.stale_after_min)
    return Politica(
        fail_after=app.settings.alerts.fail_after,
        stale_after={Job.INVENTARIO: limit, Job.VENTAS: limit, Job.CONCILIACION: CONCILIACION_LIMIT},
        lock_timeout_s=app.settings.database.lock_timeout_s,
    )


def _log(cambios: Cambios, now: datetime) -> None:
    for causa in cambios.abiertas:
        log.warning(
            "alerta_abierta",
            clave=causa.clave,
            tipo=str(causa.familia),
            lugar=str(causa.lugar),
            desde=causa.desde.isoformat(),
            tiendas=list(causa.tiendas),
            detalle=causa.detalle,
        )
    for causa, fin in cambios.cerradas:
        log.info("alerta_cerrada", clave=causa.clave, fin=fin, duro_s=round((now - causa.desde).total_seconds()))
