"""SIGHUP re-reads the configuration (contract, "Commands", run)."""

from .daemon import running, wait_for
from .installation import TAZAJAL, Instalacion


def test_a_store_is_added(instalacion: Instalacion) -> None:
    """A store that is new in the configuration runs after a reload, in the same process, which never stopped."""
    tazajal = instalacion.tiendas.pop(TAZAJAL)
    with running(instalacion) as daemon:
        assert TAZAJAL not in daemon.ask("/api/status").json["tiendas"]
        instalacion.tiendas[TAZAJAL] = tazajal
        instalacion.configure()
        daemon.reload()
        wait_for(lambda: bool(instalacion.of("configuracion_recargada")), "the reload")
        assert instalacion.trigger("ventas").estados[TAZAJAL] == ("exitoso", None)
        assert daemon.process.poll() is None


def test_a_bad_configuration_is_refused(instalacion: Instalacion) -> None:
    """A configuration that is wrong is logged with what is wrong, and the old one stays in force."""
    with running(instalacion) as daemon:
        good = instalacion.config.read_text(encoding="utf-8")
        instalacion.config.write_text(good.replace("[api]", "[api]\nnada = 1"), encoding="utf-8")
        daemon.reload()
        wait_for(lambda: bool(instalacion.of("configuracion_rechazada")), "the refusal")
        assert "api.nada" in instalacion.of("configuracion_rechazada")[0]["error"]
        assert daemon.order("/api/trigger/ventas").status == 202
        wait_for(lambda: len(instalacion.of("etl_completado")) == 3, "the run ends")
        assert daemon.stop() == 0


def test_other_times(instalacion: Instalacion) -> None:
    """A new cron expression holds from the reload on."""
    with running(instalacion) as daemon:
        instalacion.ajustes["schedule.ventas"] = "17 4 * * *"
        instalacion.configure()
        daemon.reload()
        wait_for(lambda: bool(instalacion.of("configuracion_recargada")), "the reload")
        wait_for(lambda: "T04:17:00" in daemon.ask("/api/status").json["proximas"]["ventas"], "the new time")
