"""Every setting: its name, unit, default and limits (contract.md, Configuration).

All models are frozen, hashable and strict: text is not a number, 1 is not true, and an unknown key is an
error. Names end in their unit: `_s` seconds, `_min` minutes, `_days` days, `_mb` megabytes (10^6 bytes).
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, Strict, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from klk_daemon.settings import cron, kinds


class Section(BaseModel):
    """One table of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class ApiSettings(Section):
    """The KLK server and how hard it may be asked."""

    base_url: kinds.BaseUrl = Field(default="", description="Address of the KLK API; needed to run anything")
    timeout_s: float = Field(default=120, gt=0, description="Seconds for a whole exchange, a dripping one included")
    connect_timeout_s: float = Field(default=5, gt=0, description="Seconds to open a connection")
    max_concurrency: int = Field(default=6, ge=1, description="Requests under way at once, over all stores and jobs")
    max_response_mb: int = Field(default=64, ge=1, description="Largest answer taken, in megabytes as sent")
    retry_attempts: int = Field(
        default=4, ge=1, description="Attempts in all, with exponential backoff, jitter and Retry-After"
    )
    retry_max_wait_s: float = Field(default=30, ge=0, description="Longest pause between two attempts, in seconds")


class ScheduleSettings(Section):
    """When the jobs run, in the stores' local time."""

    timezone: kinds.TimeZone = Field(
        default="America/Caracas", description="Time zone of the schedule, and of the stores' clocks"
    )
    inventario: kinds.Cron = Field(
        default=cron.DEFAULTS["inventario"], description="Cron expression of the stock snapshots"
    )
    ventas: kinds.Cron = Field(default=cron.DEFAULTS["ventas"], description="Cron expression of the sales")
    conciliacion: kinds.Cron = Field(
        default=cron.DEFAULTS["conciliacion"], description="Cron expression of the comparison of past days"
    )
    run_timeout_s: float = Field(default=1500, gt=0, description="Seconds after which a run is cut off")


class VentasSettings(Section):
    """How far back sales are read."""

    overlap_min: int = Field(
        default=60, ge=0, description="Minutes before its watermark at which a store's window starts"
    )
    first_run_days: int = Field(
        default=0, ge=0, description="Days read for a store without rows; 0 is since today's midnight"
    )
    max_catchup_days: int = Field(default=31, ge=1, description="Days that a catch-up goes back at most")


class InventarioSettings(Section):
    """When a stock snapshot is believed."""

    min_ratio: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Share of the last good snapshot's articles below which a new one is refused",
    )
    wait_s: float = Field(default=300, ge=0, description="Seconds that ventas waits for an inventario still running")


class ConciliacionSettings(Section):
    """How much of the past is compared with the API."""

    days: int = Field(default=2, ge=1, description="Full days compared, the newest being yesterday")


class DatabaseSettings(Section):
    """The database that is kept equal to the API."""

    path: kinds.DatabasePath = Field(
        default="../data/fluxion_production.db",
        description='DuckDB file, or "ducklake:CATALOGUE" (extra `lake`)',
    )
    data_path: str = Field(default="", description="DuckLake's Parquet files: a folder or s3://bucket/prefix")
    lock_timeout_s: float = Field(
        default=120, ge=0, description="Seconds to wait for a file that another process holds"
    )
    memory_limit: kinds.MemoryLimit = Field(default="512MB", description="Memory that DuckDB may use")
    serve: kinds.Serve = Field(
        default="",
        description='"quack:localhost:PORT" (extra `quack`): the daemon keeps the file open and serves it',
    )

    @model_validator(mode="after")
    def _lake_has_data_path(self) -> Self:
        if self.path.startswith("ducklake:") and not self.data_path:
            raise problems((("data_path",), 'found "", expected a folder or s3://bucket/prefix for DuckLake'))
        return self


class LogsSettings(Section):
    """The JSON log files."""

    dir: kinds.Folder = Field(default="../logs", description="Folder of the log files")
    level: Literal["debug", "info", "warning", "error", "critical"] = Field(
        default="info", description="Least severe level written"
    )
    compress_after_days: int = Field(default=7, ge=0, description="Age in days at which a log file is gzipped")
    delete_after_days: int = Field(default=30, ge=1, description="Age in days at which a log file is deleted")


class HttpSettings(Section):
    """The daemon's own server: health, metrics, dashboard."""

    enabled: bool = Field(default=True, description="Whether the daemon listens at all")
    host: kinds.Host = Field(default="127.0.0.1", description="Address to listen on")
    port: int = Field(default=8765, ge=0, le=65535, description="Port to listen on; 0 is any free one")
    allowed_hosts: kinds.HostList = Field(
        default=(), description="Host names accepted besides the loopback names and `host` itself"
    )


class MetricsSettings(Section):
    """Where metrics go besides the daemon's `/metrics`."""

    textfile: kinds.Textfile = Field(
        default="",
        description="File (*.prom) for node_exporter, written by `trigger` where no daemon runs; empty for none",
    )


class AlertsSettings(Section):
    """Who is told, when and how often."""

    urls: kinds.ApprisePlaces = Field(default=(), description="Apprise URLs: Slack, e-mail, Telegram and others")
    heartbeat_url: kinds.HeartbeatUrl = Field(default="", description="URL called after every successful run")
    fail_after: int = Field(
        default=2, ge=1, description="Consecutive failed runs of a job and store before the first alert"
    )
    stale_after_min: int = Field(
        default=75, ge=1, description="Minutes without success after which inventario and ventas are stale"
    )
    quiet_hours: kinds.QuietHours = Field(
        default=(),
        description="Start and end, in store time, of the hours whose alerts are told at their end",
    )
    daily_summary: kinds.ClockOrNone = Field(default="", description="Store time of the daily summary; empty for none")


class TiendaSettings(Section):
    """One store: its name here, its sucursal and warehouses in KLK."""

    id: kinds.TiendaId = Field(description="The store's ubicacion_id in the database")
    nombre: str = Field(
        default_factory=lambda data: str(data.get("id", "")),
        description="The store's name for people; its id where none is given",
    )
    sucursal: kinds.Plain = Field(description="The store's code in KLK")
    almacenes: kinds.Almacenes = Field(description="The store's warehouses in KLK, read one by one")
    activa: bool = Field(default=True, description="Whether the store is run; false keeps its data")

    @model_validator(mode="after")
    def _has_almacenes(self) -> Self:
        if self.activa and not self.almacenes:
            raise problems((("almacenes",), "found [], expected at least one almacen (or activa = false)"))
        return self


class Settings(BaseSettings):
    """All settings. Built by `load`; built directly, it knows its arguments and the defaults alone."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", strict=True, env_prefix="KLK_", env_nested_delimiter="__"
    )

    api: ApiSettings = Field(default=ApiSettings(), description="The KLK server")
    schedule: ScheduleSettings = Field(default=ScheduleSettings(), description="When the jobs run")
    ventas: VentasSettings = Field(default=VentasSettings(), description="How far back sales are read")
    inventario: InventarioSettings = Field(default=InventarioSettings(), description="When a snapshot is believed")
    conciliacion: ConciliacionSettings = Field(default=ConciliacionSettings(), description="Which days are compared")
    database: DatabaseSettings = Field(default=DatabaseSettings(), description="The database")
    logs: LogsSettings = Field(default=LogsSettings(), description="The log files")
    http: HttpSettings = Field(default=HttpSettings(), description="The daemon's own server")
    metrics: MetricsSettings = Field(default=MetricsSettings(), description="Where metrics go besides /metrics")
    alerts: AlertsSettings = Field(default=AlertsSettings(), description="Who is told, and when")
    tiendas: Annotated[
        tuple[TiendaSettings, ...],
        Strict(strict=False),
        kinds.Expected("a list of [[tiendas]] tables (in the environment as JSON)"),
    ] = Field(default=(), description="The stores")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings passes these by name
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what the caller gives: `load` layers the sources itself, to know each value's origin."""
        return (init_settings,)

    @model_validator(mode="after")
    def _tiendas_are_distinct(self) -> Self:
        found = tuple(_clashes(self.tiendas))
        if found:
            raise problems(*found)
        return self


Problem = tuple[tuple[str | int, ...], str]


def problems(*found: Problem) -> PydanticCustomError:
    """The error a validator raises to name several places at once, each below its own."""
    context: dict[str, Any] = {"problems": found}
    return PydanticCustomError("problems", "several keys do not fit together", context)


def _clashes(tiendas: tuple[TiendaSettings, ...]) -> list[Problem]:
    """Ids, warehouses and (among active stores) sucursales that two places share."""
    found: list[Problem] = []
    seen: dict[tuple[str, str], str] = {}

    def claim(kind: str, value: str, loc: tuple[str | int, ...], expected: str) -> None:
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)[1:]
        first = seen.setdefault((kind, value), place)
        if first != place:
            found.append((loc, f'found "{value}", which is {first} already, expected {expected}'))

    for number, tienda in enumerate(tiendas):
        here = ("tiendas", number)
        claim("id", tienda.id, (*here, "id"), "an id of its own for each store")
        if tienda.activa:
            claim("sucursal", tienda.sucursal, (*here, "sucursal"), "one active store for each sucursal")
        for index, almacen in enumerate(tienda.almacenes):
            claim("almacen", almacen, (*here, "almacenes", index), "each almacen once, in one store")
    return found


def documented_keys() -> dict[str, str]:
    """Every key that may be set, with what it means.

    Returns:
        Dotted key to description, in the order of the file; a store's keys are `tiendas.id` and so on.
    """
    keys: dict[str, str] = {}
    for name, section in Settings.model_fields.items():
        model = TiendaSettings if name == "tiendas" else section.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            keys |= {f"{name}.{key}": field.description or "" for key, field in model.model_fields.items()}
    return keys
