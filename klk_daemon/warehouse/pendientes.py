"""Ledger rows that could not be written yet: kept in the state directory, written at the next chance.

A database that is held too long, or broken, must not hide that runs failed (contract, "What a run guarantees", 7).
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from duckdb import DuckDBPyConnection
from pydantic import TypeAdapter

from klk_daemon import files
from klk_daemon.warehouse import jsonl
from klk_daemon.warehouse.ejecuciones import Ejecucion, guardar

NAME = "ejecuciones_pendientes.jsonl"


class Pendientes:
    """The file of the rows that wait. `folder` is the state directory."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._written = b""

    def apartar(self, ejecuciones: Sequence[Ejecucion]) -> None:
        """Keeps the rows, safely on disk when this returns.

        Raises:
            OSError: the state directory cannot be written.
        """
        with jsonl.lock(self._path):
            jsonl.append(self._path, [_json().dump_json(e) for e in ejecuciones])

    def leer(self) -> list[Ejecucion]:
        """The rows that wait."""
        return list(jsonl.read(self._data(), _json()))

    def escribir(self, con: DuckDBPyConnection) -> int:
        """Writes them in the caller's transaction; call `olvidar` once it is committed. How many there were."""
        self._written = self._data()
        ejecuciones = list(jsonl.read(self._written, _json()))
        guardar(con, ejecuciones)
        return len(ejecuciones)

    def olvidar(self) -> None:
        """Drops what `escribir` wrote, and keeps what came to wait since.

        After a crash before this the rows are written again, which changes nothing.
        """
        if not self._written:
            return
        with jsonl.lock(self._path):
            data = self._data()
            # Another process may have written and dropped them meanwhile.
            rest = data.removeprefix(self._written)
            if rest:
                files.replace(self._path, rest)
            else:
                self._path.unlink(missing_ok=True)
        self._written = b""

    def _data(self) -> bytes:
        return self._path.read_bytes() if self._path.exists() else b""


@cache
def _json() -> TypeAdapter[Ejecucion]:
    """Made ready when it is first needed, which is seldom."""
    return TypeAdapter(Ejecucion)
