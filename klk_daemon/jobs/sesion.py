"""A store's part of a run, while it goes on: what the job asked, what was committed, how long it took."""

import asyncio
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Generic, TypeVar

from klk_daemon.domain import Estado, Intervalo, Rechazo, ResultadoTienda, Tienda
from klk_daemon.errors import BaseOcupada, CorridaError, TiendaAjena
from klk_daemon.jobs.escritura import Cargar, Escritura, Paso
from klk_daemon.jobs.outcome import log
from klk_daemon.jobs.reloj import Reloj
from klk_daemon.windows import local

if TYPE_CHECKING:
    from klk_daemon.klk.client import KlkClient

C = TypeVar("C")
P = TypeVar("P")

TOLD_ROWS = 5


@dataclass(frozen=True, slots=True)
class Apertura(Generic[P]):
    """A run that is open: its start is booked, so that it may write.

    Attributes:
        escritura: how it writes.
        planes: what is planned for each store, by its id.
        ajenas: the stores that it must leave alone.
        espera_s: seconds that it waited for the database.
    """

    escritura: Escritura
    planes: Mapping[str, P]
    ajenas: Mapping[str, TiendaAjena]
    espera_s: float


class Sesion(Generic[P]):
    """What a job is handed for one store, while its run is being opened.

    Args:
        client: KLK.
        apertura: the opening of the run; what it plans is `P`.
        tienda: the store.
        reloj: the run's time.
    """

    def __init__(
        self, *, client: "KlkClient", apertura: asyncio.Future[Apertura[P]], tienda: Tienda, reloj: Reloj
    ) -> None:
        self.client = client
        self._apertura = apertura
        self._abierta = False
        self._reloj = reloj
        self._parte = ResultadoTienda(tienda, Estado.EN_PROCESO, reloj.now, reloj.now)

    @property
    def reloj(self) -> datetime:
        """The stores' wall clock (naive) at this moment."""
        return self._reloj.local()

    async def plan(self) -> P:
        """What is planned for the store; waits until the run is open.

        Raises:
            CorridaError: it cannot be opened.
        """
        return (await self._abrir()).planes[self._parte.tienda.id]

    async def _abrir(self) -> Apertura[P]:
        apertura = await asyncio.shield(self._apertura)  # the other stores' too
        if not self._abierta:
            self._abierta = True
            self._esperar(min(apertura.espera_s, self._ocioso_s()))
        return apertura

    def _ocioso_s(self) -> float:
        """How long the run has gone on without anything being read for this store."""
        return (self._reloj.instante() - self._reloj.now).total_seconds() - self._parte.extraccion_s

    def _esperar(self, espera_s: float) -> None:
        self._parte = replace(self._parte, espera_bd_s=self._parte.espera_bd_s + espera_s)

    def rango(self, intervalo: Intervalo) -> None:
        """Says what this part is about, for outcome and ledger."""
        zona = self._reloj.zona
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
        escritura = (await self._abrir()).escritura
        paso = Paso(self._parte, carga, filas, apartadas, leido, al_confirmar, ultima)
        began = time.monotonic()
        try:
            done = await escritura.escribir(cargar, paso, con=con)
        except BaseOcupada:
            self._esperar(time.monotonic() - began)
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
        if isinstance(error, BaseOcupada) and not self._abierta:
            self._esperar(self._ocioso_s())
        return replace(self._parte, estado=Estado.FALLIDO, fin=self._reloj.instante(), error=error)
