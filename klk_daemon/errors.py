"""Every error that klk-daemon raises on purpose.

KlkError                     what a person may read; everything else is a bug
├── ConfigError              exit 2: configuration or usage
│   └── MigracionNecesaria   exit 2: an existing database needs `db migrate`
├── OcupadoError             exit 4: the daemon, or that job, runs already
└── CorridaError             a store's part of a run failed; has an `error_tipo` for ledger, log and JSON
    ├── ApiError             the exchange with KLK
    │   ├── TiempoAgotado        timeout             transient
    │   ├── ConexionFallida      conexion            transient
    │   ├── RespuestaDeError     api_error           transient: 5xx, 408, 429, {"error"}; else permanent
    │   └── RespuestaInvalida    respuesta_invalida  transient
    ├── SnapshotSospechoso   snapshot_sospechoso     an answer that would wipe out what is held
    ├── BaseOcupada          bd_ocupada              exit 4: another process holds the database
    │   └── TiendaAjena          bd_ocupada          exit 4: another daemon runs this store
    ├── BaseFallida          db_error                disk full, read-only, damaged
    └── Interrumpido         interrumpido            shutdown, deadline, or a process that died

Each carries a `hint`: one sentence that tells the operator what to do.
"""

from typing import ClassVar


class KlkError(Exception):
    """A failure that a person can do something about."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        """The message, and the hint where there is one."""
        message = str(self.args[0])
        return f"{message} — {self.hint}" if self.hint else message


class ConfigError(KlkError):
    """Configuration or usage: names the file, the key and what is expected."""

    exit_code = 2


class MigracionNecesaria(ConfigError):
    """An existing database has another shape than the one this version writes."""


class OcupadoError(KlkError):
    """The daemon, or a run of that job, is under way already."""

    exit_code = 4


class CorridaError(KlkError):
    """A store's part of a run failed."""

    error_tipo: ClassVar[str]

    @property
    def transient(self) -> bool:
        """Whether the same request may succeed in a moment."""
        return False


class ApiError(CorridaError):
    """The exchange with the KLK API failed."""

    retry_after_s: float | None = None

    @property
    def transient(self) -> bool:
        """Most troubles of one server on a network pass."""
        return True


class TiempoAgotado(ApiError):
    """The whole exchange took longer than `api.timeout_s`."""

    error_tipo = "timeout"


class ConexionFallida(ApiError):
    """No connection, or one that broke before the answer began."""

    error_tipo = "conexion"


class RespuestaDeError(ApiError):
    """An HTTP status other than 200, or HTTP 200 with `{"error": ...}`."""

    error_tipo = "api_error"

    def __init__(self, message: str, *, status: int, retry_after_s: float | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.retry_after_s = retry_after_s

    @property
    def transient(self) -> bool:
        """A refusal (4xx) will be a refusal again."""
        return self.status >= 500 or self.status in {200, 408, 425, 429}  # noqa: PLR2004 - HTTP's own numbers


class RespuestaInvalida(ApiError):
    """An answer that is no answer: empty, HTML, truncated, too large, or shorter than its own total."""

    error_tipo = "respuesta_invalida"


class SnapshotSospechoso(CorridaError):
    """A stock list, or a day of sales, so short that believing it would wipe out good data."""

    error_tipo = "snapshot_sospechoso"


class BaseOcupada(CorridaError):
    """Another process held the database beyond `database.lock_timeout_s`."""

    error_tipo = "bd_ocupada"
    exit_code = 4


class TiendaAjena(BaseOcupada):
    """Another daemon runs this store: its ledger and its alerts are that one's."""


class BaseFallida(CorridaError):
    """The database could not be opened or written."""

    error_tipo = "db_error"


class Interrumpido(CorridaError):
    """The run was cut off: shutdown, deadline, or a process that died."""

    error_tipo = "interrumpido"
