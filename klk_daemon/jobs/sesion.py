"""A store's part of a run, while it goes on: what the job asked, what was committed, how long it took."""

import asyncio
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from klk_daemon.domain import Estado, Intervalo, Rechazo, ResultadoTienda, Tienda
from klk_daemon.errors import BaseOcupada, CorridaError
from klk_daemon.jobs.escritura import Cargar, Escritura, Paso
from klk_daemon.jobs.outcome import log
from klk_daemon.windows import local

if TYPE_CHECKING:
    from klk_daemon.klk.client import KlkClient

C = TypeVar("C")

TOLD_ROWS = 5


class Sesion:
    """What a job is handed for one store.

    Args:
        client: KLK.
        escritura: how the run writes.
        tienda: the store.
        espera_s: seconds that the run has waited for the database before this part began.
    """

    def __init__(self, *, client: "KlkClient", escritura: Escritura, tienda: Tienda, espera_s: float) -> None:
        self.client = client
        self._escritura = escritura
        now = escritura.now
        self._parte = ResultadoTienda(tienda, Estado.EN_PROCESO, now, now, espera_bd_s=espera_s)

    @property
    def reloj(self) -> datetime:
        """The stores' wall clock (naive) at this moment."""
        return self._escritura.reloj

    def rango(self, intervalo: Intervalo) -> None:
        """Says what this part is about, for outcome and ledger."""
        zona = self._escritura.libro.zona
        self._parte = replace(self._parte, desde=local(intervalo.desde, zona), hasta=local(intervalo.hasta, zona))

    @contextmanager
    def extraccion(self) -> Iterator[None]:
        """Times the block as asking KLK."""
        began = time.monotonic()
        try:
            yield
        finally:
            took = time.monotonic() - began
            self._parte = replace(self._parte, extraccion_s=self._parte.extraccion_s + took)

    async def cargar(
        self,
        cargar: Cargar[C],
        carga: C,
        *,
        filas: int = 0,
        apartadas: Sequence[Rechazo] = (),
        leido: Intervalo | None = None,
        al_confirmar: Callable[[C], None] | None = None,
        ultima: bool,
        con: Hashable = None,
    ) -> None:
        """Commits one step as a whole: what `cargar` writes, and the rows put aside. Others' may share the transaction.

        Args:
            cargar: writes what steps have read, with watermarks and coverage.
            carga: what this one has read.
            filas: how many rows that is.
            apartadas: rows of this step that cannot be loaded.
            leido: the sales that the step reads, for the commit receipt.
            al_confirmar: called with `carga` right after the commit, in the database's thread.
            ultima: the store's last step: its ledger row says `exitoso` in the same transaction.
            con: steps of other stores that wait, of the same `cargar` and `con`, share the transaction; None: none.

        Raises:
            CorridaError: nothing of the step was written.
            asyncio.CancelledError: the run was cancelled before the step's turn, or while it was committed; then it
                stays.
        """
        for rechazo in apartadas[:TOLD_ROWS]:
            log.warning("fila_rechazada", motivo=rechazo.motivo, fila=rechazo.fila)
        if len(apartadas) > TOLD_ROWS:
            log.warning("fila_rechazada", motivo=f"and {len(apartadas) - TOLD_ROWS} more")
        paso = Paso(self._parte, carga, filas, apartadas, leido, al_confirmar, ultima)
        began = time.monotonic()
        try:
            done = await self._escritura.escribir(cargar, paso, con=con)
        except BaseOcupada:
            espera_s = time.monotonic() - began
            self._parte = replace(self._parte, espera_bd_s=self._parte.espera_bd_s + espera_s)
            raise
        self._parte = replace(
            done.value,
            espera_bd_s=self._parte.espera_bd_s + done.espera_s,
            carga_s=self._parte.carga_s + done.carga_s,
        )
        task = asyncio.current_task()
        if not ultima and task is not None and task.cancelling():
            raise asyncio.CancelledError

    @property
    def resultado(self) -> ResultadoTienda:
        """The outcome of a part that ended well."""
        return self._parte

    def fallido(self, error: CorridaError) -> ResultadoTienda:
        """The outcome of a part that did not."""
        return replace(self._parte, estado=Estado.FALLIDO, fin=self._escritura.elapsed(), error=error)
