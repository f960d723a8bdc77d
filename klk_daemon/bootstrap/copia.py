"""`db copy`: the two places, and the source attached to the target's connection for reading."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
from duckdb import DuckDBPyConnection

from klk_daemon.bootstrap.place import LAKE, origen
from klk_daemon.errors import BaseFallida, BaseOcupada, ConfigError
from klk_daemon.warehouse import copia
from klk_daemon.warehouse.archivo import Archivo
from klk_daemon.warehouse.connection import HOLDER, Database, use_all_processors
from klk_daemon.warehouse.copia import FUENTE, Copia
from klk_daemon.warehouse.origen import Origen
from klk_daemon.warehouse.staging import scalar

if TYPE_CHECKING:
    from klk_daemon.warehouse.lago import Lago

# A daemon that still runs would write on; whoever copies wants to know at once.
PATIENCE_S = 5.0


def copiar(
    desde: str, hasta: str, data_path: str, *, now: datetime, avance: Callable[[str, int, int], None]
) -> tuple[str, str, Copia]:
    """Copies one place's data into another; what each is called without secrets, and what was copied.

    Args:
        desde: a file or `ducklake:postgres:…`.
        hasta: the same; nothing of klk-daemon's may be in it yet, but an interrupted copy.
        data_path: the Parquet's place, of the one that is a lake.
        now: naive local time.
        avance: see `copia.copiar`.

    Raises:
        ConfigError: one of them is not fit for it.
        CorridaError: it failed.
    """
    source, target = _place(desde, data_path), _place(hasta, data_path)
    if source == target:
        raise ConfigError(f"{source.name} is both FROM and TO", hint="name another place")
    if not source.exists():
        raise ConfigError(f"FROM: there is nothing at {source.name}", hint="see the path")
    db = Database(target, lock_timeout_s=PATIENCE_S, also=_attaching(source))
    try:
        work = copia.copiar(db, fuente=source.name, destino=target.name, now=now, avance=avance)
        return source.name, target.name, asyncio.run(work)
    finally:
        db.close()
        source.soltar()


class _Open(Archivo):
    """A file that is kept open: one transaction follows the other, and the source must stay attached."""

    @property
    def stays_open(self) -> bool:
        """It does."""
        return True


def _place(path: str, data_path: str) -> Origen:
    if path.startswith(LAKE) and not data_path:
        raise ConfigError("a lake's Parquet lies somewhere", hint="say where with --data-path")
    place = origen(path, data_path)
    return _Open(place.file) if isinstance(place, Archivo) else place


def _attaching(source: Origen) -> Callable[[DuckDBPyConnection], None]:
    """Attaches the source; a lake as it was at the first time, whatever is written to it meanwhile."""
    version: list[int] = []

    def lake(con: DuckDBPyConnection, source: "Lago") -> None:
        if not version:
            source.attach(con, FUENTE, "READ_ONLY")
            version.append(int(scalar(con, "SELECT max(snapshot_id) FROM ducklake_snapshots(?)", [FUENTE])))
            con.execute(f"DETACH {FUENTE}")
        source.attach(con, FUENTE, f"SNAPSHOT_VERSION {version[0]}")

    def attach(con: DuckDBPyConnection) -> None:
        use_all_processors(con)
        try:
            if isinstance(source, Archivo):
                con.execute(f"ATTACH '{str(source.file).replace(chr(39), chr(39) * 2)}' AS {FUENTE} (READ_ONLY)")
            else:
                lake(con, source)  # type: ignore[arg-type] # there are two kinds of places to copy from
        except duckdb.Error as e:
            averia = source.averia(e)
            if holder := HOLDER.search(str(e)):
                raise BaseOcupada(
                    f"FROM: {source.name} is held by {holder['program']} (pid {holder['pid']})", hint="stop it first"
                ) from e
            raise BaseFallida(f"FROM: {source.name}: {averia.mensaje}", hint=averia.remedio) from e

    return attach


def path_of(text: str) -> str:
    """A file's absolute path; a lake as it is written."""
    return text if text.startswith(LAKE) else str(Path(text).absolute())
