"""`db plan`: the database of an older pipeline, examined beside its readers."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from duckdb import DuckDBPyConnection

from klk_daemon.bootstrap.place import LAKE
from klk_daemon.errors import ConfigError
from klk_daemon.settings import Settings
from klk_daemon.settings.mask import mask
from klk_daemon.warehouse import schema
from klk_daemon.warehouse.archivo import Archivo
from klk_daemon.warehouse.connection import Database, use_all_processors
from klk_daemon.warehouse.legado import duplicados, hallazgos, plan
from klk_daemon.warehouse.legado.duplicados import Mes
from klk_daemon.warehouse.legado.hallazgos import Hallazgos
from klk_daemon.warehouse.legado.plan import Cambios, Estimacion


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

    def necesita(self, *, dedupe: bool = False) -> int:
        """The room that must be there; with `dedupe` also for the copies, which must have been counted."""
        return self.estimacion.total + (self.quitar.total if dedupe and self.duplicadas else 0)

    def alcanza(self, *, dedupe: bool = False) -> bool:
        """Whether there is room enough."""
        return self.libre >= self.necesita(dedupe=dedupe)

    @property
    def quitar(self) -> Estimacion:
        """What `--dedupe` takes."""
        con_copias = {mes.mes for mes in self.meses if mes.duplicadas}
        lineas = sum(mes.lineas for mes in self.meses if mes.mes in con_copias)
        return plan.estimar_duplicadas(lineas, self.duplicadas)


def archivo(settings: Settings) -> Path:
    """The database file.

    Raises:
        ConfigError: the database is no file.
    """
    if settings.database.path.startswith(LAKE):
        name = mask("database.path", settings.database.path)
        raise ConfigError(
            f"database.path: {name} is a lake, and only a file of the older pipeline can be migrated",
            hint="name that file in database.path; once migrated, `klk-daemon db copy` moves it into a lake",
        )
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
        use_all_processors(con)
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


def mib(size: float) -> str:
    """A size for people."""
    return f"{size / 1024**3:.1f} GiB" if size >= 1024**3 else f"{max(size / 1024**2, 0.1):.1f} MiB"
