"""What strikes a run from this side of the wire: a cancellation at a chosen moment, a database that another holds."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from duckdb import DuckDBPyConnection

from klk_daemon.domain import Ventana
from klk_daemon.klk import wire
from klk_daemon.klk.answers import Respuesta
from klk_daemon.klk.client import KlkClient
from klk_daemon.warehouse.connection import Database
from klk_daemon.warehouse.origen import Origen
from klk_daemon.warehouse.transaccion import Done

if TYPE_CHECKING:
    from klk_daemon.warehouse.lago import Lago

T = TypeVar("T")

HOLDER = """
import sys, time, duckdb
while True:
    try:
        held = duckdb.connect(sys.argv[1])
        break
    except duckdb.IOException:
        time.sleep(0.01)
print("held", flush=True)
sys.stdin.readline()
held.close()
"""


class Punto(StrEnum):
    """A moment of a run."""

    PREGUNTA = "pregunta"  # a request is about to be made
    RESPUESTA = "respuesta"  # its answer is there
    EN_COLA = "en_cola"  # a transaction is about to be queued
    DENTRO = "dentro"  # the database's thread is in the middle of a transaction
    ESCRITA = "escrita"  # a transaction is committed


@dataclass(slots=True)
class Vigia:
    """Watches a run pass its moments, and does something at the n-th of one kind."""

    punto: Punto | None = None
    faltan: int = 0
    hacer: Callable[[], None] = lambda: None

    def paso(self, punto: Punto) -> bool:
        """Notes a moment; whether it was the one."""
        if punto is not self.punto:
            return False
        self.faltan -= 1
        if self.faltan == 0:
            self.hacer()
        return self.faltan == 0


class BaseVigilada(Database):
    """The real database, watched."""

    vigia = Vigia()

    async def transaction(self, run: Callable[[DuckDBPyConnection], T], **how: Any) -> Done[T]:
        """The real one; lets the watcher see where it stands."""
        vigia, loop = self.vigia, asyncio.get_running_loop()
        await asyncio.sleep(0)

        def watched(con: DuckDBPyConnection) -> T:
            value = run(con)
            if vigia.punto is Punto.DENTRO:
                loop.call_soon_threadsafe(vigia.paso, Punto.DENTRO)
                time.sleep(0.02)  # the loop hears of it while the transaction is open
            return value

        vigia.paso(Punto.EN_COLA)
        done = await super().transaction(watched, **how)
        vigia.paso(Punto.ESCRITA)
        return done


class ClienteVigilado(KlkClient):
    """The real client, watched."""

    vigia = Vigia()

    async def ventas(self, sucursal: str, ventana: Ventana) -> Respuesta[wire.LineaVenta]:
        """The real one; lets the watcher see where it stands."""
        self.vigia.paso(Punto.PREGUNTA)
        await asyncio.sleep(0)
        answer = await super().ventas(sucursal, ventana)
        self.vigia.paso(Punto.RESPUESTA)
        return answer

    async def articulos(self, almacen: str) -> Respuesta[wire.Articulo]:
        """The real one; lets the watcher see where it stands."""
        self.vigia.paso(Punto.PREGUNTA)
        await asyncio.sleep(0)
        answer = await super().articulos(almacen)
        self.vigia.paso(Punto.RESPUESTA)
        return answer


class Ocupante:
    """Another process that holds the database."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._process: subprocess.Popen[str] | None = None

    def tomar(self) -> None:
        """Takes the file, as soon as this process lets go of it."""
        self._process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(self._path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "held\n"

    def soltar(self) -> None:
        """Gives it back."""
        if self._process is not None:
            self._process.communicate("\n", timeout=20)
            self._process = None


class OcupanteLago(Ocupante):
    """Another daemon that has its turn to write the lake, and does not end it."""

    def __init__(self, lago: "Lago") -> None:
        self._lago = lago
        self._turno = ExitStack()

    def tomar(self) -> None:
        """Takes its turn, as soon as this process ends its own."""
        from klk_daemon.warehouse.turnos import Turnos  # noqa: PLC0415 - with the extra `lake`

        otro = Turnos(self._lago.conninfo, "another daemon")
        self._turno.callback(otro.cerrar)
        self._turno.enter_context(otro.escribir(time.monotonic() + 20, threading.Event()))

    def soltar(self) -> None:
        """Ends it."""
        self._turno.close()


@contextmanager
def ocupante(origen: Origen) -> Iterator[Ocupante]:
    """One that is gone at the end, whatever happens."""
    lago = origen if origen.reparto.compartido else None
    quien = OcupanteLago(cast("Lago", lago)) if lago is not None else Ocupante(Path(origen.path))
    try:
        yield quien
    finally:
        quien.soltar()
