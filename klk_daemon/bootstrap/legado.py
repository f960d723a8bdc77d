"""`db plan` and `db migrate`: the database of an older pipeline, examined and taken over."""

import asyncio
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import TypeVar

import duckdb
from duckdb import DuckDBPyConnection

from klk_daemon.errors import BaseFallida, ConfigError, Interrumpido, KlkError
from klk_daemon.settings import Settings
from klk_daemon.warehouse import schema
from klk_daemon.warehouse.connection import Database
from klk_daemon.warehouse.legado import duplicados, hallazgos, pasos, plan
from klk_daemon.warehouse.legado.duplicados import Mes
from klk_daemon.warehouse.legado.hallazgos import Hallazgos
from klk_daemon.warehouse.legado.pasos import Migracion
from klk_daemon.warehouse.legado.plan import Cambios, Estimacion
from klk_daemon.warehouse.origen import Archivo

T = TypeVar("T")
UNCHANGED = "nothing was changed; the user that migrates must be able to write the database's folder"


@dataclass(frozen=True, slots=True)
class Examen:
    """What a database holds and what must change.

    Attributes:
        meses: its sale lines; empty where there are none.
        bytes: the file's size.
        libre: the room on its disk.
    """

    base: Path
    hallazgos: Hallazgos
    cambios: Cambios
    meses: Sequence[Mes]
    estimacion: Estimacion
    bytes: int
    libre: int

    @property
    def duplicadas(self) -> int:
        """The copies that `--dedupe` removes."""
        return sum(mes.duplicadas for mes in self.meses)

    @property
    def alcanza(self) -> bool:
        """Whether there is room enough."""
        return self.libre >= self.estimacion.total

    @property
    def quitar(self) -> Estimacion:
        """What `--dedupe` takes."""
        con_copias = {mes.mes for mes in self.meses if mes.duplicadas}
        lineas = sum(mes.lineas for mes in self.meses if mes.mes in con_copias)
        return plan.estimar_duplicadas(lineas, self.duplicadas)


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
            con.execute(f"SET threads = {os.cpu_count() or 1}")  # a run does with one; this reads whole tables
            return run(con)
        except duckdb.InterruptException as e:
            raise Interrumpido("interrupted") from e
        finally:
            self._con = None


def archivo(settings: Settings) -> Path:
    """The database file.

    Raises:
        ConfigError: the database is no file.
    """
    if settings.database.path.startswith("ducklake:"):
        raise ConfigError("database.path is no file: only a file of the older pipeline can be migrated")
    return Path(settings.database.path)


async def examinar(settings: Settings, *, contar: bool = True) -> Examen:
    """Looks at the database, beside other readers; changes nothing.

    Args:
        settings: whose database.
        contar: the copies, too, for which the sale lines are read.

    Raises:
        CorridaError: it is held by a program that writes it, or cannot be read.
        ConfigError: a newer klk-daemon wrote it.
    """
    base = archivo(settings)
    db = Database(
        Archivo(base),
        lock_timeout_s=settings.database.lock_timeout_s,
        memory_limit=settings.database.memory_limit,
        read_only=True,
    )

    def mirar(con: DuckDBPyConnection) -> tuple[Hallazgos, list[Mes]]:
        con.execute(f"SET threads = {os.cpu_count() or 1}")
        hallado = hallazgos.leer(con)
        tabla = hallado.tablas.get(plan.VENTAS)
        legible = tabla is not None and set(plan.MINIMO[plan.VENTAS]) <= tabla.columnas.keys()
        return hallado, duplicados.contar(con) if contar and legible else []

    try:
        hallado, meses = (await db.transaction(mirar, keep=False)).value
    finally:
        db.close()
    if hallado.version is not None and hallado.version > (newest := schema.migrations()[-1][0]):
        raise ConfigError(
            f"the database has schema version {hallado.version}, this klk-daemon knows {newest}",
            hint="a newer klk-daemon wrote it: upgrade this one",
        )
    que = plan.cambios(hallado)
    return Examen(
        base=base,
        hallazgos=hallado,
        cambios=que,
        meses=meses,
        estimacion=plan.estimar(hallado, que) if hallado.legado else Estimacion(0, 0, 0),
        bytes=base.stat().st_size,
        libre=shutil.disk_usage(base.parent).free,
    )


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
        examen: what `examinar` found just now.
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
    if not examen.alcanza:
        raise KlkError(
            f"the migration needs {mib(examen.estimacion.total)} on the disk of {examen.base},"
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

    def run(con: DuckDBPyConnection) -> Migracion:
        return freno.correr(con, lambda con: pasos.migrar(con, carpeta, base=Path(db.origen.path), now=now, decir=paso))

    try:
        return (await db.transaction(run)).value
    except BaseException as e:
        # Rolled back: what was set aside is what is there.
        shutil.rmtree(carpeta, ignore_errors=True)
        if isinstance(e, OSError):
            raise BaseFallida(f"the backup {carpeta} cannot be written: {e.strerror}", hint=UNCHANGED) from e
        raise


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
            guardado.parent.mkdir(exist_ok=True)
            return freno.correr(con, lambda con: duplicados.quitar(con, mes, guardado))

        try:
            quitados.append((mes, *(await db.transaction(run)).value))
        except BaseException:
            await asyncio.to_thread(guardado.unlink, missing_ok=True)
            raise
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


def mib(size: float) -> str:
    """A size for people."""
    return f"{size / 1024**3:.1f} GiB" if size >= 1024**3 else f"{max(size / 1024**2, 0.1):.1f} MiB"
