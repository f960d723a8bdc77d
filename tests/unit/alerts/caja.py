"""An outbox in a folder, for tests: what is told, and to whom."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from klk_daemon.alerts.causa import Abierta, Causa, Familia, Lugar
from klk_daemon.alerts.channels import Envio
from klk_daemon.alerts.deliveries import Deliveries
from klk_daemon.alerts.outbox import Cambios, Outbox
from klk_daemon.alerts.rules import Evaluacion
from klk_daemon.alerts.store import Store
from klk_daemon.alerts.texts import Redactor
from klk_daemon.domain import Job

NOW = datetime(2025, 11, 17, 16, 35, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TIENDAS = {"tienda_01": "PERIFERICO", "tienda_08": "BOSQUE", "tienda_17": "ARTIGAS", "tienda_20": "TAZAJAL"}
REDACTOR = Redactor(TIENDAS, ZoneInfo("America/Caracas"), "servidor")


def causa(clave: str, *tiendas: str, desde: datetime = NOW - 30 * MINUTE, detalle: str = "") -> Causa:
    """A cause of this key; of all stores unless told."""
    familia = Familia(clave.split(":", maxsplit=1)[0])
    lugar = Lugar.TIENDA if ":tienda" in clave else Lugar.KLK
    named = (clave.split(":")[1],) if ":tienda" in clave else tuple(TIENDAS)
    return Causa(clave, familia, lugar, desde, (Job.VENTAS,), tiendas or named, len(TIENDAS), detalle)


class Caja:
    """An outbox and its channels, at a time that moves on by hand."""

    def __init__(self, folder: Path, *canales: str) -> None:
        self.store = Store(folder)
        self.canales: Sequence[str] = canales or ("slack",)
        self.deliveries = Deliveries(self.store)
        self.now = NOW
        self.sent: list[tuple[str, str]] = []

    def see(
        self,
        *causas: Causa,
        quiet: bool = False,
        conocidas: Collection[Familia] = tuple(Familia),
        pausados: Collection[Job] = (),
    ) -> Cambios:
        """One evaluation, a minute later: these causes hold."""
        self.now += MINUTE

        def evaluate(_: Sequence[Abierta]) -> Evaluacion:
            return Evaluacion(causas, frozenset(conocidas))

        outbox = Outbox(self.store, self.canales, REDACTOR)
        return outbox.update(evaluate, self.now, quiet=quiet, pausados=pausados)

    def send(self, *canales: str, tomado: bool = True, permanente: bool = False) -> list[str]:
        """Sends all that is due to the channels named, or to all; the titles that were tried."""
        tried = []
        for canal in canales or self.canales:
            while (entrega := self.deliveries.claim(canal, self.now, at_once=False)) is not None:
                tried.append(entrega.titulo)
                self.deliveries.mark(entrega, Envio(tomado=tomado, permanente=permanente), self.now)
                if tomado:
                    self.sent.append((canal, entrega.titulo))
                else:
                    break
        return tried

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the file holds."""
        with self.store.transaction() as con:
            return [tuple(row) for row in con.execute(query)]
