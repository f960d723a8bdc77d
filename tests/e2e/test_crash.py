"""Killed at any instant: nothing doubled, nothing lost, nothing half written; and told to stop: in time, and booked."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from held import held

from klk_daemon.simulator import Falla, Mundo, Simulador, TipoFalla, simulador_en_hilo

from .installation import ARTIGAS, BOSQUE, IGUAL, PERIFERICO, TAZAJAL, Instalacion, ayer, wait_for

KILLS = int(os.environ.get("KILLS", "500"))
DIAS = 4
ARTICULOS = 300
NEVER = datetime(2000, 1, 1, tzinfo=UTC)
GRACE_S = 10  # contract, "What a run guarantees", 8


@pytest.fixture
def grande(tmp_path: Path) -> Iterator[Instalacion]:
    """An installation whose transactions take a while."""
    with simulador_en_hilo(Mundo(articulos=ARTICULOS, lineas_por_dia=400)) as simulador:
        yield Instalacion(tmp_path, simulador.mundo, simulador.url)


class Asesino:
    """Kills runs: some at a random moment of their work, some as soon as they touch the database's files."""

    def __init__(self, instalacion: Instalacion, seed: int) -> None:
        self._instalacion = instalacion
        self._rng = random.Random(seed)
        self._longest = 1.0
        self.murieron = 0

    def kill(self, *args: str) -> bool:
        """Runs a command and kills it; False where it was faster."""
        began = len(self._instalacion.err()) if (self._instalacion.folder / "err").exists() else 0
        with self._instalacion.start(*args) as process:
            wait_for(lambda: len(self._instalacion.err()) > began or process.poll() is not None, "the run's first line")
            started = time.monotonic()
            if self._rng.random() < 0.4:
                self._wait_for_write(process, self._rng.randrange(1, 12))
            else:
                self._wait(process, self._rng.random() * self._longest)
            process.kill()
            code = process.wait()
        assert code in {0, -signal.SIGKILL}, self._instalacion.err()[began:]
        if code == 0:  # too late: be quicker from now on
            self._longest = 0.5 * self._longest + 0.4 * (time.monotonic() - started)
        self.murieron += code != 0
        return code != 0

    def _wait(self, process: "subprocess.Popen[str]", seconds: float) -> None:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            return

    def _wait_for_write(self, process: "subprocess.Popen[str]", times: int) -> None:
        """Until the database or its log has changed so many times."""
        database = self._instalacion.database
        before = self._stamps(database)
        deadline = time.monotonic() + 5
        while times and process.poll() is None and time.monotonic() < deadline:
            now = self._stamps(database)
            times -= now != before
            before = now
            time.sleep(0.0005)

    @staticmethod
    def _stamps(database: Path) -> list[tuple[int, int]]:
        stamps = []
        for path in (database, database.with_name(database.name + ".wal")):
            try:
                stat = path.stat()
                stamps.append((stat.st_size, stat.st_mtime_ns))
            except FileNotFoundError:
                stamps.append((-1, 0))
        return stamps


def _forget(instalacion: Instalacion) -> None:
    """Back to a few days ago: the next ventas catches up, which takes many commits."""
    instalacion.write(
        f"UPDATE etl_marcas SET hasta_utc = hasta_utc - INTERVAL {DIAS} DAY",
        "DELETE FROM ventas_cobertura",
        "INSERT INTO ventas_cobertura SELECT ubicacion_id, hasta_utc - INTERVAL 1 HOUR, hasta_utc, 'x' FROM etl_marcas",
        "DELETE FROM ventas_raw",
        "DELETE FROM stock_actual",
        "DELETE FROM productos",
    )


def _whole(instalacion: Instalacion) -> None:
    """What was committed is what was read: rows and coverage together, each row once, each store's stock whole."""
    for id_, tienda in instalacion.tiendas.items():
        intervalos = instalacion.cobertura(id_)
        nothing_yet = [hasta - desde for desde, hasta in intervalos] == [timedelta(hours=1)]
        assert instalacion.ventas(id_, *([(NEVER, NEVER)] if nothing_yet else [])) == IGUAL, id_
        ((stock,),) = instalacion.sql("SELECT count(*) FROM stock_actual WHERE ubicacion_id = ?", id_)
        assert stock in {0, ARTICULOS * len(tienda.activos)}, id_


def _killed_at_any_instant(instalacion: Instalacion, kills: int) -> None:
    asesino = Asesino(instalacion, seed=kills)
    instalacion.trigger("todo")
    _forget(instalacion)
    while asesino.murieron < kills:
        survived = not asesino.kill("trigger", "todo" if asesino.murieron % 3 == 0 else "ventas")
        _whole(instalacion)
        if survived:
            _forget(instalacion)
    instalacion.trigger("todo")
    assert instalacion.en_proceso() == 0
    instalacion.stock_equal()
    mundo = instalacion.mundo
    desde, hasta = mundo.dia(ayer(mundo) - timedelta(days=DIAS - 2))[0], mundo.now() - timedelta(minutes=2)
    for id_ in instalacion.tiendas:
        assert instalacion.ventas(id_, (desde, hasta)) == IGUAL
        assert len(instalacion.cobertura(id_)) == 1
    cortadas = instalacion.sql("SELECT DISTINCT estado, error_tipo FROM etl_ejecuciones WHERE estado <> 'exitoso'")
    assert cortadas == [("fallido", "interrumpido")]


@pytest.mark.timeout(300)
def test_killed_at_any_instant(grande: Instalacion) -> None:
    """SIGKILLs at random instants, commits included: each leaves whole transactions, one run makes it equal."""
    _killed_at_any_instant(grande, 7)


ROTAS = (
    "UPDATE ventas_raw SET venta_total = venta_total + 1 WHERE linea = 2 AND fecha < current_date - 1",
    "DELETE FROM ventas_raw WHERE linea = 3",
)


def _killed_while_comparing(instalacion: Instalacion, kills: int) -> None:
    asesino = Asesino(instalacion, seed=kills)
    mundo = instalacion.mundo
    dias = [ayer(mundo) - timedelta(days=n) for n in (1, 0)]
    args = ("--desde", str(dias[0]), "--hasta", str(dias[-1]))
    instalacion.trigger("ventas", *args)
    entero = {(id_, dia): frozenset(instalacion.sql(DAY, id_, dia)) for id_ in instalacion.tiendas for dia in dias}
    rotos: dict[tuple[str, object], frozenset[tuple[object, ...]]] = {}
    while asesino.murieron < kills:
        if not rotos or all(frozenset(instalacion.sql(DAY, *key)) == whole for key, whole in entero.items()):
            instalacion.write(*ROTAS)
            rotos = {key: frozenset(instalacion.sql(DAY, *key)) for key in entero}
        asesino.kill("trigger", "conciliacion", *args)
        for key, whole in entero.items():
            now = instalacion.sql(DAY, *key)
            assert len({*now}) == len(now)
            assert frozenset(now) in (whole, rotos[key]), key
    instalacion.trigger("conciliacion", *args)
    assert instalacion.en_proceso() == 0
    for (id_, dia), whole in entero.items():
        assert instalacion.ventas(id_, mundo.dia(dia)) == IGUAL
        assert frozenset(instalacion.sql(DAY, id_, dia)) == whole
    assert dict(
        instalacion.sql("SELECT ubicacion_id, count(*) FROM dias_certificados WHERE reabierto IS NULL GROUP BY ALL")
    ) == dict.fromkeys(instalacion.tiendas, len(dias))
    # A correction is recorded with the correction or not at all: as many of each line as times it was broken.
    veces = instalacion.sql(
        "SELECT DISTINCT count(*) FROM ventas_correcciones GROUP BY ubicacion_id, fecha, numero_factura, linea, run_id"
    )
    assert veces == [(1,)]


DAY = "SELECT numero_factura, linea, venta_total FROM ventas_raw WHERE ubicacion_id = ? AND fecha = ?"


@pytest.mark.timeout(300)
def test_killed_while_comparing(grande: Instalacion) -> None:
    """SIGKILLs in conciliacion: each past day is as it was or as KLK has it, with its corrections; one run ends it."""
    _killed_while_comparing(grande, 5)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("torture", [_killed_at_any_instant, _killed_while_comparing])
def test_killed_many_times(grande: Instalacion, torture: Callable[[Instalacion, int], None]) -> None:
    """The same, 500 times (KILLS)."""
    torture(grande, KILLS // 2)


def _hang(instalacion: Instalacion, simulador: Simulador, *sucursales: str) -> None:
    instalacion.ajustes["api.timeout_s"] = 60
    instalacion.configure()
    for sucursal in sucursales:
        simulador.fallas.poner(Falla(TipoFalla.CUELGA, sucursal=sucursal))


def _end(process: "subprocess.Popen[str]", number: int) -> int:
    """Sends a signal; the exit code, within the time that a service manager waits."""
    process.send_signal(number)
    return process.wait(GRACE_S)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop(instalacion: Instalacion, simulador: Simulador, number: signal.Signals) -> None:
    """SIGTERM or SIGINT: exit 130 within 10 s; finished stores stay, the others are booked as `interrumpido`."""
    _hang(instalacion, simulador, "SUC003", "SUC005")
    with instalacion.start("trigger", "ventas") as process:
        wait_for(lambda: len(instalacion.of("tienda_completada")) == 2, "two stores' end")
        assert _end(process, number) == 130
    assert "Traceback" not in instalacion.err()
    assert dict(instalacion.sql("SELECT ubicacion_id, estado FROM etl_ejecuciones")) == {
        PERIFERICO: "exitoso",
        BOSQUE: "exitoso",
        ARTIGAS: "fallido",
        TAZAJAL: "fallido",
    }
    assert instalacion.sql("SELECT DISTINCT error_tipo FROM etl_ejecuciones WHERE estado = 'fallido'") == [
        ("interrumpido",)
    ]
    events = [e["event"] for e in instalacion.events("ventas")]
    assert events.count("etl_iniciado") == events.count("etl_completado") + events.count("etl_fallido") == 1
    simulador.fallas.quitar()
    instalacion.trigger("ventas")
    instalacion.sales_equal()


def test_told_to_stop_while_waiting_for_the_database(usada: Instalacion) -> None:
    """SIGTERM while another process holds the file: exit 130 at once, and the next run books what was cut off."""
    with held(usada.database), usada.start("trigger", "ventas") as process:
        wait_for(lambda: usada.of("etl_iniciado"), "the run's start")
        began = time.monotonic()
        assert _end(process, signal.SIGTERM) == 130
        assert time.monotonic() - began < 3
    usada.trigger("ventas")
    cortadas = usada.sql("SELECT ubicacion_id, estado FROM etl_ejecuciones WHERE error_tipo = 'interrumpido'")
    assert dict(cortadas) == dict.fromkeys(usada.tiendas, "fallido")


def test_daemon_told_to_stop(instalacion: Instalacion, simulador: Simulador) -> None:
    """SIGTERM to the daemon in the middle of a run: exit 0 within 10 s, the run is booked as `interrumpido`."""
    _hang(instalacion, simulador, "SUC002")
    with instalacion.start("run") as process:
        wait_for(lambda: len(instalacion.of("tienda_completada")) == 3, "three stores' end")
        assert _end(process, signal.SIGTERM) == 0
    assert "Traceback" not in instalacion.err()
    assert instalacion.en_proceso() == 0
    assert instalacion.sql("SELECT ubicacion_id, error_tipo FROM etl_ejecuciones WHERE estado = 'fallido'") == [
        (BOSQUE, "interrumpido")
    ]
