"""Where the tables lie, and what a fresh connection needs to reach them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from duckdb import DuckDBPyConnection


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

    def exists(self) -> bool:
        """Whether there is something yet; looking does not open it."""

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


@dataclass(frozen=True, slots=True)
class Archivo:
    """A DuckDB file, made with its folder where it is missing."""

    file: Path

    @property
    def name(self) -> str:
        """The file's path."""
        return str(self.file)

    @property
    def path(self) -> str:
        """The file's path."""
        return str(self.file)

    @property
    def stays_open(self) -> bool:
        """No: others get in between."""
        return False

    def exists(self) -> bool:
        """Whether the file is there."""
        return self.file.exists()

    def prepare(self, con: DuckDBPyConnection) -> None:
        """Nothing: the tables are in the file."""

    def settle(self, con: DuckDBPyConnection) -> None:
        """Nothing: it is closed."""

    def release(self, con: DuckDBPyConnection) -> None:
        """Nothing: DuckDB writes the rest when it closes the file."""
