"""Alerts as people get them: one message for one fault, a note when it is over, whatever dies on the way."""

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from filelock import FileLock
from held import held
from receiver import Receptor, receiver

from klk_daemon.simulator import Falla, Mundo, Simulador, TipoFalla, simulador_en_hilo

from .daemon import running
from .installation import BOSQUE, IGUAL, PERIFERICO, Instalacion, ayer, wait_for

KLK = "KLK no responde bien"
SUC_BOSQUE = "SUC002"


@pytest.fixture(name="receptor")
def _receptor() -> Iterator[Receptor]:
    with receiver() as receptor:
        yield receptor


def avisar(instalacion: Instalacion, receptor: Receptor, **alerts: object) -> None:
    """Has an installation send to the receiver."""
    instalacion.ajustes |= {"alerts.urls": [receptor.url()], **{f"alerts.{k}": v for k, v in alerts.items()}}
    instalacion.configure()


def test_outage_is_one_message(usada: Instalacion, simulador: Simulador, receptor: Receptor) -> None:
    """KLK fails for all stores: one message from the second run on, one note at its end, and no heartbeat between."""
    avisar(usada, receptor, heartbeat_url=receptor.latido())
    simulador.fallas.poner(Falla(TipoFalla.HTTP, status=500))
    usada.trigger("todo", code=1)
    assert receptor.mensajes == []
    for _ in range(2):
        usada.trigger("todo", code=1)
    (mensaje,) = receptor.mensajes
    assert (mensaje.titulo, mensaje.tipo) == (KLK, "failure")
    assert "Dónde está la falla: KLK" in mensaje.cuerpo
    assert "4 de 4 tiendas" in mensaje.cuerpo
    assert receptor.latidos == []
    simulador.fallas.quitar()
    usada.trigger("todo")
    assert receptor.titulos() == [KLK, f"Resuelto: {KLK}"]
    assert receptor.mensajes[1].tipo == "success"
    usada.trigger("todo")
    assert len(receptor.mensajes) == 2
    assert receptor.latidos == ["/ping/secreto"] * 4
    assert [e["clave"] for e in usada.of("alerta_abierta") + usada.of("alerta_cerrada")] == ["klk", "klk"]


def test_server_that_is_down(usada: Instalacion, receptor: Receptor) -> None:
    """Nobody listens at KLK's address: the message names KLK, not the network, since its machine answers."""
    avisar(usada, receptor, fail_after=1)
    usada.ajustes["api.base_url"] = "http://127.0.0.1:1"
    usada.configure()
    usada.trigger("inventario", code=1)
    (mensaje,) = receptor.mensajes
    assert mensaje.titulo == KLK
    assert "Connection refused" in mensaje.cuerpo


def test_one_store(usada: Instalacion, simulador: Simulador, receptor: Receptor) -> None:
    """A single store's failure names it, and no other."""
    avisar(usada, receptor, fail_after=1)
    simulador.fallas.poner(Falla(TipoFalla.ERROR, sucursal=SUC_BOSQUE))
    usada.trigger("todo", code=1)
    (mensaje,) = receptor.mensajes
    assert mensaje.titulo == f"BOSQUE ({BOSQUE}): falla esta tienda"
    assert "inventario, ventas — 1 de 4 tiendas" in mensaje.cuerpo
    assert PERIFERICO not in mensaje.cuerpo
    assert f"klk-daemon runs --tienda {BOSQUE} -v" in mensaje.cuerpo


def test_crash_between_recording_and_sending(usada: Instalacion, simulador: Simulador, receptor: Receptor) -> None:
    """Killed after the alert was recorded and before it was sent: the next command sends it, once."""
    avisar(usada, receptor, fail_after=1)
    simulador.fallas.poner(Falla(TipoFalla.HTTP, status=500))
    box = usada.state / "alertas.db"

    def recorded() -> bool:
        if not box.exists():
            return False
        with sqlite3.connect(box) as con:
            there = con.execute("SELECT 1 FROM sqlite_master WHERE name = 'mensajes'").fetchone()
            return there is not None and con.execute("SELECT 1 FROM mensajes").fetchone() is not None

    # While somebody else sends, nothing goes out.
    with FileLock(usada.state / "alertas.lock", mode=0o600), usada.start("trigger", "inventario") as process:
        wait_for(recorded, "the alert is recorded")
        assert process.poll() is None
        process.kill()
        process.wait()
    assert receptor.mensajes == []
    for _ in range(2):
        usada.trigger("inventario", code=1)
    assert receptor.titulos() == [KLK]


def test_dead_channel(usada: Instalacion, simulador: Simulador, receptor: Receptor) -> None:
    """It holds up neither the other one nor the exit code; its secrets are in no log; it gets the message later."""
    with receiver() as later:
        later.status = 503
        avisar(usada, receptor, fail_after=1)
        usada.ajustes["alerts.urls"] = [later.url("x").replace("//", "//user:secreto@", 1), receptor.url()]
        usada.configure()
        simulador.fallas.poner(Falla(TipoFalla.HTTP, status=500))
        usada.trigger("inventario", code=1)
        assert receptor.titulos() == [KLK]
        later.status = 200
        usada.trigger("inventario", code=1)
        assert (later.titulos(), receptor.titulos()) == ([KLK], [KLK])
    assert [e["error"] for e in usada.of("alerta_no_enviada")] == ["HTTP 503"]
    assert "secreto" not in json.dumps(usada.events())


def test_refused_snapshot(usada: Instalacion, simulador: Simulador, receptor: Receptor) -> None:
    """Told at once, with the command that accepts it; accepting it ends it."""
    avisar(usada, receptor)
    simulador.fallas.poner(Falla(TipoFalla.ENCOGIDO, sucursal=SUC_BOSQUE, ruta="/maestra/articulos/almacen"))
    usada.trigger("inventario", code=1)
    (mensaje,) = receptor.mensajes
    assert mensaje.titulo.startswith(f"BOSQUE ({BOSQUE}): inventario")
    order = f"trigger inventario --tienda {BOSQUE} --aceptar"
    assert f"klk-daemon {order}" in mensaje.cuerpo
    usada.trigger(*order.split()[1:])
    assert receptor.titulos() == [mensaje.titulo, f"Resuelto: {mensaje.titulo}"]


def test_rows_put_aside(usada: Instalacion, simulador: Simulador, receptor: Receptor) -> None:
    """They are told of by store, while the rest is loaded and the exit code is 0."""
    avisar(usada, receptor)
    simulador.fallas.poner(Falla(TipoFalla.FILAS_MALAS, sucursal=SUC_BOSQUE, ruta="/maestra/articulos/almacen"))
    usada.trigger("inventario")
    (mensaje,) = receptor.mensajes
    assert mensaje.titulo == f"BOSQUE ({BOSQUE}): filas apartadas porque no se pueden cargar"
    assert "10 filas en la última corrida de inventario" in mensaje.cuerpo


def test_late_lines(instalacion: Instalacion, simulador: Simulador, receptor: Receptor) -> None:
    """Lines that KLK shows only when the overlap has passed: conciliacion makes them up, and their store is told of."""
    avisar(instalacion, receptor)
    simulador.fallas.poner(Falla(TipoFalla.SIN_FILAS, sucursal=SUC_BOSQUE, ruta="/ventas"))
    instalacion.trigger("ventas")
    simulador.fallas.quitar()
    instalacion.trigger("ventas")  # the overlap alone is read again
    agregadas = instalacion.trigger("conciliacion").partes
    assert agregadas[BOSQUE]["insertados"] > agregadas[PERIFERICO]["insertados"]
    assert instalacion.ventas(BOSQUE, instalacion.mundo.dia(ayer(instalacion.mundo))) == IGUAL
    (mensaje,) = receptor.mensajes
    assert mensaje.titulo == f"BOSQUE ({BOSQUE}): las ventas llegan más tarde de lo esperado"
    assert "ventas.overlap_min" in mensaje.cuerpo
    assert PERIFERICO not in mensaje.cuerpo
    instalacion.trigger("conciliacion")
    assert receptor.titulos() == [mensaje.titulo, f"Resuelto: {mensaje.titulo}"]


def test_held_database(usada: Instalacion, receptor: Receptor) -> None:
    """Told at once, with the program that holds it; free again, it is over."""
    usada.ajustes["database.lock_timeout_s"] = 0.3
    avisar(usada, receptor)
    with held(usada.database) as holder:
        usada.trigger("inventario", code=4)
        (mensaje,) = receptor.mensajes
        assert mensaje.titulo == "La base de datos está ocupada por otro programa"
        assert f"(pid {holder.pid})" in mensaje.cuerpo
        assert "4 de 4 tiendas" in mensaje.cuerpo
    usada.trigger("inventario")
    assert receptor.titulos() == [mensaje.titulo, f"Resuelto: {mensaje.titulo}"]


def test_silent_store(tmp_path: Path, receptor: Receptor) -> None:
    """A store that sold every half hour of four such weekdays, and sells nothing today, is told of; others are not."""
    # A zone in which it is noon: the test must not depend on the hour at which it runs.
    zona = f"Etc/GMT{datetime.now(UTC).hour - 12:+}"
    falla = Falla(TipoFalla.SIN_FILAS, sucursal=SUC_BOSQUE, ruta="/ventas")
    with simulador_en_hilo(Mundo(articulos=50, lineas_por_dia=1500, zona=zona), fallas=(falla,)) as simulador:
        instalacion = Instalacion(
            tmp_path, simulador.mundo, simulador.url, {"schedule.timezone": zona, "ventas.first_run_days": 0}
        )
        avisar(instalacion, receptor)
        instalacion.trigger("ventas")
        assert receptor.mensajes == []
        hoy = simulador.mundo.now().date()
        instalacion.write(
            *(
                "INSERT INTO ventas_raw (numero_factura, ubicacion_id, linea, fecha, fecha_hora_completa)"
                f" SELECT 'F' || n, '{id_}', 1, DATE '{hoy - timedelta(weeks=week)}',"
                f" DATE '{hoy - timedelta(weeks=week)}' + to_minutes(30 * n) FROM range(48) AS t(n)"
                for week in range(1, 5)
                for id_ in instalacion.tiendas
            )
        )
        instalacion.trigger("ventas")
        (mensaje,) = receptor.mensajes
        assert mensaje.titulo == f"BOSQUE ({BOSQUE}): sin ventas a una hora en que normalmente vende"
        simulador.fallas.quitar()
        instalacion.trigger("ventas")
        assert receptor.titulos() == [mensaje.titulo, f"Resuelto: {mensaje.titulo}"]


def test_quiet_hours_and_summary(usada: Instalacion, simulador: Simulador, receptor: Receptor) -> None:
    """What begins and ends in quiet hours is one message at their end; the summary comes once, and not in them."""
    now = usada.mundo.now()
    quiet = [f"{now - timedelta(hours=1):%H:%M}", f"{now + timedelta(hours=1):%H:%M}"]
    usada.write(
        "INSERT INTO etl_ejecuciones BY NAME SELECT * REPLACE (id - 1000 AS id, run_id || '-ayer' AS run_id,"
        " fecha_inicio - INTERVAL 1 DAY AS fecha_inicio, fecha_fin - INTERVAL 1 DAY AS fecha_fin) FROM etl_ejecuciones"
    )
    avisar(usada, receptor, fail_after=1, quiet_hours=quiet, daily_summary="00:00")
    simulador.fallas.poner(Falla(TipoFalla.HTTP, status=500))
    usada.trigger("inventario", code=1)
    simulador.fallas.quitar()
    usada.trigger("inventario")
    assert receptor.mensajes == []
    avisar(usada, receptor, quiet_hours=[])
    for _ in range(2):
        usada.trigger("inventario")
    resuelto, resumen = receptor.mensajes
    assert resuelto.titulo == f"Resuelto: {KLK}"
    assert resumen.titulo.startswith(f"Resumen del {now.date() - timedelta(days=1)}: ")
    assert "- inventario: 1, con fallas 0" in resumen.cuerpo
    assert f"- BOSQUE ({BOSQUE}): " in resumen.cuerpo


def test_damaged_file(usada: Instalacion, simulador: Simulador, receptor: Receptor) -> None:
    """A file of alerts that cannot be read is put aside and said; no run suffers, and the next one begins anew."""
    avisar(usada, receptor, fail_after=1)
    (usada.state / "alertas.db").write_bytes(b"no es una base" * 1000)
    usada.trigger("inventario")
    (line,) = usada.of("alertas_fallaron")
    assert Path(line["apartado"]).read_bytes().startswith(b"no es una base")
    simulador.fallas.poner(Falla(TipoFalla.HTTP, status=500))
    usada.trigger("inventario", code=1)
    assert receptor.titulos() == [KLK]


def test_alert_test(usada: Instalacion, receptor: Receptor) -> None:
    """One message to every channel, and a line for each; 1 where one did not take it; 2 where there is none."""
    avisar(usada, receptor)
    usada.ajustes["alerts.urls"] = [receptor.url(), receptor.url("dos")]
    usada.configure()
    lines = usada.run("alert", "test", code=0).out.splitlines()
    assert [line.split()[0] for line in lines] == ["ok", "ok"]
    assert sorted(m.canal for m in receptor.mensajes) == ["/dos", "/uno"]
    usada.ajustes["alerts.urls"] = [receptor.url(), "json://user:secreto@127.0.0.1:1/"]
    usada.configure()
    salida = usada.run("alert", "test", code=1)
    assert [line.split()[0] for line in salida.out.splitlines()] == ["ok", "FAIL"]
    assert "secreto" not in salida.out + salida.err
    usada.ajustes["alerts.urls"] = []
    usada.configure()
    salida = usada.run("alert", "test", code=2)
    assert "alerts.urls" in salida.err
    assert len(salida.err.splitlines()) == 1


def test_channel_that_nobody_knows(usada: Instalacion) -> None:
    """A bad address is said before anything runs, without its secrets."""
    usada.ajustes["alerts.urls"] = ["slack://secreto"]
    usada.configure()
    salida = usada.trigger("ventas", code=2)
    assert "alerts.urls[0]" in salida.err
    assert "expected an Apprise URL" in salida.err
    assert "secreto" not in salida.err
    assert usada.of("etl_iniciado") == []


def test_dry_run_says_nothing(usada: Instalacion, simulador: Simulador, receptor: Receptor) -> None:
    """It writes nothing, so it tells nobody."""
    avisar(usada, receptor, fail_after=1, heartbeat_url=receptor.latido())
    usada.trigger("inventario", "--dry-run")
    simulador.fallas.poner(Falla(TipoFalla.HTTP, status=500))
    usada.trigger("inventario", "--dry-run", code=1)
    assert (receptor.mensajes, receptor.latidos) == ([], [])


def test_daemon(instalacion: Instalacion, simulador: Simulador, receptor: Receptor) -> None:
    """The daemon tells of its runs, those by hand too: one message, one note, counted; a heartbeat for each success."""
    avisar(instalacion, receptor, heartbeat_url=receptor.latido())
    with running(instalacion) as daemon:
        receptor.wait(lambda: len(receptor.latidos) == 2, "a heartbeat for each run")
        simulador.fallas.poner(Falla(TipoFalla.HTTP, status=500))
        for _ in range(3):
            instalacion.trigger("ventas", code=1)
        receptor.wait(lambda: receptor.titulos() == [KLK], "the outage is told")
        simulador.fallas.quitar()
        instalacion.trigger("ventas")
        receptor.wait(lambda: len(receptor.mensajes) == 2, "its end is told")
        receptor.wait(lambda: len(receptor.latidos) == 3, "and the success")
        wait_for(lambda: 'klk_alerts_sent_total{tipo="klk"} 1.0' in daemon.ask("/metrics").body, "it is counted")
        assert daemon.stop() == 0
    assert receptor.titulos() == [KLK, f"Resuelto: {KLK}"]
