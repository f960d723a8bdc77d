"""The metrics as Prometheus gets them: from the daemon, and from a file where none runs (contract, "HTTP")."""

import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
from prometheus_client.parser import text_string_to_metric_families

from klk_daemon.simulator import Falla, Simulador, TipoFalla

from .daemon import Daemon, running, wait_for
from .installation import ARTIGAS, NEVER, PERIFERICO, TAZAJAL, Instalacion

LAST = "klk_last_success_timestamp_seconds"


def figures(text: str) -> dict[str, float]:
    """Series, written as Prometheus writes them, to value."""
    return {
        f"{s.name}{{{','.join(f'{k}={v}' for k, v in sorted(s.labels.items()))}}}": float(s.value)
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }


def scrape(daemon: Daemon) -> dict[str, float]:
    """What a scrape gets."""
    answer = daemon.ask("/metrics")
    assert answer.status == 200
    return figures(answer.body)


@contextmanager
def held(instalacion: Instalacion) -> Iterator[None]:
    """The database, open for writing in this process, as soon as the daemon lets go of it."""
    deadline = time.monotonic() + 10
    while True:
        try:
            con = duckdb.connect(str(instalacion.database))
        except duckdb.IOException:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        else:
            break
    with con:
        yield


def test_after_two_runs(instalacion: Instalacion, simulador: Simulador) -> None:
    """Runs, rows, requests, waits and times of a daemon whose one store fails; a held database holds no scrape."""
    simulador.fallas.poner(Falla(TipoFalla.HTTP, sucursal="SUC003"))
    start = time.time()
    with running(instalacion) as daemon:
        found = scrape(daemon)
        with held(instalacion):
            time.sleep(2.1)  # what was read last is too old by then
            began = time.monotonic()
            while_held = scrape(daemon)
            assert time.monotonic() - began < 8  # Prometheus gives up after ten seconds
    assert {k: v for k, v in while_held.items() if "timestamp" in k} == {
        k: v for k, v in found.items() if "timestamp" in k
    }
    assert found["klk_runs_total{estado=parcial,job=ventas}"] == 1
    assert found["klk_runs_total{estado=exitoso,job=ventas}"] == 0
    assert found[f"klk_requests_total{{job=ventas,tienda={ARTIGAS},tipo=api_error}}"] == 2
    assert found[f"klk_retries_total{{job=ventas,tienda={ARTIGAS},tipo=api_error}}"] == 1
    assert found[f"klk_rows_total{{job=ventas,tienda={PERIFERICO},tipo=insertados}}"] > 0
    # Three stores answered and wrote; the one that was refused pulls no figure down.
    assert found["klk_transaction_duration_seconds_count{job=ventas}"] == 3
    assert found["klk_request_duration_seconds_count{job=inventario}"] == 4
    assert found[f"{LAST}{{job=ventas,tienda={PERIFERICO}}}"] >= start - 1
    assert found[f"{LAST}{{job=ventas,tienda={ARTIGAS}}}"] == 0
    assert found[f"klk_watermark_timestamp_seconds{{tienda={PERIFERICO}}}"] >= start - 1
    assert found[f"klk_coverage_gap_seconds{{tienda={PERIFERICO}}}"] == 0
    assert found["klk_scheduler_missed_total{job=ventas}"] == 0
    assert found["klk_job_paused{job=ventas}"] == 0


def test_from_the_database_at_the_start(usada: Instalacion) -> None:
    """A daemon that has run nothing yet tells what the database knows; the run that it makes up heals the gap."""
    usada.run("pause")
    usada.write(
        "UPDATE etl_ejecuciones SET fecha_inicio = fecha_inicio - INTERVAL 3 HOUR WHERE etl_tipo = 'ventas'",
        "UPDATE ventas_cobertura SET hasta_utc = hasta_utc - INTERVAL 3 HOUR",
        "UPDATE etl_marcas SET hasta_utc = hasta_utc - INTERVAL 3 HOUR",
    )
    ((exito,),) = usada.sql(
        "SELECT max(epoch(timezone('America/Caracas', fecha_fin))) FROM etl_ejecuciones"
        " WHERE etl_tipo = 'inventario' AND ubicacion_id = ?",
        PERIFERICO,
    )
    gap = f"klk_coverage_gap_seconds{{tienda={PERIFERICO}}}"
    with running(usada, runs=0) as daemon:
        found = scrape(daemon)
        assert found[f"{LAST}{{job=inventario,tienda={PERIFERICO}}}"] == pytest.approx(exito, abs=1)
        assert found["klk_job_paused{job=ventas}"] == 1
        assert found[gap] >= 3 * 3600
        usada.run("resume")
        usada.trigger("ventas")
        found = scrape(daemon)
        assert found["klk_job_paused{job=ventas}"] == 0
        assert found[gap] == 0


def test_made_up_runs_are_counted(usada: Instalacion) -> None:
    """A run that was due while no daemon ran counts once, however many fires it makes up; a job's that was not, no."""
    usada.ajustes |= {key: never for key, never in NEVER.items() if key != "schedule.ventas"}
    usada.write("UPDATE etl_ejecuciones SET fecha_inicio = fecha_inicio - INTERVAL 3 HOUR WHERE etl_tipo = 'ventas'")
    with running(usada, runs=1) as daemon:
        found = scrape(daemon)
    assert found["klk_scheduler_missed_total{job=ventas}"] == 1
    assert found["klk_scheduler_missed_total{job=inventario}"] == 0


def test_a_store_that_leaves(instalacion: Instalacion) -> None:
    """After a reload without it a store's times are told no more, nor would it be stale for ever; another's begin."""
    tazajal = instalacion.tiendas.pop(TAZAJAL)
    with running(instalacion) as daemon:
        assert f"klk_watermark_timestamp_seconds{{tienda={PERIFERICO}}}" in scrape(daemon)
        instalacion.tiendas.pop(PERIFERICO)
        instalacion.tiendas[TAZAJAL] = tazajal
        instalacion.configure()
        daemon.reload()
        wait_for(lambda: bool(instalacion.of("configuracion_recargada")), "the reload")
        gauges = {series for series in scrape(daemon) if PERIFERICO in series and "_total" not in series}
        assert gauges == set()
        assert scrape(daemon)[f"klk_requests_total{{job=ventas,tienda={TAZAJAL},tipo=timeout}}"] == 0


@pytest.fixture(name="con_textfile")
def _con_textfile(instalacion: Instalacion) -> tuple[Instalacion, Path]:
    path = instalacion.folder / "collector" / "klk.prom"
    path.parent.mkdir()
    instalacion.ajustes["metrics.textfile"] = str(path)
    instalacion.configure()
    return instalacion, path


def test_triggers_add_up(con_textfile: tuple[Instalacion, Path], simulador: Simulador) -> None:
    """Triggers without a daemon count on in the file, but for dry runs; a daemon takes the gauges over."""
    instalacion, path = con_textfile
    simulador.fallas.poner(Falla(TipoFalla.HTTP, sucursal="SUC003"))
    instalacion.trigger("todo", code=1)
    instalacion.trigger("ventas", "--dry-run", code=1)
    instalacion.trigger("ventas", code=1)
    found = figures(path.read_text(encoding="utf-8"))
    assert found["klk_runs_total{estado=parcial,job=inventario}"] == 1
    assert found["klk_runs_total{estado=parcial,job=ventas}"] == 2
    assert found[f"klk_requests_total{{job=ventas,tienda={ARTIGAS},tipo=api_error}}"] == 4
    assert found[f"klk_rows_total{{job=ventas,tienda={PERIFERICO},tipo=insertados}}"] > 0
    assert found[f"{LAST}{{job=ventas,tienda={ARTIGAS}}}"] == 0
    assert found[f"{LAST}{{job=ventas,tienda={PERIFERICO}}}"] > time.time() - 60
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    with running(instalacion, runs=0):  # what it tells itself would grow old in the file
        instalacion.trigger("inventario", code=1)
        found = figures(path.read_text(encoding="utf-8"))
    assert not [series for series in found if "timestamp" in series]
    assert found["klk_runs_total{estado=parcial,job=inventario}"] == 1


def test_a_textfile_that_cannot_be_written(instalacion: Instalacion) -> None:
    """It is logged, and the run is none the worse for it."""
    instalacion.ajustes["metrics.textfile"] = str(instalacion.folder / "no" / "klk.prom")
    instalacion.configure()
    salida = instalacion.trigger("ventas")
    assert salida.documento["estado"] == "exitoso"
    (event,) = instalacion.of("textfile_no_escrito")
    assert event["level"] == "warning"
    assert "klk.prom" in event["archivo"]
