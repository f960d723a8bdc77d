"""Sends what waits: every channel for itself, so that a dead one holds up no other."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import structlog
from filelock import FileLock, Timeout

from klk_daemon.alerts.channels import Canal, Envio
from klk_daemon.alerts.deliveries import Deliveries, Entrega
from klk_daemon.alerts.store import Store

log = structlog.get_logger()

LOCK = "alertas.lock"
# Another process that sends is waited for; it may be sending just what this one has written.
PATIENCE_S = 5.0
POLL_S = 0.05
# A shutdown waits for a message that is under way, or it would be sent once more.
LAST_WORD_S = 4.0

# Told of each message that a channel has taken: its `tipo` for the metric.
Taken = Callable[[str], None]


class Sender:
    """Sends to the channels of one installation.

    Args:
        folder: the state directory.
        store: the outbox's file.
        canales: the channels.
        clock: the time, UTC.
        on_taken: is told of each message that was taken.
    """

    def __init__(
        self, folder: Path, store: Store, canales: Sequence[Canal], clock: Callable[[], datetime], on_taken: Taken
    ) -> None:
        self._folder = folder
        self._deliveries = Deliveries(store)
        self._canales = canales
        self._clock = clock
        self._on_taken = on_taken

    async def send(self, *, at_once: bool, timeout_s: float) -> None:
        """Sends what is due.

        One process sends at a time. Its lock is the system's: what a process that died had claimed is free again as
        soon as it is dead.

        Args:
            at_once: try again what failed, without waiting for its time: this process ends soon.
            timeout_s: how long a channel may take for one message.
        """
        if not await asyncio.to_thread(self._deliveries.waiting, [c.id for c in self._canales]):
            return
        lock = FileLock(self._folder / LOCK, timeout=0, mode=0o600, thread_local=False)
        if not await _acquired(lock):
            return
        try:
            if recovered := await asyncio.to_thread(self._deliveries.recover):
                log.warning("alertas_recuperadas", mensajes=recovered)
            async with asyncio.TaskGroup() as group:
                for canal in self._canales:
                    group.create_task(self._channel(canal, at_once=at_once, timeout_s=timeout_s))
        finally:
            lock.release()

    async def _channel(self, canal: Canal, *, at_once: bool, timeout_s: float) -> None:
        """Everything that waits for one channel, in order, until one message is not taken."""
        while True:
            entrega = await asyncio.to_thread(self._deliveries.claim, canal.id, self._clock(), at_once=at_once)
            if entrega is None:
                return
            attempt = asyncio.ensure_future(self._attempt(canal, entrega, timeout_s))
            try:
                taken = await asyncio.shield(attempt)
            except asyncio.CancelledError:
                await asyncio.wait([attempt], timeout=LAST_WORD_S)
                raise
            if not taken:
                return

    async def _attempt(self, canal: Canal, entrega: Entrega, timeout_s: float) -> bool:
        envio = await canal.send(entrega.titulo, entrega.cuerpo, entrega.nivel, timeout_s=timeout_s)
        again = await asyncio.to_thread(self._deliveries.mark, entrega, envio, self._clock())
        self._told(canal, entrega, envio, again=again)
        return envio.tomado

    def _told(self, canal: Canal, entrega: Entrega, envio: Envio, *, again: bool) -> None:
        which = {"canal": canal.nombre, "mensaje": entrega.mensaje, "tipo": entrega.tipo, "titulo": entrega.titulo}
        if envio.tomado:
            log.info("alerta_enviada", **which)
            self._on_taken(entrega.familia if entrega.tipo == "alerta" else entrega.tipo)
        elif again:
            log.warning(
                "alerta_no_enviada",
                **which,
                error=envio.error,
                permanente=envio.permanente,
                intento=entrega.intentos,
            )
        else:
            log.error("alerta_abandonada", **which, error=envio.error, intentos=entrega.intentos)


async def _acquired(lock: FileLock) -> bool:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE_S
    while True:
        try:
            lock.acquire()
        except Timeout:
            if loop.time() >= deadline:
                return False
            await asyncio.sleep(POLL_S)
        else:
            return True
