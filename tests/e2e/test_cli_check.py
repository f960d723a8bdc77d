"""`klk-daemon check`, with each thing broken in turn."""

import json
import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from held import held

from klk_daemon.simulator import Falla, Simulador, TipoFalla

from .installation import Instalacion, bloque


def check(instalacion: Instalacion, *args: str, code: int, env: dict[str, str] | None = None) -> dict[str, Any]:
    """The findings by name."""
    document = instalacion.run("check", "--json", *args, code=code, env=env).documento
    assert all(set(found) == {"check", "estado", "mensaje", "remedio"} for found in document)
    return {found["check"]: found for found in document}


def failed(found: dict[str, Any]) -> list[str]:
    """What fails."""
    return [name for name, finding in found.items() if finding["estado"] == "fail"]


def test_a_new_installation(instalacion: Instalacion) -> None:
    """Nothing fails before the first run, and nothing is made; each store's warehouses are counted."""
    found = check(instalacion, code=0)
    assert failed(found) == []
    assert list(found)[:4] == ["configuration", "state", "logs", "database"]
    assert found["tienda tienda_01"]["mensaje"] == "SUC001 PERIFERICO: APP-TPF 200 articles, APP-PPF 200 articles"
    assert found["service"]["estado"] == "warn"
    assert not instalacion.database.exists()
    assert not instalacion.state.exists()
    assert not instalacion.logs.exists()


def test_after_runs(instalacion: Instalacion) -> None:
    """The database is known then; as text, one line each."""
    instalacion.trigger("inventario")
    done = instalacion.run("check", code=0)
    lines = done.out.splitlines()
    assert len(lines) == len(check(instalacion, code=0))
    assert all(line.split()[0] in {"ok", "warn"} for line in lines)
    assert any(line.startswith("ok    schema") for line in lines)
    assert "\033" not in done.out


def test_the_wrong_codes(instalacion: Instalacion) -> None:
    """The store fails, with what is probably meant; the others do not."""
    tiendas = instalacion.tiendas
    instalacion.configure(
        tienda_01=bloque("tienda_01", tiendas["tienda_01"], almacenes=["APP-TPF", "APP-PFP"]),
        tienda_08=bloque("tienda_08", tiendas["tienda_08"], sucursal="SUC02"),
    )
    found = check(instalacion, code=1)
    assert failed(found) == ["tienda tienda_01", "tienda tienda_08"]
    assert "APP-PPF" in found["tienda tienda_01"]["remedio"]
    assert "SUC002" in found["tienda tienda_08"]["remedio"]


def test_an_empty_warehouse(instalacion: Instalacion, simulador: Simulador) -> None:
    """Runs would refuse it."""
    simulador.fallas.poner(Falla(TipoFalla.SIN_FILAS, almacen="TANT"))
    assert failed(check(instalacion, code=1)) == ["tienda tienda_17"]


@pytest.mark.parametrize("ruta", [None, "/maestra/articulos/almacen"])
def test_an_api_that_hangs(instalacion: Instalacion, simulador: Simulador, ruta: str | None) -> None:
    """It is given up, well within the bound, whatever the daemon's own patience is."""
    simulador.fallas.poner(Falla(TipoFalla.CUELGA, ruta=ruta))
    began = time.monotonic()
    found = check(instalacion, "--set", "api.timeout_s=120", "--set", "api.max_concurrency=1", code=1)
    assert time.monotonic() - began < 15
    assert failed(found) == (["api"] if ruta is None else ["tienda tienda_01"])


def test_no_api_there(instalacion: Instalacion) -> None:
    """The rest is looked at all the same."""
    found = check(instalacion, "--set", "api.base_url=http://u:secreto@127.0.0.1:1", code=1)
    assert failed(found) == ["api"]
    assert found["database"]["estado"] == "ok"
    assert "secreto" not in json.dumps(found)


def test_the_clock(instalacion: Instalacion, simulador: Simulador) -> None:
    """Two minutes are a warning, ten a failure."""
    simulador.mundo.clock.advance(timedelta(minutes=2))
    assert check(instalacion, code=0)["clock"]["estado"] == "warn"
    simulador.mundo.clock.advance(timedelta(minutes=8))
    assert failed(check(instalacion, code=1)) == ["clock"]


def test_who_holds_the_database(instalacion: Instalacion) -> None:
    """Named with its pid, within seconds, whatever `lock_timeout_s` is."""
    instalacion.database.parent.mkdir()
    with held(instalacion.database) as holder:
        found = check(instalacion, "--set", "database.lock_timeout_s=600", code=1)
    assert failed(found) == ["database"]
    assert f"pid {holder.pid}" in found["database"]["mensaje"]


def test_a_database_of_the_older_pipeline(instalacion: Instalacion) -> None:
    """It needs `db migrate`, and is left alone."""
    instalacion.database.parent.mkdir()
    instalacion.write("CREATE TABLE ventas_raw (numero_factura VARCHAR)")
    found = check(instalacion, code=1)
    assert failed(found) == ["schema"]
    assert "db migrate" in found["schema"]["mensaje"] + found["schema"]["remedio"]


def test_folders_that_cannot_be(instalacion: Instalacion) -> None:
    """Logs, database and state behind a file."""
    (instalacion.folder / "file").touch()
    for args, env, name in (
        (("--set", "logs.dir=file/logs"), {}, "logs"),
        (("--set", "database.path=file/klk.db"), {}, "database"),
        ((), {"KLK_STATE_DIR": str(instalacion.folder / "file")}, "state"),
    ):
        assert failed(check(instalacion, *args, code=1, env=env)) == [name]


def test_the_old_cron(instalacion: Instalacion) -> None:
    """Lines that are left are a warning with the command that removes them."""
    program = instalacion.folder / "bin" / "crontab"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho '*/30 * * * * /opt/cron_klk_realtime.sh >> /tmp/klk.log'\n", encoding="utf-8")
    program.chmod(0o755)
    found = check(instalacion, code=0, env={"PATH": f"{program.parent}:{os.environ['PATH']}"})["old cron"]
    assert found["estado"] == "warn"
    assert "klk-daemon service install --replace-cron" in found["remedio"]


def test_the_service(instalacion: Instalacion, tmp_path: Path) -> None:
    """A user's unit is found."""
    unit = tmp_path / "xdg" / "systemd" / "user" / "klk-daemon.service"
    unit.parent.mkdir(parents=True)
    unit.touch()
    found = check(instalacion, code=0, env={"XDG_CONFIG_HOME": str(tmp_path / "xdg")})
    assert (found["service"]["estado"], str(unit) in found["service"]["mensaje"]) == ("ok", True)


def test_a_configuration_without_address_and_stores(instalacion: Instalacion) -> None:
    """It fails with what is missing; what does not need them is looked at."""
    instalacion.config.write_text('[database]\npath = "data/klk.db"\n[logs]\ndir = "logs"\n', encoding="utf-8")
    found = check(instalacion, code=1)
    assert failed(found) == ["configuration"]
    assert "api.base_url" in found["configuration"]["mensaje"]
    assert found["database"]["estado"] == "ok"


@pytest.mark.parametrize("text", ["not TOML", "[api]\nbase_urll = 'x'\n"])
def test_a_configuration_that_cannot_be_loaded(instalacion: Instalacion, text: str) -> None:
    """Exit 2, with its line; what needs no configuration is looked at, and the rest says why not."""
    instalacion.config.write_text(text, encoding="utf-8")
    found = check(instalacion, code=2)
    assert failed(found) == ["configuration"]
    assert str(instalacion.config) in found["configuration"]["mensaje"]
    assert {"state", "service", "old cron"} <= set(found)
    assert "fail  configuration" in instalacion.run("check", code=2).out
