"""Where the tables lie, what a fresh connection needs to reach them, and who else writes there."""

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Event
from typing import Protocol

import duckdb
from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Averia:
    """What a failure of DuckDB means for a place.

    Attributes:
        mensaje: one line for people, without secrets.
        remedio: what to do, where that is known.
        perdida: whether the connection is of no more use.
        pasajera: whether the same transaction may succeed in a moment.
    """

    mensaje: str
    remedio: str = ""
    perdida: bool = False
    pasajera: bool = False


class Reparto(Protocol):
    """Who runs which store, where several daemons share a place; a key that begins with `*` is no store's."""

    @property
    def compartido(self) -> bool:
        """Whether other daemons may write here."""

    def tomar(self, claves: Collection[str]) -> frozenset[str]:
        """Takes what nobody else has, and keeps it while the process lives; those that are held now.

        Raises:
            CorridaError: it cannot be told.
        """

    def conservar(self, claves: Collection[str]) -> None:
        """Gives back all other stores.

        Raises:
            CorridaError: it cannot be told.
        """

    def devolver(self, claves: Collection[str]) -> None:
        """Gives back these.

        Raises:
            CorridaError: it cannot be told.
        """

    def ajenas(self, claves: Collection[str]) -> Mapping[str, str]:
        """Those that others have, and who they are.

        Raises:
            CorridaError: it cannot be told.
        """


class Solo:
    """A place with one daemon: all is its own."""

    @property
    def compartido(self) -> bool:
        """It is not."""
        return False

    def tomar(self, claves: Collection[str]) -> frozenset[str]:
        """All of it."""
        return frozenset(claves)

    def conservar(self, claves: Collection[str]) -> None:
        """Nothing: there is nobody to give it to."""

    def devolver(self, claves: Collection[str]) -> None:
        """Nothing, neither."""

    def ajenas(self, claves: Collection[str]) -> Mapping[str, str]:  # noqa: ARG002 - Reparto's
        """None."""
        return {}


SOLO = Solo()


class Origen(Protocol):
    """A place of tables. Two that are equal are one place: they share one writer."""

    @property
    def name(self) -> str:
        """As messages call it; no secrets in it."""

    @property
    def path(self) -> str:
        """What DuckDB opens: the file, or `:memory:` where the tables lie elsewhere."""

    @property
    def stays_open(self) -> bool:
        """Whether the connection is kept between transactions; a plain file is closed, to let readers in."""

    @property
    def reparto(self) -> Reparto:
        """How daemons share the stores."""

    def exists(self) -> bool:
        """Whether there is something yet; looking does not open it."""

    def trace(self) -> object:
        """Differs once somebody has written, as far as looking tells without opening it."""

    def before_open(self) -> None:
        """Looks after what lies there before it is opened.

        Raises:
            OSError: it cannot.
        """

    def prepare(self, con: DuckDBPyConnection) -> None:
        """Makes a connection that was just opened reach the tables.

        Raises:
            CorridaError: it cannot.
            duckdb.Error: it cannot, and DuckDB says why.
        """

    def settle(self, con: DuckDBPyConnection) -> None:
        """Nothing waits any more: what a kept connection is to do before it rests.

        Raises:
            duckdb.Error: it cannot.
        """

    def release(self, con: DuckDBPyConnection) -> None:
        """The connection is about to be closed.

        Raises:
            duckdb.Error: it cannot be prepared for that.
        """

    def turno(self, deadline: float, stopping: Event) -> AbstractContextManager[Callable[[], None]]:
        """The right to write, against writers in other processes; held for one transaction.

        Args:
            deadline: when to give up waiting for it (monotonic); it is tried once at least.
            stopping: set where nothing is to be waited for any longer.

        Returns:
            A context; it yields what is to be called right before the commit, and raises where the right was lost.

        Raises:
            CorridaError: it cannot be had.
        """

    def averia(self, error: duckdb.Error) -> Averia:
        """What a failure means here."""

    def soltar(self) -> None:
        """The connection was closed for good: gives back what this process holds in other ways."""


def first_line(error: Exception) -> str:
    """Of a message that may have many."""
    return str(error).strip().splitlines()[0]
