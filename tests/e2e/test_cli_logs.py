"""`klk-daemon logs`: real files, read by a process."""

import fcntl
import gzip
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from klk_daemon.simulator import Falla, Mundo, Simulador, TipoFalla

from .installation import PROGRAM, Instalacion, wait_for

NOW = datetime.now(UTC).replace(microsecond=0)
LONG = "POST /ventas SUC001 2025-11-17: no whole answer within 120 s — KLK is slow, or hangs; see api.timeout_s"


@pytest.fixture
def lugar(tmp_path: Path) -> Instalacion:
    """An installation without an API."""
    return Instalacion(tmp_path, Mundo(), "http://127.0.0.1:1")


def escribir(lugar: Instalacion, job: str, event: str, *, ago_s: float = 0, **fields: Any) -> str:
    """Appends a line to the file of its job and store-local day, as another process does. Returns it."""
    moment = NOW - timedelta(seconds=ago_s)
    lugar.logs.mkdir(exist_ok=True)
    day = f"{moment.astimezone(lugar.mundo.zona):%Y%m%d}"
    record = {"timestamp": moment.isoformat().replace("+00:00", "Z"), "level": "info", "event": event, **fields}
    line = json.dumps(record, ensure_ascii=False)
    with (lugar.logs / f"klk_{job}_{day}.log").open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    return line


def events(out: str) -> list[str]:
    """The events of readable lines."""
    return re.findall(r"\be\d+\b", out)


def terminal(lugar: Instalacion, *args: str, **env: str) -> str:
    """What a command writes to a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    with subprocess.Popen(
        [*PROGRAM, *args], env={**lugar.env, "TERM": "xterm", **env}, stdout=theirs, stdin=subprocess.DEVNULL
    ) as process:
        os.close(theirs)
        written = b""
        try:
            while chunk := os.read(ours, 65536):
                written += chunk
        except OSError:  # Linux's way to say that the other side is closed
            pass
        finally:
            os.close(ours)
        assert process.wait() == 0
    return written.decode().replace("\r\n", "\n")


def test_the_logs_of_real_runs(instalacion: Instalacion, simulador: Simulador) -> None:
    """Each run's beginning, stores and end, in the stores' time; the failed store among the errors."""
    simulador.fallas.poner(Falla(TipoFalla.HTTP, sucursal="SUC002"))
    instalacion.trigger("inventario", code=1)
    out = instalacion.run("logs", "inventario", code=0).out
    first = out.splitlines()[0]
    assert first.startswith(f"{simulador.mundo.now():%m-%d %H:}")
    assert " INFO  inventario " in first
    assert "etl_iniciado" in first
    assert "etl_completado" in out
    errors = instalacion.run("logs", "--errors", "--tienda", "tienda_08", code=0).out.splitlines()
    assert len(errors) == 1
    assert " ERROR inventario tienda_08 tienda_fallida    error_tipo=api_error " in errors[0].replace(
        "   tienda", " tienda"
    )
    raw = instalacion.run("logs", "--json", code=0).out.splitlines()
    assert [json.loads(line) for line in raw] == instalacion.events()


def test_how_many(lugar: Instalacion) -> None:
    """The newest fifty of all jobs unless told; all of them with --since."""
    for n in range(60):
        escribir(lugar, "ventas" if n % 2 else "daemon", f"e{n}", ago_s=60 - n)
    expected = [f"e{n}" for n in range(60)]
    assert events(lugar.run("logs", code=0).out) == expected[-50:]
    assert events(lugar.run("logs", "-n", "3", code=0).out) == expected[-3:]
    assert events(lugar.run("logs", "ventas", "-n", "2", code=0).out) == ["e57", "e59"]
    assert events(lugar.run("logs", "--since", "1h", code=0).out) == expected
    assert events(lugar.run("logs", "--since", "1h", "-n", "1", code=0).out) == ["e59"]
    moment = (NOW - timedelta(seconds=30)).astimezone(lugar.mundo.zona)
    since = lugar.run("logs", "--since", f"{moment:%Y-%m-%dT%H:%M:%S}", code=0)
    assert events(since.out) == expected[30:]
    assert lugar.run("logs", "-n", "0", code=0).out == ""


def test_gzipped_days(lugar: Instalacion) -> None:
    """They are part of it."""
    escribir(lugar, "ventas", "e1", ago_s=3 * 86400)
    for path in lugar.logs.iterdir():
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    escribir(lugar, "ventas", "e2")
    assert events(lugar.run("logs", code=0).out) == ["e1", "e2"]
    assert events(lugar.run("logs", "--since", "2d", code=0).out) == ["e2"]


def test_lines_that_are_no_json(lugar: Instalacion) -> None:
    """Shown as they are, harmless to the terminal; left out of --json, which others read."""
    line = escribir(lugar, "daemon", "e1")
    with next(lugar.logs.iterdir()).open("ab") as file:
        file.write(b"Killed \x1b[2J process\n\xff\xfe\n")
    assert lugar.run("logs", code=0).out.splitlines()[1:] == ["Killed \\x1b[2J process", "\ufffd\ufffd"]
    assert lugar.run("logs", "--json", code=0).out == line + "\n"


def test_a_traceback(lugar: Instalacion) -> None:
    """Below its line, indented."""
    escribir(lugar, "daemon", "e1", level="error", exception='Trace:\n  File "x"\nValueError: no')
    assert lugar.run("logs", code=0).out.splitlines()[1:] == [
        "    Trace:",
        '      File "x"',
        "    ValueError: no",
    ]


def test_no_files_yet(lugar: Instalacion) -> None:
    """One line on stderr that says where they would be; exit 0, since nothing is wrong."""
    done = lugar.run("logs", code=0)
    assert done.out == ""
    assert done.err == f"no log files yet in {lugar.logs}\n"
    escribir(lugar, "ventas", "e1")
    assert lugar.run("logs", "--errors", code=0).err == "no such lines\n"


def test_without_address_and_stores(lugar: Instalacion) -> None:
    """Logs are read where nothing can be run."""
    escribir(lugar, "ventas", "e1", tienda="tienda_01")
    lugar.config.write_text('[logs]\ndir = "logs"\n', encoding="utf-8")
    assert events(lugar.run("logs", code=0).out) == ["e1"]


@pytest.mark.parametrize("args", [["everything"], ["-n", "-1"], ["--since", "yesterday"], ["--since", ""]])
def test_wrong_usage(lugar: Instalacion, args: list[str]) -> None:
    """Exit 2."""
    assert lugar.run("logs", *args, code=2).out == ""


def test_following_until_ctrl_c(lugar: Instalacion) -> None:
    """The last lines, then each new one, in files of other jobs and of the next day too; Ctrl-C is 130."""
    escribir(lugar, "ventas", "e1", ago_s=9)
    escribir(lugar, "ventas", "e2", ago_s=8)
    out = lugar.folder / "out"
    with lugar.start("logs", "-f", "-n", "1") as process:
        wait_for(lambda: events(out.read_text()) == ["e2"], "the last line")
        escribir(lugar, "ventas", "e3")
        escribir(lugar, "inventario", "e4", ago_s=-1)
        wait_for(lambda: events(out.read_text()) == ["e2", "e3", "e4"], "new lines")
        escribir(lugar, "ventas", "e5", ago_s=-86400)
        wait_for(lambda: events(out.read_text()) == ["e2", "e3", "e4", "e5"], "the next day")
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
    assert "Traceback" not in lugar.err()


def test_following_what_is_not_there_yet(lugar: Instalacion) -> None:
    """It waits for the first file; filters hold."""
    out = lugar.folder / "out"
    with lugar.start("logs", "ventas", "-f", "--errors", "--json"):
        wait_for(lambda: "no log files yet" in lugar.err(), "the note")
        escribir(lugar, "daemon", "e1", level="error")
        escribir(lugar, "ventas", "e2")
        line = escribir(lugar, "ventas", "e3", level="critical")
        wait_for(lambda: out.read_text() == line + "\n", "the line")


def test_a_reader_that_leaves(lugar: Instalacion) -> None:
    """`logs | head` ends quietly."""
    for n in range(3000):
        escribir(lugar, "ventas", f"e{n}", error="x" * 100)
    done = subprocess.run(
        f"{' '.join(PROGRAM)} logs -n 3000 | head -1",
        shell=True,
        env=lugar.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert events(done.stdout) == ["e0"]
    assert "Traceback" not in done.stderr


def test_on_a_terminal(lugar: Instalacion) -> None:
    """No line is wider than 80 columns; what goes on stands below, indented; colour marks level and keys."""
    escribir(lugar, "ventas", "tienda_fallida", level="error", tienda="tienda_01", error=LONG, extraidos=8)
    plain = terminal(lugar, "logs", NO_COLOR="1")
    lines = plain.splitlines()
    assert "\033" not in plain
    assert max(map(len, lines)) <= 80
    assert re.match(r"\d\d-\d\d \d\d:\d\d:\d\d ERROR ventas       tienda_01 tienda_fallida", lines[0])
    assert all(line.startswith(" " * 15) for line in lines[1:])
    assert " ".join(plain.split()).endswith(f'error="{LONG}" extraidos=8')
    colored = terminal(lugar, "logs")
    assert "\033[31mERROR\033[0m" in colored
    assert re.sub(r"\033\[[\d;]*m", "", colored) == plain


def test_not_on_a_terminal(lugar: Instalacion) -> None:
    """A line each, without colour: for grep."""
    escribir(lugar, "ventas", "tienda_fallida", level="error", tienda="tienda_01", error=LONG)
    (line,) = lugar.run("logs", code=0).out.splitlines()
    assert f'error="{LONG}"' in line
    assert "\033" not in line
