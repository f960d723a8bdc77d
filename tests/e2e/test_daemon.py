"""`klk-daemon run`: starts, makes up what it missed, holds its place, stops, and starts again after a crash."""

import re
import signal
import subprocess
import time
from datetime import UTC, datetime, timedelta

import pytest

from klk_daemon.simulator import Latencia, Simulador

from .installation import IGUAL, NEVER, Instalacion, Salida, wait_for

JOBS = "SELECT etl_tipo, count(DISTINCT run_id) FROM etl_ejecuciones GROUP BY ALL"


def stop(process: "subprocess.Popen[str]", instalacion: Instalacion) -> None:
    """Ends a daemon as systemd does; it must end well, and in time."""
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0, instalacion.err()
    # No traceback, and none of a library's last words: DuckDB 2 prints what it takes for leaks.
    assert [line for line in instalacion.err().splitlines() if not line.startswith("{")] == []


def ends(instalacion: Instalacion) -> list[str]:
    """The jobs whose runs have ended, in order."""
    lines = [e for e in instalacion.events() if e["event"] in {"etl_completado", "etl_fallido"}]
    return [e["job"] for e in sorted(lines, key=lambda e: str(e["timestamp"]))]


def lines_of(instalacion: Instalacion, event: str) -> int:
    """How many log lines of an event there are."""
    return len(instalacion.of(event))


@pytest.fixture
def ocioso(usada: Instalacion) -> Instalacion:
    """An installation in use, on which nothing is due before the first of January."""
    usada.ajustes.update(NEVER)
    usada.configure()
    usada.write(
        "INSERT INTO etl_ejecuciones SELECT * REPLACE ('conciliacion' AS etl_tipo, 'c' AS run_id)"
        " FROM etl_ejecuciones WHERE etl_tipo = 'ventas'"
    )
    return usada


def test_new_installation(instalacion: Instalacion) -> None:
    """On a new installation both jobs run at once, stock first; a second daemon exits 4 and names the first."""
    with instalacion.start("run") as process:
        wait_for(lambda: len(ends(instalacion)) == 2, "both jobs' end")
        assert ends(instalacion) == ["inventario", "ventas"]
        (inventario,) = [e for e in instalacion.of("etl_completado") if e["job"] == "inventario"]
        (ventas,) = [e for e in instalacion.of("etl_iniciado") if e["job"] == "ventas"]
        assert inventario["timestamp"] <= ventas["timestamp"]

        second = instalacion.run("run", code=4)
        assert str(process.pid) in second.err
        assert len(second.err.splitlines()) == 1
        status = instalacion.run("status", "--json", code=0).documento
        assert status["daemon"]["pid"] == process.pid
        # Nothing is under way: any process may read.
        instalacion.stock_equal()
        instalacion.sales_equal()
        stop(process, instalacion)
    assert instalacion.run("status", "--json").documento["daemon"]["pid"] is None
    assert dict(instalacion.sql(JOBS)) == {"inventario": 1, "ventas": 1}
    assert (instalacion.state.stat().st_mode & 0o777) == 0o700
    assert {path.stat().st_mode & 0o777 for path in instalacion.state.iterdir() if path.is_file()} == {0o600}


def test_nothing_missed(ocioso: Instalacion) -> None:
    """A daemon that starts when nothing was due meanwhile runs nothing."""
    before = dict(ocioso.sql(JOBS))
    with ocioso.start("run") as process:
        wait_for(lambda: lines_of(ocioso, "daemon_iniciado"), "the start")
        time.sleep(1)
        stop(process, ocioso)
    assert dict(ocioso.sql(JOBS)) == before


def test_missed_run_is_made_up_once(ocioso: Instalacion) -> None:
    """Fires while the daemon was down lead to one run of that job at its start, however many there were."""
    before = dict(ocioso.sql(JOBS))
    ocioso.write("UPDATE etl_ejecuciones SET fecha_inicio = fecha_inicio - INTERVAL 3 YEAR WHERE etl_tipo = 'ventas'")
    for starts in (1, 2):
        with ocioso.start("run") as process:
            wait_for(lambda: lines_of(ocioso, "daemon_iniciado") == starts, "the start")  # noqa: B023 - used at once
            wait_for(lambda: dict(ocioso.sql(JOBS)) == before | {"ventas": 2} and not ocioso.en_proceso(), "its run")
            time.sleep(0.3)
            stop(process, ocioso)
    assert dict(ocioso.sql(JOBS)) == before | {"ventas": 2}
    ocioso.sales_equal()


def test_killed_daemon_is_repaired_at_its_start(instalacion: Instalacion, simulador: Simulador) -> None:
    """After `kill -9` the next start ends the rows left `en_proceso` as `interrumpido`, and does the work."""
    simulador.latencia = Latencia(base=30)
    with instalacion.start("run") as process:
        wait_for(lambda: simulador.peticiones, "its first request")
        process.kill()
        process.wait()
    assert instalacion.en_proceso() == 4
    ((killed,),) = instalacion.sql("SELECT DISTINCT run_id FROM etl_ejecuciones")
    simulador.latencia = Latencia()
    with instalacion.start("run") as process:
        wait_for(lambda: "ventas" in ends(instalacion), "the other job's run")
        wait_for(lambda: instalacion.en_proceso() == 0, "the repair")
        stop(process, instalacion)
    rows = instalacion.sql("SELECT DISTINCT estado, error_tipo FROM etl_ejecuciones WHERE run_id = ?", killed)
    assert rows == [("fallido", "interrumpido")]
    instalacion.sales_equal()


def test_trigger_repairs_too(instalacion: Instalacion, simulador: Simulador) -> None:
    """After `kill -9` of a trigger the next trigger of the job repairs the ledger."""
    simulador.latencia = Latencia(base=30)
    with instalacion.start("trigger", "ventas") as process:
        wait_for(lambda: simulador.peticiones, "its first request")
        process.kill()
        process.wait()
    assert instalacion.en_proceso() == 4
    simulador.latencia = Latencia()
    instalacion.trigger("ventas")
    assert instalacion.sql("SELECT estado, error_tipo, count(*) FROM etl_ejecuciones GROUP BY ALL ORDER BY 1") == [
        ("exitoso", None, 4),
        ("fallido", "interrumpido", 4),
    ]


def test_trigger_waits_for_the_daemons_run(ocioso: Instalacion, simulador: Simulador) -> None:
    """A trigger during the daemon's run of that job waits and runs after it; with --no-wait it exits 4."""
    ocioso.write("UPDATE etl_ejecuciones SET fecha_inicio = fecha_inicio - INTERVAL 3 YEAR WHERE etl_tipo = 'ventas'")
    simulador.latencia = Latencia(base=2.5)
    simulador.olvidar_peticiones()
    with ocioso.start("run") as process:
        wait_for(lambda: simulador.peticiones, "the daemon's request")
        refused = ocioso.run("trigger", "ventas", "--no-wait", code=4)
        assert len(refused.err.splitlines()) == 1
        assert "ventas" in refused.err
        simulador.latencia = Latencia()
        # Another job is not in its way.
        ocioso.trigger("inventario", "--no-wait")
        waited = ocioso.trigger("ventas").documento
        stop(process, ocioso)
    first, second = [e for e in ocioso.events("ventas") if e["event"] == "etl_completado"][-2:]
    assert second["run_id"] == waited["run_id"]
    runs = ocioso.sql(
        "SELECT run_id, min(fecha_inicio), max(fecha_fin) FROM etl_ejecuciones WHERE etl_tipo = 'ventas' GROUP BY ALL"
    )
    spans = {run_id: (begin, end) for run_id, begin, end in runs}
    # The ledger's beginnings are cut to the second.
    assert spans[first["run_id"]][1].replace(microsecond=0) <= spans[second["run_id"]][0]
    ocioso.sales_equal()


def test_two_triggers_at_once(instalacion: Instalacion) -> None:
    """Two runs of a job by hand, at once: one after the other, and nothing is doubled."""
    with instalacion.start("trigger", "ventas") as first, instalacion.start("trigger", "ventas") as second:
        assert (first.wait(60), second.wait(60)) == (0, 0)
    begins_and_ends = [e["event"] for e in instalacion.events("ventas") if e["event"].startswith("etl_")]
    assert begins_and_ends == ["etl_iniciado", "etl_completado"] * 2
    instalacion.sales_equal()


def test_ventas_waits_for_inventario(usada: Instalacion, simulador: Simulador) -> None:
    """Sales wait for a stock run under way, at most inventario.wait_s; then they go ahead, and say so."""
    simulador.latencia = Latencia(base=30)
    usada.ajustes |= {"api.timeout_s": 60, "inventario.wait_s": 1}
    usada.configure()
    simulador.olvidar_peticiones()
    with usada.start("trigger", "inventario"):
        wait_for(lambda: simulador.peticiones, "its request")
        simulador.latencia = Latencia()
        usada.trigger("ventas")
        assert lines_of(usada, "inventario_en_curso") == 1
    usada.sales_equal()


def test_database_gone_while_running(ocioso: Instalacion) -> None:
    """A daemon whose database is held or broken at its start lives on."""
    ocioso.database.write_bytes(b"nonsense" * 1000)
    with ocioso.start("run") as process:
        wait_for(lambda: lines_of(ocioso, "daemon_iniciado"), "the start")
        wait_for(lambda: lines_of(ocioso, "etl_fallido"), "a run that fails")
        assert process.poll() is None
        # Before the end, which may cut off the next job's run.
        assert {e["error_tipo"] for e in ocioso.of("etl_fallido")} == {"db_error"}
        stop(process, ocioso)


@pytest.mark.timeout(150)
def test_fires_on_schedule(usada: Instalacion) -> None:
    """Each job runs when its cron expression says so, on the minute."""
    usada.ajustes |= {"schedule.inventario": "* * * * *", "schedule.ventas": "* * * * *"}
    usada.configure()
    with usada.start("run") as process:
        wait_for(lambda: lines_of(usada, "daemon_iniciado"), "the start")
        minute = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)

        def begun() -> dict[str, datetime]:
            begins = [(e["job"], datetime.fromisoformat(e["timestamp"])) for e in usada.of("etl_iniciado")]
            return {job: begin for job, begin in begins if begin >= minute}

        wait_for(lambda: len(begun()) == 2, "the fires of the minute", seconds=80)
        assert all(begin - minute < timedelta(seconds=15) for begin in begun().values())
        wait_for(lambda: ends(usada)[-1:] == ["ventas"], "their end")
        stop(process, usada)
    usada.sales_equal()


def test_sales_across_restarts(ocioso: Instalacion) -> None:
    """A daemon that is stopped and started holds exactly what KLK has, whenever it was stopped."""
    ocioso.write("DELETE FROM ventas_raw", "DELETE FROM etl_marcas", "DELETE FROM ventas_cobertura")
    for starts, seconds in ((1, 0.1), (2, 0.3)):
        ocioso.write("UPDATE etl_ejecuciones SET fecha_inicio = fecha_inicio - INTERVAL 3 YEAR")
        with ocioso.start("run") as process:
            wait_for(lambda: lines_of(ocioso, "daemon_iniciado") == starts, "the start")  # noqa: B023 - used at once
            time.sleep(seconds)
            stop(process, ocioso)
    ocioso.trigger("todo")
    assert {id_: ocioso.ventas(id_) for id_ in ocioso.tiendas} == dict.fromkeys(ocioso.tiendas, IGUAL)
    assert ocioso.en_proceso() == 0


def test_run_refuses_what_it_cannot_do(instalacion: Instalacion) -> None:
    """A file of an older pipeline is left as it is: run and trigger exit 2 and name `db migrate`."""
    instalacion.database.parent.mkdir()
    instalacion.write("CREATE TABLE ventas_raw (numero_factura VARCHAR)", "INSERT INTO ventas_raw VALUES ('1')")
    before = instalacion.database.read_bytes()

    def says_so(salida: Salida) -> None:
        assert re.search("db migrate", salida.err)
        assert instalacion.database.read_bytes() == before

    says_so(instalacion.run("trigger", "ventas", code=2))
    says_so(instalacion.run("run", code=2))
