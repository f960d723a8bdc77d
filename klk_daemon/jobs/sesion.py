"""A store's part of a run, while it goes on: what the job asked, what was committed, how long it took."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from duckdb import DuckDBPyConnection

from klk_daemon.domain import Conteo, Estado, Intervalo, Rechazo, ResultadoTienda, Tienda
from klk_daemon.errors import BaseOcupada, CorridaError
from klk_daemon.jobs.apertura import repartir
from klk_daemon.jobs.outcome import Libro, log
from klk_daemon.warehouse import ejecuciones, rechazos, schema
from klk_daemon.warehouse.connection import Database
from klk_daemon.warehouse.recibo import Nota, Recibo
from klk_daemon.windows import local

if TYPE_CHECKING:
    from klk_daemon.klk.client import KlkClient

TOLD_ROWS = 5


class Sesion:
    """What a job is handed for one store.

    Args:
        client: KLK.
        database: the writer.
        recibo: notes each commit.
        libro: what the ledger needs.
        tienda: the store.
        now: the run's instant, UTC.
        elapsed: the instant now.
        espera_s: seconds that the run has waited for the database before this part began.
        dry_run: roll every transaction back.
    """

    def __init__(
        self,
        *,
        client: "KlkClient",
        database: Database,
        recibo: Recibo,
        libro: Libro,
        tienda: Tienda,
        now: datetime,
        elapsed: Callable[[], datetime],
        espera_s: float,
        dry_run: bool,
    ) -> None:
        self.client = client
        self.libro = libro
        self.now = now
        self._database = database
        self._recibo = recibo
        self._elapsed = elapsed
        self.dry_run = dry_run
        self._parte = ResultadoTienda(tienda, Estado.EN_PROCESO, now, now, espera_bd_s=espera_s)

    @property
    def reloj(self) -> datetime:
        """The stores' wall clock (naive) at this moment."""
        return local(self._elapsed(), self.libro.zona)

    def rango(self, intervalo: Intervalo) -> None:
        """Says what this part is about, for outcome and ledger."""
        zona = self.libro.zona
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
        load: Callable[[DuckDBPyConnection], Conteo],
        apartadas: Sequence[Rechazo],
        *,
        leido: Intervalo | None = None,
        ultima: bool,
    ) -> None:
        """Commits one step in one transaction: what `load` writes, and the rows put aside.

        Args:
            load: writes rows, watermark and coverage; returns what it did.
            apartadas: rows of this step that cannot be loaded.
            leido: the sales that the step reads, for the commit receipt.
            ultima: the store's last step: its ledger row says `exitoso` in the same transaction.

        Raises:
            CorridaError: nothing of the step was written.
            asyncio.CancelledError: the run was cancelled while the step was committed; it stays.
        """
        tienda = self._parte.tienda

        def commit(con: DuckDBPyConnection) -> tuple[ResultadoTienda, Nota]:
            if self.dry_run:  # nothing that an earlier transaction made is there
                schema.ensure(con, self.reloj, keep=False)
            elif ajenas := repartir(self._database.origen.reparto, [tienda]):
                # PostgreSQL was restarted in the middle of the run, and another daemon has the store by now.
                raise ajenas[tienda.id]
            conteo = load(con)
            rechazos.anotar(con, self.libro.job, tienda.id, apartadas, self.reloj)
            conteo = replace(conteo, rechazados=conteo.rechazados + len(apartadas))
            parte = replace(self._parte, conteo=self._parte.conteo + conteo, fin=self._elapsed())
            if ultima:
                parte = replace(parte, estado=Estado.EXITOSO)
                ejecuciones.guardar(con, [self.libro.ejecucion(parte)])
            base_id, numero = self._recibo.sellar(con)
            desde, hasta = (leido.desde, leido.hasta) if leido else (None, None)
            return parte, Nota(base_id, numero, self.libro.job, tienda.id, desde, hasta)

        for rechazo in apartadas[:TOLD_ROWS]:
            log.warning("fila_rechazada", motivo=rechazo.motivo, fila=rechazo.fila)
        if len(apartadas) > TOLD_ROWS:
            log.warning("fila_rechazada", motivo=f"and {len(apartadas) - TOLD_ROWS} more")
        began = time.monotonic()
        try:
            done = await self._database.transaction(
                commit, keep=not self.dry_run, committed=lambda value: self._recibo.anotar([value[1]])
            )
        except BaseOcupada:
            espera_s = time.monotonic() - began
            self._parte = replace(self._parte, espera_bd_s=self._parte.espera_bd_s + espera_s)
            raise
        self._parte = replace(
            done.value[0],
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
        return replace(self._parte, estado=Estado.FALLIDO, fin=self._elapsed(), error=error)
