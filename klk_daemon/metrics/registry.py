"""Every metric, declared once, on a registry that is passed in (contract, "HTTP").

Base units. No label names an article or an invoice: their number has no bound. A series that can be counted is there
from the start, at 0: `rate()` and `increase()` do not see the step from nothing to 1.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from zoneinfo import ZoneInfo

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from klk_daemon.domain import Estado, Intervalo, Job, Resultado, Tienda
from klk_daemon.errors import ConexionFallida, RespuestaDeError, RespuestaInvalida, TiempoAgotado
from klk_daemon.warehouse.queries import EstadoTienda
from klk_daemon.windows import instante

RUN_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 1800)
REQUEST_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120)
DATABASE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 120)
API_ERRORS = tuple(e.error_tipo for e in (TiempoAgotado, ConexionFallida, RespuestaDeError, RespuestaInvalida))
ROWS = ("insertados", "actualizados", "sin_cambio", "eliminados")

disable_created_metrics()  # type: ignore[no-untyped-call] # a process's counters begin when it does


class Metrics:
    """The process's figures.

    Args:
        registry: where they are declared; a process has one, a test its own.
        version: this program's.
    """

    def __init__(self, registry: CollectorRegistry, *, version: str) -> None:
        self.registry = registry
        self._tiendas: frozenset[str] = frozenset()

        def counter(name: str, means: str, *labels: str) -> Counter:
            return Counter(name, means, labels, registry=registry)

        def gauge(name: str, means: str, *labels: str) -> Gauge:
            return Gauge(name, means, labels, registry=registry)

        def histogram(name: str, means: str, buckets: Sequence[float]) -> Histogram:
            return Histogram(name, means, ["job"], buckets=buckets, registry=registry)

        self.runs = counter("klk_runs", "Runs that ended, by how they did.", "job", "estado")
        self.run_duration = histogram("klk_run_duration_seconds", "How long a run took, however it ended.", RUN_BUCKETS)
        self.requests = counter(
            "klk_requests", "Requests to KLK that ended; tipo is empty, or the error's.", "job", "tienda", "tipo"
        )
        self.request_duration = histogram(
            "klk_request_duration_seconds",
            "How long KLK took for a whole answer that could be used; what failed is in klk_requests_total.",
            REQUEST_BUCKETS,
        )
        self.retries = counter("klk_retries", "Requests tried again, by the error before.", "job", "tienda", "tipo")
        self.rows = counter("klk_rows", "Rows by what happened to them.", "job", "tienda", "tipo")
        self.transaction = histogram(
            "klk_transaction_duration_seconds",
            "How long the transactions of a store's part of a run took, of parts that had any; a shared one counts for"
            " each of its stores.",
            DATABASE_BUCKETS,
        )
        self.lock_wait = histogram(
            "klk_lock_wait_seconds",
            "How long a store's part of a run waited for the database, of parts that asked for it.",
            DATABASE_BUCKETS,
        )
        self.last_success = gauge(
            "klk_last_success_timestamp_seconds", "When a job last succeeded for a store; 0 is never.", "job", "tienda"
        )
        self.newest_sale = gauge("klk_newest_sale_timestamp_seconds", "The newest sale held of a store.", "tienda")
        self.watermark = gauge(
            "klk_watermark_timestamp_seconds", "Up to when a store's sales have been read.", "tienda"
        )
        self.coverage_gap = gauge(
            "klk_coverage_gap_seconds", "How much of a store's sales was not read though it was due, in sum.", "tienda"
        )
        self.rejected = counter("klk_rows_rejected", "Rows put aside because they cannot be loaded.", "job", "tienda")
        self.missed = counter(
            "klk_scheduler_missed",
            "Runs that made up fires of the schedule which could not begin in their time; many fires make one run.",
            "job",
        )
        self.paused = gauge("klk_job_paused", "1 while the schedule leaves a job alone (pause), else 0.", "job")
        self.alerts = counter("klk_alerts_sent", "Alerts that a channel has taken.", "tipo")
        self.build = gauge("klk_build_info", "1; the label is the version that runs.", "version")
        self.build.labels(version).set(1)
        self._begin()

    def _begin(self) -> None:
        """The series that need no store."""
        for job in map(str, Job):
            for estado in (Estado.EXITOSO, Estado.PARCIAL, Estado.FALLIDO):
                self.runs.labels(job, str(estado))
            for metric in (self.run_duration, self.request_duration, self.transaction, self.lock_wait, self.missed):
                metric.labels(job)
            self.paused.labels(job).set(0)

    def configured(self, tiendas: Collection[Tienda]) -> None:
        """Takes in which stores are run: their series begin, and nothing is told any more of those that no longer are.

        A store that has left would be stale for ever; its counters stand still, which hurts nobody.

        Args:
            tiendas: the configured ones; the inactive among them are not run.
        """
        activas = frozenset(t.id for t in tiendas if t.activa)
        for tienda in self._tiendas - activas:
            for metric in (self.newest_sale, self.watermark, self.coverage_gap):
                metric.remove(tienda)
            for cada in Job:
                self.last_success.remove(str(cada), tienda)
        for tienda in sorted(activas - self._tiendas):
            for job in map(str, Job):
                self.rejected.labels(job, tienda)
                for tipo in ("", *API_ERRORS):
                    self.requests.labels(job, tienda, tipo)
                for tipo in API_ERRORS:
                    self.retries.labels(job, tienda, tipo)
                for tipo in ROWS:
                    self.rows.labels(job, tienda, tipo)
        self._tiendas = activas

    def make_up(self, job: Job) -> Callable[[], None]:
        """What counts a run of the job that makes up fires of the schedule."""
        return self.missed.labels(str(job)).inc

    def ended(self, resultado: Resultado) -> None:
        """Takes a run's outcome in."""
        job = str(resultado.job)
        self.runs.labels(job, str(resultado.estado)).inc()
        self.run_duration.labels(job).observe(resultado.duracion_s)
        for parte in resultado.tiendas:
            tienda, conteo = parte.tienda.id, parte.conteo
            for tipo in ROWS:
                self.rows.labels(job, tienda, tipo).inc(getattr(conteo, tipo))
            self.rejected.labels(job, tienda).inc(conteo.rechazados)
            # A part that failed before it came to the database has waited for nothing and written nothing.
            if parte.carga_s > 0:
                self.transaction.labels(job).observe(parte.carga_s)
            if parte.espera_bd_s > 0:
                self.lock_wait.labels(job).observe(parte.espera_bd_s)
            if parte.error is None and tienda in self._tiendas:
                self.last_success.labels(job, tienda).set(parte.fin.timestamp())

    def asked(self, what: str, error_tipo: str, seconds: float) -> None:
        """Takes in a request to KLK: `answered`, `failed` or `retried`. Job and store are those that a log names."""
        context = structlog.contextvars.get_contextvars()
        job, tienda = str(context.get("job", "")), str(context.get("tienda", ""))
        if what == "retried":
            self.retries.labels(job, tienda, error_tipo).inc()
            return
        self.requests.labels(job, tienda, error_tipo).inc()
        if what == "answered":  # a refusal comes at once, and would make a KLK in trouble look fast
            self.request_duration.labels(job).observe(seconds)

    def pauses(self, pausados: Collection[Job]) -> None:
        """Takes in which jobs are paused."""
        for job in Job:
            self.paused.labels(str(job)).set(job in pausados)

    def held(
        self, estados: Mapping[str, EstadoTienda], huecos: Mapping[str, Sequence[Intervalo]], *, zona: ZoneInfo
    ) -> None:
        """Takes in what the database holds: newest sale, watermark, gaps and last successes of each store.

        Args:
            estados: store to what is held of it.
            huecos: store to the gaps in its sales; none is a gap of 0 seconds.
            zona: the stores' time zone.
        """
        # It was asked of the stores of a moment ago: those that a reload has since taken away stay away.
        for tienda in estados.keys() & self._tiendas:
            estado = estados[tienda]
            if estado.venta is not None:
                self.newest_sale.labels(tienda).set(instante(estado.venta, zona).timestamp())
            if estado.marca_utc is not None:
                self.watermark.labels(tienda).set(estado.marca_utc.timestamp())
            for cada in Job:
                corrida = estado.corridas.get(cada)
                exito = corrida.exito if corrida else None
                self.last_success.labels(str(cada), tienda).set(instante(exito, zona).timestamp() if exito else 0)
            sin_leer = huecos.get(tienda, ())
            self.coverage_gap.labels(tienda).set(sum((h.hasta - h.desde).total_seconds() for h in sin_leer))
