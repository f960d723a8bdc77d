"""What a person does wrong, or otherwise: one readable line, the right exit code, and nothing made."""

import json
import os
import re
import signal
import subprocess
import time
from datetime import timedelta
from pathlib import Path

import pytest

from klk_daemon import __version__
from klk_daemon.simulator import Latencia, Registro, Simulador

from .installation import BOSQUE, PERIFERICO, PROGRAM, Instalacion, Salida, ayer, bloque


def _refused(instalacion: Instalacion, salida: Salida, *expected: str) -> None:
    """Exit 2, a line for each mistake, and neither database nor logs."""
    assert salida.code == 2, salida
    assert salida.out == ""
    for words in expected:
        assert words in salida.err, salida.err
    assert not instalacion.database.parent.exists()
    assert not instalacion.logs.exists()


WRONG = {
    "unknown section": ("[apis]\nx = 1\n", "apis"),
    "unknown key": ("[api]\ntimeout = 5\n", "api.timeout"),
    "not TOML": ("[api\n", "klk.toml"),
    "text for a number": ('[api]\ntimeout_s = "5"\n', "api.timeout_s"),
    "number for a flag": ("[http]\nenabled = 1\n", "http.enabled"),
    "negative": ("[ventas]\noverlap_min = -1\n", "ventas.overlap_min"),
    "cron of four fields": ('[schedule]\nventas = "5 * * *"\n', "schedule.ventas"),
    "cron out of range": ('[schedule]\nventas = "61 * * * *"\n', "schedule.ventas"),
    "no time zone": ('[schedule]\ntimezone = "America/Karakas"\n', "schedule.timezone"),
    "no URL": ('[api]\nbase_url = "klk"\n', "api.base_url"),
    "ratio above one": ("[inventario]\nmin_ratio = 1.5\n", "inventario.min_ratio"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_configuration(instalacion: Instalacion, what: str) -> None:
    """A wrong configuration: exit 2, one line that names the file and the key, before anything runs."""
    text, key = WRONG[what]
    tiendas = "\n".join(bloque(id_, tienda) for id_, tienda in instalacion.tiendas.items())
    instalacion.config.write_text(text + tiendas, encoding="utf-8")
    salida = instalacion.run("run" if "cron" in what else "trigger", *([] if "cron" in what else ["ventas"]))
    _refused(instalacion, salida, key, str(instalacion.config))
    assert len(salida.err.splitlines()) == 1


def test_two_stores_of_one_id(instalacion: Instalacion) -> None:
    """Two stores with one id are refused, and both places are named."""
    instalacion.configure(**{BOSQUE: bloque(PERIFERICO, instalacion.tiendas[BOSQUE])})
    _refused(instalacion, instalacion.run("trigger", "ventas"), "tiendas[1].id", "tiendas[0].id", PERIFERICO)


def test_no_stores(instalacion: Instalacion) -> None:
    """No store at all is refused."""
    instalacion.tiendas = {}
    instalacion.configure()
    _refused(instalacion, instalacion.run("trigger", "ventas"), "tiendas")


def test_missing_file(instalacion: Instalacion) -> None:
    """A configuration that is named and not there is refused, by option and by environment."""
    missing = str(instalacion.folder / "no.toml")
    _refused(instalacion, instalacion.run("--config", missing, "trigger", "ventas"), missing)
    _refused(instalacion, instalacion.run("trigger", "ventas", env={"KLK_CONFIG": missing}), missing)


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("trigger", "ventas", "--tienda", "tienda_99"), "tienda_99"),
        (("trigger", "ventas", "--desde", "ayer"), "--desde ayer"),
        (("trigger", "ventas", "--desde", "2025-02-30"), "--desde 2025-02-30"),
        (("trigger", "ventas", "--desde", "2025-11-18", "--hasta", "2025-11-17"), "--hasta"),
        (("trigger", "ventas", "--desde", "2025-11-18T10:00", "--hasta", "2025-11-18T10:00"), "--hasta"),
        (("trigger", "ventas", "--desde", "2099-01-01"), "future"),
        (("trigger", "ventas", "--hasta", "2025-11-17"), "--desde"),
        (("trigger", "ventas", "--completo", "--desde", "2025-11-17"), "--completo"),
        (("trigger", "ventas", "--aceptar"), "--aceptar"),
        (("trigger", "inventario", "--desde", "2025-11-17"), "--desde"),
        (("trigger", "inventario", "--completo"), "--completo"),
        (("trigger", "todo", "--aceptar"), "--aceptar"),
        (("trigger", "compras"), "compras"),
        (("trigger",), "JOB"),
        (("trigger", "ventas", "--sin-esperar"), "--sin-esperar"),
        (("disparar",), "disparar"),
        (("--set", "api.timeout=5", "trigger", "ventas"), "api.timeout"),
        (("--set", "api.timeout_s", "trigger", "ventas"), "api.timeout_s"),
    ],
)
def test_wrong_usage(instalacion: Instalacion, args: tuple[str, ...], expected: str) -> None:
    """A wrong option, argument or combination: exit 2, and the message says which."""
    _refused(instalacion, instalacion.run(*args), expected)


def test_unreachable_api(instalacion: Instalacion) -> None:
    """No KLK at the address is a failed run, not a wrong configuration: exit 1, `conexion`, the address is named."""
    salida = instalacion.trigger("ventas", "--set", "api.base_url=http://127.0.0.1:9", code=1)
    assert {*salida.estados.values()} == {("fallido", "conexion")}
    assert all("127.0.0.1:9" in parte["error"]["mensaje"] for parte in salida.partes.values())


@pytest.mark.parametrize("what", ["logs", "state"])
def test_folder_that_cannot_be(instalacion: Instalacion, what: str) -> None:
    """A folder for logs or state that cannot be made or written: exit 2, one line that names it."""
    file = instalacion.folder / "file"
    file.write_text("", encoding="utf-8")
    folder = str(file / what)
    if what == "logs":
        salida = instalacion.run("trigger", "ventas", "--set", f"logs.dir={folder}", code=2)
    else:
        salida = instalacion.run("trigger", "ventas", env={"KLK_STATE_DIR": folder}, code=2)
    assert folder in salida.err
    assert len(salida.err.splitlines()) == 1
    assert not instalacion.database.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_that_is_read_only(instalacion: Instalacion) -> None:
    """A logs folder that this user may not write: exit 2, one line that names it."""
    instalacion.logs.mkdir(mode=0o500)
    assert str(instalacion.logs) in instalacion.run("trigger", "ventas", code=2).err


def test_ranges(instalacion: Instalacion, simulador: Simulador) -> None:
    """--desde and --hasta take dates (inclusive) and minutes (hasta exclusive); one request a day is made of them."""
    dia = ayer(instalacion.mundo) - timedelta(days=3)

    def asked(*args: str) -> tuple[str, str, list[tuple[str, str | None, str | None]]]:
        simulador.olvidar_peticiones()
        salida = instalacion.trigger("ventas", "--tienda", BOSQUE, *args)
        assert salida.documento["modo"] == "recuperacion"
        ((_, parte),) = salida.partes.items()
        bodies = [_asked_for(registro) for registro in simulador.peticiones]
        return parte["desde"], parte["hasta"], bodies

    day, next_day, third = (str(dia + timedelta(days=n)) for n in range(3))
    assert asked("--desde", day, "--hasta", next_day) == (
        f"{day}T00:00:00",
        f"{third}T00:00:00",
        [(day, None, None), (next_day, None, None)],
    )
    assert asked("--desde", f"{day}T10:30", "--hasta", f"{day}T12:00") == (
        f"{day}T10:30:00",
        f"{day}T12:00:00",
        [(day, "10:30:00", "12:00:00")],
    )
    desde, hasta, bodies = asked("--desde", f"{next_day}T23:00", "--hasta", f"{third}T01:00")
    assert (desde, hasta) == (f"{next_day}T23:00:00", f"{third}T01:00:00")
    assert bodies == [(next_day, None, None), (third, "00:00:00", "01:00:00")]
    held = instalacion.sql("SELECT min(fecha), max(fecha_hora_completa) FROM ventas_raw")[0]
    assert str(held[0]) == day
    assert str(held[1]) < f"{third} 01:00:00"
    # What was read by hand is coverage, and no watermark.
    assert len(instalacion.cobertura(BOSQUE)) == 1
    assert instalacion.sql("SELECT count(*) FROM etl_marcas") == [(0,)]


def _asked_for(registro: Registro) -> tuple[str, str | None, str | None]:
    body = json.loads(registro.cuerpo)
    assert body["fecha_desde"] == body["fecha_hasta"]
    return body["fecha_desde"], body.get("hora_desde"), body.get("hora_hasta")


def test_completo(instalacion: Instalacion) -> None:
    """--completo reads today from midnight."""
    salida = instalacion.trigger("ventas", "--completo")
    assert salida.documento["modo"] == "completo"
    assert all(parte["desde"] == f"{parte['hasta'][:10]}T00:00:00" for parte in salida.partes.values())
    assert {i: instalacion.ventas(i).faltan for i in instalacion.tiendas} == dict.fromkeys(
        instalacion.tiendas, frozenset()
    )


def test_one_store(instalacion: Instalacion, simulador: Simulador) -> None:
    """--tienda, repeatable, runs those stores alone."""
    salida = instalacion.trigger("inventario", "--tienda", BOSQUE, "--tienda", PERIFERICO)
    assert {*salida.partes} == {BOSQUE, PERIFERICO}
    assert len(simulador.peticiones) == 3


def test_inactive_store(usada: Instalacion) -> None:
    """A store that is not active is not run, its data stay, and naming it is refused."""
    usada.configure(**{BOSQUE: bloque(BOSQUE, usada.tiendas[BOSQUE], activa=False)})
    assert BOSQUE not in usada.trigger("inventario").partes
    assert usada.sql("SELECT count(*) FROM stock_actual WHERE ubicacion_id = ?", BOSQUE) == [(200,)]
    assert BOSQUE in usada.run("trigger", "inventario", "--tienda", BOSQUE, code=2).err


def test_dry_run(usada: Instalacion) -> None:
    """--dry-run asks and counts, and changes no byte of the database."""
    usada.write("DELETE FROM ventas_raw", "DELETE FROM etl_marcas", "DELETE FROM ventas_cobertura")
    before = usada.database.read_bytes()
    _, ventas = usada.trigger("todo", "--dry-run").documento
    assert sum(parte["insertados"] for parte in ventas["tiendas"]) > 0
    usada.trigger("conciliacion", "--dry-run")
    assert usada.database.read_bytes() == before


def test_dry_run_of_a_new_installation(instalacion: Instalacion) -> None:
    """Where there is no database --dry-run leaves none, and says that nothing was written."""
    assert "nothing was written" in instalacion.run("trigger", "todo", "--dry-run", code=0).out
    assert not instalacion.database.exists()


def test_global_options_anywhere(instalacion: Instalacion, tmp_path: Path) -> None:
    """Global options are taken before and behind the command."""
    elsewhere = tmp_path / "elsewhere.toml"
    instalacion.config.rename(elsewhere)
    for args in (
        ("--config", str(elsewhere), "--set", "api.timeout_s=7", "config", "show", "--json"),
        ("config", "show", "--json", f"--config={elsewhere}", "--set", "api.timeout_s=7"),
    ):
        shown = instalacion.run(*args, code=0)
        assert "7" in shown.out
    assert instalacion.run("config", "validate", "--config", str(elsewhere), code=0).out.startswith("ok")


def test_version_and_help(instalacion: Instalacion) -> None:
    """--version and --help answer without a configuration."""
    instalacion.config.unlink()
    assert instalacion.run("--version", code=0).out == f"klk-daemon {__version__}\n"
    text = instalacion.run("--help", code=0).out
    assert all(command in text for command in ("run", "trigger", "status", "simulate", "demo", "config"))
    assert "--dry-run" in instalacion.run("trigger", "--help", code=0).out


def test_environment_wins_over_file(instalacion: Instalacion) -> None:
    """The command line wins over the environment, and that over the file."""
    env = {"KLK_API__BASE_URL": "http://127.0.0.1:9"}
    salida = instalacion.run("trigger", "inventario", "--json", env=env, code=1)
    assert "127.0.0.1:9" in salida.out
    url = str(instalacion.ajustes["api.base_url"])
    instalacion.run("trigger", "inventario", "--set", f"api.base_url={url}", env=env, code=0)


def test_reader_that_leaves(instalacion: Instalacion) -> None:
    """A pipe that is closed early (| head -1) is no error worth a traceback."""
    for command in ("config show", "trigger inventario"):
        done = subprocess.run(
            ["sh", "-c", f"{' '.join(PROGRAM)} {command} | head -c 1"],
            env=instalacion.env,
            cwd=instalacion.folder,
            capture_output=True,
            text=True,
            check=True,
        )
        assert not re.search("Traceback|BrokenPipe|Exception", done.stderr), done.stderr


def test_debug_shows_where(instalacion: Instalacion) -> None:
    """--debug shows the traceback that is hidden otherwise."""
    done = subprocess.run(
        [*PROGRAM, "--debug", "trigger", "ventas", "--tienda", "x"],
        env=instalacion.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" in done.stderr


@pytest.mark.parametrize("delay", [0.05, 0.1, 0.15, 0.2, 0.3, 0.5])
def test_signal_right_after_the_start(instalacion: Instalacion, simulador: Simulador, delay: float) -> None:
    """However early Ctrl-C comes, the command ends at once with 130, without a traceback."""
    simulador.latencia = Latencia(20)
    with instalacion.start("trigger", "todo") as process:
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        # Before Python itself is up it ends in its own way; from our first line on in ours.
        assert process.wait(timeout=10) in {130, 1, -signal.SIGINT}
    assert "klk_daemon/cli" not in instalacion.err()
