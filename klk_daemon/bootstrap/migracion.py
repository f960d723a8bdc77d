"""`db migrate`: the database of an older pipeline, taken over."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import TypeVar

import duckdb
from duckdb import DuckDBPyConnection

from klk_daemon.bootstrap.legado import Examen, mib
from klk_daemon.errors import BaseFallida, Interrumpido, KlkError
from klk_daemon.settings import Settings
from klk_daemon.warehouse.archivo import Archivo
from klk_daemon.warehouse.connection import Database, use_all_processors
from klk_daemon.warehouse.legado import duplicados, pasos
from klk_daemon.warehouse.legado.pasos import Migracion

T = TypeVar("T")
UNCHANGED = "nothing was changed; the user that migrates must be able to write the database's folder"


@dataclass(frozen=True, slots=True)
class Informe:
    """What `migrate` has done.

    Attributes:
        migracion: None where nothing had to be migrated.
        meses: of which copies were removed: month, rows before, rows after.
        respaldo: where what was rebuilt or removed is set aside.
    """

    migracion: Migracion | None
    meses: Sequence[tuple[str, int, int]]
    respaldo: Path


@dataclass(slots=True)
class Freno:
    """Ctrl-C: stops the query that runs, or the waiting for another program; not a commit, which cannot be.

    Attributes:
        tirado: whether it was pulled.
        al_tirar: what else is to be done then.
    """

    tirado: bool = False
    al_tirar: Callable[[], None] | None = None
    _con: DuckDBPyConnection | None = field(default=None, repr=False)

    def tirar(self) -> None:
        """Stops as soon as can be; from any thread."""
        self.tirado = True
        if self.al_tirar is not None:
            self.al_tirar()
        if (con := self._con) is not None:
            con.interrupt()

    def mirar(self) -> None:
        """Stops here, if it was pulled.

        Raises:
            Interrumpido: it was.
        """
        if self.tirado:
            raise Interrumpido("interrupted")

    def correr(self, con: DuckDBPyConnection, run: Callable[[DuckDBPyConnection], T]) -> T:
        """Runs it so that it can be stopped.

        Raises:
            Interrumpido: it was.
        """
        self._con = con
        try:
            self.mirar()
            use_all_processors(con)
            return run(con)
        except duckdb.InterruptException as e:
            raise Interrumpido("interrupted") from e
        finally:
            self._con = None


async def migrar(
    settings: Settings,
    examen: Examen,
    *,
    dedupe: bool,
    now: Callable[[], datetime],
    decir: Callable[[str], None],
    freno: Freno,
) -> Informe:
    """Migrates the database where it must be, and removes copies where `dedupe` says so.

    Args:
        settings: whose database; no daemon runs on it.
        examen: what `examinar` found just now; with the copies counted where they are to go.
        dedupe: remove copies, month by month, each in a transaction of its own.
        now: the stores' time, naive.
        decir: told what begins, in another thread.
        freno: stops it; what was committed stays.

    Raises:
        Interrumpido: it was stopped.
        CorridaError: the file is held by another process, or the disk is full.
        ConfigError: it cannot be migrated; nothing is changed.
        KlkError: too little room.
    """
    if not examen.alcanza(dedupe=dedupe):
        que = "the migration with --dedupe" if dedupe else "the migration"
        raise KlkError(
            f"{que} needs {mib(examen.necesita(dedupe=dedupe))} on the disk of {examen.base},"
            f" {mib(examen.libre)} are free",
            hint="make room; nothing was changed",
        )
    _limpiar(examen.base)
    db = Database(
        Archivo(examen.base),
        lock_timeout_s=settings.database.lock_timeout_s,
        memory_limit=settings.database.memory_limit,
    )
    freno.al_tirar = db.stop_waiting
    carpeta = _nueva(examen.base, now())
    try:
        hecha = await _migrar(db, carpeta, now=now(), decir=decir, freno=freno) if examen.hallazgos.legado else None
        meses = await _quitar(db, carpeta, decir, freno) if dedupe else []
    finally:
        db.close()
        _limpiar(examen.base)
    return Informe(hecha, meses, carpeta)


async def _migrar(
    db: Database, carpeta: Path, *, now: datetime, decir: Callable[[str], None], freno: Freno
) -> Migracion:
    def paso(text: str) -> None:
        freno.mirar()
        decir(text)

    base = Path(db.origen.path)

    def run(con: DuckDBPyConnection) -> Migracion:
        try:
            return freno.correr(con, lambda con: pasos.migrar(con, carpeta, base=base, now=now, decir=paso))
        except BaseException as e:
            # Rolled back: what was set aside is what is there. After a commit that failed it may not be, and stays.
            shutil.rmtree(carpeta, ignore_errors=True)
            if isinstance(e, OSError):
                raise BaseFallida(f"the backup {carpeta} cannot be written: {e.strerror}", hint=UNCHANGED) from e
            raise

    return (await db.transaction(run)).value


async def _quitar(
    db: Database, carpeta: Path, decir: Callable[[str], None], freno: Freno
) -> list[tuple[str, int, int]]:
    decir("counting copies")
    meses = (await db.transaction(lambda con: freno.correr(con, duplicados.contar), keep=False)).value
    quitados: list[tuple[str, int, int]] = []
    for mes in sorted({mes.mes for mes in meses if mes.duplicadas}):
        freno.mirar()
        decir(f"removing the copies of {mes}")
        guardado = carpeta / f"duplicadas-{mes}.parquet"

        def run(con: DuckDBPyConnection, mes: str = mes, guardado: Path = guardado) -> tuple[int, int]:
            try:
                guardado.parent.mkdir(exist_ok=True)
                return freno.correr(con, lambda con: duplicados.quitar(con, mes, guardado))
            except BaseException as e:
                guardado.unlink(missing_ok=True)
                if isinstance(e, OSError):
                    raise BaseFallida(f"{guardado} cannot be written: {e.strerror}", hint=UNCHANGED) from e
                raise

        quitados.append((mes, *(await db.transaction(run)).value))
    return quitados


def _nueva(base: Path, now: datetime) -> Path:
    """A folder that is not there yet, for a backup."""
    nombre = f"{base.name}.respaldo-{now:%Y%m%dT%H%M%S}"
    posibles = (base.with_name(f"{nombre}-{n}" if n else nombre) for n in count())
    return next(carpeta for carpeta in posibles if not carpeta.exists())


def _limpiar(base: Path) -> None:
    """Drops the backups that were not finished, before which nothing was changed."""
    for resto in base.parent.glob(f"{base.name}.respaldo-*.parcial"):
        shutil.rmtree(resto)
