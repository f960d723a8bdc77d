"""What the dashboard shows, as values. The backend fills it; templates and `/events` read it.

Timestamps are naive local time of the stores, as in the database; `zona` makes instants of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from klk_daemon.domain import Job
from klk_daemon.warehouse.panel import Almacen, Cuenta, Dia, Parte

CORRIDAS = 48
# `Panel.sin_leer` while another process holds the database.
OCUPADA = "ocupada"


@dataclass(frozen=True, slots=True)
class Corrida:
    """A run: its stores' parts together."""

    run_id: str
    job: str
    modo: str
    estado: str
    inicio: datetime
    fin: datetime | None
    duracion_s: float
    partes: Sequence[Parte]

    @property
    def extraidos(self) -> int:
        """Rows that KLK sent."""
        return sum(p.extraidos for p in self.partes)

    @property
    def cargados(self) -> int:
        """Rows that were new or changed."""
        return sum(p.cargados for p in self.partes)

    @property
    def eliminados(self) -> int:
        """Rows that are gone."""
        return sum(p.eliminados for p in self.partes)

    @property
    def rechazados(self) -> int:
        """Rows put aside."""
        return sum(p.rechazados for p in self.partes)

    @property
    def fallidas(self) -> Sequence[Parte]:
        """The parts that failed."""
        return [p for p in self.partes if p.estado == "fallido"]


@dataclass(frozen=True, slots=True)
class Progreso:
    """A run under way: how many of its stores have ended, and which of them failed."""

    run_id: str
    job: Job
    inicio: datetime
    total: int
    hechas: int = 0
    fallidas: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Trabajo:
    """A job: when it is due, whether it is paused (`hasta` None: until told), its newest runs, oldest first."""

    job: Job
    proxima: datetime | None = None
    pausado: bool = False
    pausa_hasta: datetime | None = None
    corridas: Sequence[Corrida] = ()
    en_curso: Progreso | None = None


@dataclass(frozen=True, slots=True)
class Celda:
    """A job of a store: its newest ended run, its newest success, since when it fails, whether it is stale.

    `cambios` are the rows that the run added, changed or deleted.
    """

    estado: str | None = None
    inicio: datetime | None = None
    exito: datetime | None = None
    falla_desde: datetime | None = None
    fallas: int = 0
    error_tipo: str | None = None
    error: str | None = None
    run_id: str | None = None
    cambios: int = 0
    atrasado: bool = False


@dataclass(frozen=True, slots=True)
class Hueco:
    """Sales that were not read; `hasta` None: until now."""

    desde: datetime
    hasta: datetime | None


@dataclass(frozen=True, slots=True)
class Tienda:
    """A store: its jobs, its stock, its sales today and a week ago, and what is not right about its data."""

    id: str
    nombre: str
    sucursal: str
    celdas: Mapping[Job, Celda]
    stock: datetime | None = None
    venta: datetime | None = None
    marca: datetime | None = None
    almacenes: Sequence[Almacen] = ()
    hoy: Dia = field(default_factory=Dia)
    hace_una_semana: Dia = field(default_factory=Dia)
    huecos: Sequence[Hueco] = ()
    sin_certificar: Sequence[date] = ()
    apartadas: Cuenta = field(default_factory=lambda: Cuenta(0))
    correcciones: Cuenta = field(default_factory=lambda: Cuenta(0))


@dataclass(frozen=True, slots=True)
class Panel:
    """All of it.

    Attributes:
        ahora: the moment that it is true of.
        leido: when the database was read; None where it never was.
        sin_leer: why what the database holds now could not be read: `OCUPADA`, or an error; empty where it could.
        sin_leer_desde: since when.
        zona: the stores' time zone.
        version: this program's.
        trabajos: the jobs, in the order in which they run.
        tiendas: the active stores.
    """

    ahora: datetime
    leido: datetime | None
    sin_leer: str
    sin_leer_desde: datetime | None
    zona: ZoneInfo
    version: str
    trabajos: Sequence[Trabajo]
    tiendas: Sequence[Tienda]

    def tienda(self, id_: str) -> Tienda | None:
        """A store by its id."""
        return next((t for t in self.tiendas if t.id == id_), None)

    def corrida(self, run_id: str) -> Corrida | None:
        """A run among the newest ones."""
        return next((c for t in self.trabajos for c in t.corridas if c.run_id == run_id), None)


@dataclass(frozen=True, slots=True)
class Renglon:
    """A log line: when, how severe, which event and store, and what else it says."""

    momento: datetime | None
    nivel: str
    evento: str
    tienda: str
    texto: str


@dataclass(frozen=True, slots=True)
class DetalleCorrida:
    """A run with its log lines; `hay_mas` where there are more than are shown."""

    corrida: Corrida
    renglones: Sequence[Renglon]
    hay_mas: bool = False
