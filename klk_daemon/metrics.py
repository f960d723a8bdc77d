"""Every metric, declared once, on a registry that is passed in (contract, "HTTP").

Base units. No label names an article or an invoice: their number has no bound.
"""

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from klk_daemon.domain import Intervalo, Resultado
from klk_daemon.warehouse.queries import EstadoTienda
from klk_daemon.windows import instante

RUN_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 1800)
REQUEST_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120)
DATABASE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 120)


disable_created_metrics()  # type: ignore[no-untyped-call] # a process's counters begin when it does


class Metrics:
    """The process's figures.

    Args:
        registry: where they are declared; a process has one, a test its own.
        version: this program's.
    """

    def __init__(self, registry: CollectorRegistry, *, version: str) -> None:
        self.registry = registry
        self.runs = Counter("klk_runs", "Runs that ended.", ["job", "estado"], registry=registry)
        self.run_duration = Histogram(
            "klk_run_duration_seconds", "How long a run took.", ["job"], buckets=RUN_BUCKETS, registry=registry
        )
        self.requests = Counter(
            "klk_requests",
            "Requests to KLK that ended; tipo is empty, or the error's.",
            ["job", "tienda", "tipo"],
            registry=registry,
        )
        self.request_duration = Histogram(
            "klk_request_duration_seconds",
            "How long KLK took to answer, whole answers.",
            ["job"],
            buckets=REQUEST_BUCKETS,
            registry=registry,
        )
        self.retries = Counter("klk_retries", "Requests tried again.", ["job", "tienda", "tipo"], registry=registry)
        self.rows = Counter("klk_rows", "Rows by what happened to them.", ["job", "tienda", "tipo"], registry=registry)
        self.transaction = Histogram(
            "klk_transaction_duration_seconds",
            "How long a store's transactions took in a run.",
            ["job"],
            buckets=DATABASE_BUCKETS,
            registry=registry,
        )
        self.lock_wait = Histogram(
            "klk_lock_wait_seconds",
            "How long a store's part of a run waited for the database.",
            ["job"],
            buckets=DATABASE_BUCKETS,
            registry=registry,
        )
        self.last_success = Gauge(
            "klk_last_success_timestamp_seconds",
            "When a job last succeeded for a store.",
            ["job", "tienda"],
            registry=registry,
        )
        self.newest_sale = Gauge(
            "klk_newest_sale_timestamp_seconds", "The newest sale held of a store.", ["tienda"], registry=registry
        )
        self.watermark = Gauge(
            "klk_watermark_timestamp_seconds",
            "Up to when a store's sales have been read.",
            ["tienda"],
            registry=registry,
        )
        self.coverage_gap = Gauge(
            "klk_coverage_gap_seconds",
            "How much of a store's sales was not read, in sum.",
            ["tienda"],
            registry=registry,
        )
        self.rejected = Counter(
            "klk_rows_rejected", "Rows put aside because they cannot be loaded.", ["job", "tienda"], registry=registry
        )
        self.missed = Counter(
            "klk_scheduler_missed",
            "Fires of the schedule that came late and were made up.",
            ["job"],
            registry=registry,
        )
        self.alerts = Counter("klk_alerts_sent", "Alerts that a channel has taken.", ["tipo"], registry=registry)
        self.build = Gauge("klk_build_info", "The version that runs.", ["version"], registry=registry)
        self.build.labels(version).set(1)

    def ended(self, resultado: Resultado) -> None:
        """Takes a run's outcome in."""
        job = str(resultado.job)
        self.runs.labels(job, str(resultado.estado)).inc()
        self.run_duration.labels(job).observe(resultado.duracion_s)
        for parte in resultado.tiendas:
            tienda, conteo = parte.tienda.id, parte.conteo
            for tipo in ("insertados", "actualizados", "sin_cambio", "eliminados"):
                self.rows.labels(job, tienda, tipo).inc(getattr(conteo, tipo))
            self.rejected.labels(job, tienda).inc(conteo.rechazados)
            self.transaction.labels(job).observe(parte.carga_s)
            self.lock_wait.labels(job).observe(parte.espera_bd_s)
            if parte.error is None:
                self.last_success.labels(job, tienda).set(parte.fin.timestamp())

    def asked(self, what: str, error_tipo: str, seconds: float) -> None:
        """Takes in a request to KLK: `answered`, `failed` or `retried`. Job and store are those that a log names."""
        context = structlog.contextvars.get_contextvars()
        job, tienda = str(context.get("job", "")), str(context.get("tienda", ""))
        if what == "retried":
            self.retries.labels(job, tienda, error_tipo).inc()
            return
        self.requests.labels(job, tienda, error_tipo).inc()
        self.request_duration.labels(job).observe(seconds)

    def held(
        self, estados: Mapping[str, EstadoTienda], huecos: Mapping[str, Sequence[Intervalo]], *, zona: ZoneInfo
    ) -> None:
        """Takes in what the database holds: newest sale, watermark and gaps of each store."""
        for tienda, estado in estados.items():
            if estado.venta is not None:
                self.newest_sale.labels(tienda).set(instante(estado.venta, zona).timestamp())
            if estado.marca_utc is not None:
                self.watermark.labels(tienda).set(estado.marca_utc.timestamp())
            for job, corrida in estado.corridas.items():
                if corrida.exito is not None:
                    self.last_success.labels(job, tienda).set(instante(corrida.exito, zona).timestamp())
        for tienda, sin_leer in huecos.items():
            self.coverage_gap.labels(tienda).set(sum((h.hasta - h.desde).total_seconds() for h in sin_leer))
