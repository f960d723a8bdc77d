"""Ledger rows that could not be written yet: kept in the state directory, written at the next chance.

A database that is held too long, or broken, must not hide that runs failed (contract, "What a run guarantees", 7).
"""

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from duckdb import DuckDBPyConnection
from pydantic import TypeAdapter

from klk_daemon.warehouse.ejecuciones import Ejecucion, guardar

NAME = "ejecuciones_pendientes.jsonl"


class Pendientes:
    """The file of the rows that wait. `folder` is the state directory."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME

    def apartar(self, ejecuciones: Sequence[Ejecucion]) -> None:
        """Keeps the rows, safely on disk when this returns."""
        self._path.touch(mode=0o600)
        with self._path.open("ab") as f:
            f.writelines(_json().dump_json(e) + b"\n" for e in ejecuciones)
            f.flush()
            os.fsync(f.fileno())

    def leer(self) -> list[Ejecucion]:
        """The rows that wait; a line that a crash cut short is passed over."""
        if not self._path.exists():
            return []
        *whole, _torn = self._path.read_bytes().split(b"\n")
        return [_json().validate_json(line) for line in whole if line]

    def escribir(self, con: DuckDBPyConnection) -> int:
        """Writes them in the caller's transaction; call `olvidar` once it is committed. How many there were."""
        ejecuciones = self.leer()
        guardar(con, ejecuciones)
        return len(ejecuciones)

    def olvidar(self) -> None:
        """Removes the file. After a crash before this the rows are written again, which changes nothing."""
        self._path.unlink(missing_ok=True)


@cache
def _json() -> TypeAdapter[Ejecucion]:
    """Made ready when it is first needed, which is seldom."""
    return TypeAdapter(Ejecucion)
