"""The nouns that all of klk-daemon shares, as frozen records.

Glossary: the domain is spoken of in Spanish, as on the wire and in the tables.

=============  =============================================================================
tienda         a store; `ubicacion` in the database, `sucursal` in KLK
almacen        a warehouse inside a store; one call to KLK each
inventario     the job that replaces a store's stock by KLK's snapshot of it
ventas         the job that reads new sale lines; a *linea* is one line of a *factura* (invoice)
conciliacion   the job that makes whole past days equal to KLK
marca          the watermark: sales before it have been read
cobertura      which intervals of sales have been read
hueco          a gap in the cobertura
corrida        one run of a job over its stores
rechazo        a row that was put aside because it cannot be loaded
=============  =============================================================================

Instants are aware datetimes in UTC; a *naive* datetime is a store's local wall-clock time.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime, time
from enum import StrEnum
from typing import Any

from klk_daemon.errors import CorridaError


class Job(StrEnum):
    """What can be run."""

    INVENTARIO = "inventario"
    VENTAS = "ventas"
    CONCILIACION = "conciliacion"


class Modo(StrEnum):
    """What kind of run it was (contract, "Commands")."""

    INCREMENTAL = "incremental"
    COMPLETO = "completo"
    RECUPERACION = "recuperacion"
    CONCILIACION = "conciliacion"


class Estado(StrEnum):
    """How a run, or a store's part of it, stands."""

    EN_PROCESO = "en_proceso"
    EXITOSO = "exitoso"
    PARCIAL = "parcial"
    FALLIDO = "fallido"


@dataclass(frozen=True, slots=True)
class Tienda:
    """One store, as configured."""

    id: str
    nombre: str
    sucursal: str
    almacenes: tuple[str, ...]
    activa: bool = True


@dataclass(frozen=True, slots=True, order=True)
class Intervalo:
    """Half-open: `desde` belongs to it, `hasta` does not. Both are instants in UTC."""

    desde: datetime
    hasta: datetime


@dataclass(frozen=True, slots=True)
class Ventana:
    """One request for sales: one store-local day, or a part of it.

    `desde` and `hasta` (naive, half-open) say which lines belong to it. `hora_desde` and `hora_hasta` are what
    KLK is asked for, None where the whole day is: never fewer lines than belong, sometimes more.
    """

    intervalo: Intervalo
    fecha: date
    desde: datetime
    hasta: datetime
    hora_desde: time | None
    hora_hasta: time | None

    def contiene(self, vendida: datetime) -> bool:
        """Whether a line that was sold then (naive, store-local) belongs to it."""
        return self.desde <= vendida < self.hasta


@dataclass(frozen=True, slots=True)
class Rango:
    """The sales that an operator asked for by hand."""

    intervalo: Intervalo
    modo: Modo


@dataclass(frozen=True, slots=True)
class Rechazo:
    """A row that cannot be loaded: why, and the row as it came."""

    motivo: str
    fila: Any


@dataclass(frozen=True, slots=True)
class Lote:
    """Converted rows of one answer, each key once, ready for the warehouse.

    `filas` are flat mappings of column to JSON-ready value; `comunes` are columns that have one value in all of them.
    """

    filas: Collection[Mapping[str, Any]]
    rechazos: Sequence[Rechazo] = ()
    comunes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Conteo:
    """What a load did, in rows. Adds up."""

    extraidos: int = 0
    insertados: int = 0
    actualizados: int = 0
    sin_cambio: int = 0
    eliminados: int = 0
    rechazados: int = 0

    @property
    def cargados(self) -> int:
        """Rows that were written because they are new or changed."""
        return self.insertados + self.actualizados

    def __add__(self, other: "Conteo") -> "Conteo":
        """The sum, count by count."""
        return Conteo(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True, slots=True)
class ResultadoTienda:
    """How a store's part of a run ended. `desde` and `hasta` are naive; durations in seconds."""

    tienda: Tienda
    estado: Estado
    inicio: datetime
    fin: datetime
    desde: datetime | None = None
    hasta: datetime | None = None
    conteo: Conteo = field(default_factory=Conteo)
    extraccion_s: float = 0.0
    espera_bd_s: float = 0.0
    carga_s: float = 0.0
    error: CorridaError | None = None

    @property
    def duracion_s(self) -> float:
        """From the run's start to this store's end."""
        return (self.fin - self.inicio).total_seconds()


@dataclass(frozen=True, slots=True)
class Resultado:
    """How a run ended: made once, read by log, exit code, JSON, metrics and alerts. Instants in UTC."""

    run_id: str
    job: Job
    modo: Modo
    inicio: datetime
    fin: datetime
    tiendas: tuple[ResultadoTienda, ...]

    @property
    def estado(self) -> Estado:
        """`parcial` where some stores failed, `fallido` where all did."""
        fallidas = len(self.fallidas)
        if fallidas == 0:
            return Estado.EXITOSO
        return Estado.FALLIDO if fallidas == len(self.tiendas) else Estado.PARCIAL

    @property
    def fallidas(self) -> tuple[ResultadoTienda, ...]:
        """The stores that failed."""
        return tuple(t for t in self.tiendas if t.error is not None)

    @property
    def conteo(self) -> Conteo:
        """The stores' counts, added up."""
        return sum((t.conteo for t in self.tiendas), Conteo())

    @property
    def duracion_s(self) -> float:
        """Seconds from start to end."""
        return (self.fin - self.inicio).total_seconds()

    @property
    def exit_code(self) -> int:
        """0 done, 1 a store failed, 4 the database was held by another process (contract, "Exit codes")."""
        return max((t.error.exit_code for t in self.tiendas if t.error is not None), default=0)
