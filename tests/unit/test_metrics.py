"""The figures: what is there from the start, what a run and the database put in, what a reload takes away."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import structlog
from prometheus_client import CollectorRegistry

from klk_daemon.domain import Conteo, Estado, Intervalo, Job, Modo, Resultado, ResultadoTienda, Tienda
from klk_daemon.errors import TiempoAgotado
from klk_daemon.metrics import Metrics
from klk_daemon.warehouse.queries import EstadoTienda, UltimaCorrida

INICIO = datetime(2025, 11, 17, 16, 0, tzinfo=UTC)
CARACAS = ZoneInfo("America/Caracas")


@pytest.fixture(name="metrics")
def _metrics(tiendas: Sequence[Tienda]) -> Metrics:
    metrics = Metrics(CollectorRegistry(), version="1.2.3")
    metrics.configured(tiendas)
    return metrics


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """A series' value; None where there is no such series."""
    return metrics.registry.get_sample_value(name, labels)


def exito(tienda: Tienda) -> ResultadoTienda:
    """A store's part that took 12 s, waited 2 s for the database, and wrote for 0.4 s."""
    return ResultadoTienda(
        tienda,
        Estado.EXITOSO,
        INICIO,
        INICIO + timedelta(seconds=12),
        conteo=Conteo(extraidos=9, insertados=5, actualizados=3, sin_cambio=1, rechazados=2),
        espera_bd_s=2.0,
        carga_s=0.4,
    )


def corrida(*partes: ResultadoTienda) -> Resultado:
    """A run of ventas."""
    return Resultado("r1", Job.VENTAS, Modo.INCREMENTAL, INICIO, INICIO + timedelta(seconds=13), partes)


def test_every_label_is_one_of_the_contract(metrics: Metrics) -> None:
    """Only job, tienda, estado, tipo, `version` on the build, and a histogram's bounds."""
    for family in metrics.registry.collect():
        labels = {name for sample in family.samples for name in sample.labels} - {"le"}
        assert labels <= ({"version"} if family.name == "klk_build_info" else {"job", "tienda", "estado", "tipo"})
        assert len(family.documentation) > 10, family.name


def test_counters_are_there_from_the_start(metrics: Metrics) -> None:
    """The first failure of a store is a step from 0 to 1, which `increase()` sees."""
    for job in map(str, Job):
        for estado in ("exitoso", "parcial", "fallido"):
            assert value(metrics, "klk_runs_total", job=job, estado=estado) == 0
        assert value(metrics, "klk_scheduler_missed_total", job=job) == 0
        assert value(metrics, "klk_run_duration_seconds_count", job=job) == 0
        assert value(metrics, "klk_rows_rejected_total", job=job, tienda="tienda_17") == 0
        for tipo in ("timeout", "conexion", "api_error", "respuesta_invalida"):
            for name in ("klk_requests_total", "klk_retries_total"):
                assert value(metrics, name, job=job, tienda="tienda_17", tipo=tipo) == 0


def test_inactive_stores_have_no_series(tiendas: Sequence[Tienda]) -> None:
    """A store that is not run has nothing to be late with."""
    metrics = Metrics(CollectorRegistry(), version="1")
    metrics.configured([replace(tiendas[0], activa=False), *tiendas[1:]])
    assert value(metrics, "klk_rows_rejected_total", job="ventas", tienda=tiendas[0].id) is None
    metrics.held({tiendas[0].id: EstadoTienda()}, {}, zona=CARACAS)
    assert value(metrics, "klk_last_success_timestamp_seconds", job="ventas", tienda=tiendas[0].id) is None


def test_a_run(metrics: Metrics, tiendas: Sequence[Tienda]) -> None:
    """Its end, rows, duration; of the database only what happened: a store that failed before it pulls nothing down."""
    error = TiempoAgotado("POST /ventas: no whole answer within 120 s")
    fallo = ResultadoTienda(tiendas[1], Estado.FALLIDO, INICIO, INICIO + timedelta(seconds=13), error=error)
    metrics.ended(corrida(exito(tiendas[0]), fallo))
    assert value(metrics, "klk_runs_total", job="ventas", estado="parcial") == 1
    assert value(metrics, "klk_run_duration_seconds_sum", job="ventas") == 13
    rows = {"insertados": 5, "actualizados": 3, "sin_cambio": 1, "eliminados": 0}
    for tipo, count in rows.items():
        assert value(metrics, "klk_rows_total", job="ventas", tienda=tiendas[0].id, tipo=tipo) == count
    assert value(metrics, "klk_rows_rejected_total", job="ventas", tienda=tiendas[0].id) == 2
    assert value(metrics, "klk_transaction_duration_seconds_count", job="ventas") == 1
    assert value(metrics, "klk_transaction_duration_seconds_sum", job="ventas") == 0.4
    assert value(metrics, "klk_lock_wait_seconds_count", job="ventas") == 1
    assert value(metrics, "klk_lock_wait_seconds_sum", job="ventas") == 2
    last = "klk_last_success_timestamp_seconds"
    assert value(metrics, last, job="ventas", tienda=tiendas[0].id) == INICIO.timestamp() + 12
    assert value(metrics, last, job="ventas", tienda=tiendas[1].id) is None


def test_requests(metrics: Metrics) -> None:
    """Every request is counted by its error; only what was answered tells how fast KLK answers."""
    with structlog.contextvars.bound_contextvars(job="ventas", tienda="tienda_08"):
        metrics.asked("answered", "", 1.5)
        metrics.asked("failed", "conexion", 0.001)
        metrics.asked("retried", "conexion", 0.5)
    where = {"job": "ventas", "tienda": "tienda_08"}
    assert value(metrics, "klk_requests_total", **where, tipo="") == 1
    assert value(metrics, "klk_requests_total", **where, tipo="conexion") == 1
    assert value(metrics, "klk_retries_total", **where, tipo="conexion") == 1
    assert value(metrics, "klk_request_duration_seconds_count", job="ventas") == 1
    assert value(metrics, "klk_request_duration_seconds_sum", job="ventas") == 1.5


def test_what_the_database_holds(metrics: Metrics) -> None:
    """Times become Unix seconds, a store that never succeeded says 0, and a gap that was filled goes back to 0."""
    local = datetime(2025, 11, 17, 12, 0)  # noqa: DTZ001 - store-local: 16:00 UTC
    estado = EstadoTienda(
        venta=local,
        marca_utc=INICIO,
        corridas={"ventas": UltimaCorrida(Estado.EXITOSO, local, local, None, None)},
    )
    hueco = Intervalo(INICIO - timedelta(hours=2), INICIO - timedelta(hours=1))
    metrics.held({"tienda_08": estado}, {"tienda_08": [hueco, hueco]}, zona=CARACAS)
    seconds = INICIO.timestamp()
    assert value(metrics, "klk_newest_sale_timestamp_seconds", tienda="tienda_08") == seconds
    assert value(metrics, "klk_watermark_timestamp_seconds", tienda="tienda_08") == seconds
    assert value(metrics, "klk_last_success_timestamp_seconds", job="ventas", tienda="tienda_08") == seconds
    assert value(metrics, "klk_last_success_timestamp_seconds", job="inventario", tienda="tienda_08") == 0
    assert value(metrics, "klk_coverage_gap_seconds", tienda="tienda_08") == 7200
    metrics.held({"tienda_08": estado}, {}, zona=CARACAS)
    assert value(metrics, "klk_coverage_gap_seconds", tienda="tienda_08") == 0


def test_a_store_that_leaves(metrics: Metrics, tiendas: Sequence[Tienda]) -> None:
    """A reload takes its gauges away, and neither a run that was under way nor a late read brings them back."""
    primera, *otras = tiendas
    estados = {t.id: EstadoTienda(marca_utc=INICIO) for t in tiendas}
    metrics.held(estados, {}, zona=CARACAS)
    metrics.configured(otras)
    for _ in range(2):
        for name in (
            "klk_newest_sale_timestamp_seconds",
            "klk_watermark_timestamp_seconds",
            "klk_coverage_gap_seconds",
        ):
            assert value(metrics, name, tienda=primera.id) is None, name
        assert value(metrics, "klk_last_success_timestamp_seconds", job="ventas", tienda=primera.id) is None
        assert value(metrics, "klk_watermark_timestamp_seconds", tienda=otras[0].id) == INICIO.timestamp()
        metrics.ended(corrida(exito(primera)))
        metrics.held(estados, {}, zona=CARACAS)


def test_pauses(metrics: Metrics) -> None:
    """A paused job says 1, for rules that must leave it alone, and 0 again afterwards."""
    metrics.pauses([Job.VENTAS])
    assert value(metrics, "klk_job_paused", job="ventas") == 1
    assert value(metrics, "klk_job_paused", job="inventario") == 0
    metrics.pauses([])
    assert value(metrics, "klk_job_paused", job="ventas") == 0
