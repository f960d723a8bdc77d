"""Logs: one JSON object a line, a file per job and store-local day, nothing lost between two processes."""

import gzip
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import structlog
import time_machine

from klk_daemon import logs
from klk_daemon.errors import ConfigError

HOY = date(2025, 11, 17)
WRITER = """
import sys
from pathlib import Path
from zoneinfo import ZoneInfo
import structlog
from klk_daemon import logs
logs.setup(Path(sys.argv[1]), level="info", zona=ZoneInfo("America/Caracas"), console="critical")
log = structlog.get_logger()
print("ready", flush=True)
sys.stdin.readline()
for n in range(400):
    log.info("linea", job="ventas", who=sys.argv[2], n=n, relleno="ñ" * (n * 40 % 9000))
"""


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Takes the handlers of a test away again."""
    root = logging.getLogger()
    before, level = [*root.handlers], root.level
    root.handlers = []
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers = before
    root.setLevel(level)
    structlog.reset_defaults()
    for name in logs.QUIET:
        logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A logs folder that is not there yet."""
    return tmp_path / "var" / "logs"


def setup(folder: Path, **options: Any) -> io.StringIO:
    """Logging into the folder; returns what went to the console."""
    stream = io.StringIO()
    settings: dict[str, Any] = {"level": "info", "zona": ZoneInfo("America/Caracas"), "stream": stream}
    logs.setup(folder, **(settings | options))
    return stream


def lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a file, each of them strict JSON."""

    def refuse(constant: str) -> Any:
        raise AssertionError(constant)

    text = path.read_text(encoding="utf-8")
    assert text.endswith("\n")
    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


def test_one_json_object_a_line(folder: Path) -> None:
    """UTC timestamp, level, event, and what is bound; first what every line has."""
    console = setup(folder)
    with time_machine.travel("2025-11-17T16:05:00Z", tick=False), structlog.contextvars.bound_contextvars(run_id="r1"):
        structlog.get_logger().bind(tienda="tienda_01").warning("fila_rechazada", job="ventas", motivo="línea\n«x»")
    (line,) = lines(folder / "klk_ventas_20251117.log")
    assert line == {
        "timestamp": "2025-11-17T16:05:00Z",
        "level": "warning",
        "event": "fila_rechazada",
        "run_id": "r1",
        "job": "ventas",
        "tienda": "tienda_01",
        "motivo": "línea\n«x»",
    }
    assert [*line][:6] == ["timestamp", "level", "event", "run_id", "job", "tienda"]
    assert json.loads(console.getvalue()) == line


def test_a_file_per_job(folder: Path) -> None:
    """What belongs to no job is the daemon's, and so is what other libraries say."""
    setup(folder)
    with time_machine.travel("2025-11-17T16:05:00Z", tick=False):
        log = structlog.get_logger()
        for job in ("inventario", "ventas", "conciliacion", "../evil", ""):
            log.info("x", job=job)
        log.info("daemon_iniciado")
        logging.getLogger("library").warning("said %s", "this")
    names = {p.name: len(lines(p)) for p in folder.glob("*.log")}
    assert names == {
        "klk_inventario_20251117.log": 1,
        "klk_ventas_20251117.log": 1,
        "klk_conciliacion_20251117.log": 1,
        "klk_daemon_20251117.log": 4,
    }
    assert lines(folder / "klk_daemon_20251117.log")[-1]["event"] == "said this"


def test_a_file_per_store_local_day(folder: Path) -> None:
    """Caracas' midnight is 04:00 UTC; a line of before goes into the old file."""
    setup(folder)
    log = structlog.get_logger()
    for instant in ("2025-11-18T03:59:59.999Z", "2025-11-18T04:00:00Z", "2025-11-18T05:00:00Z"):
        with time_machine.travel(instant, tick=False):
            log.info("x", job="ventas", at=instant)
    assert [line["at"] for line in lines(folder / "klk_ventas_20251117.log")] == ["2025-11-18T03:59:59.999Z"]
    assert len(lines(folder / "klk_ventas_20251118.log")) == 2


def test_levels(folder: Path) -> None:
    """Files and console each have theirs."""
    console = setup(folder, level="info", console="error")
    log = structlog.get_logger()
    log.debug("no")
    log.info("file")
    log.error("both")
    (path,) = folder.iterdir()
    assert [line["event"] for line in lines(path)] == ["file", "both"]
    assert [json.loads(line)["event"] for line in console.getvalue().splitlines()] == ["both"]


def test_an_exception_is_in_its_line(folder: Path) -> None:
    """The traceback is a field, not lines of its own."""
    setup(folder)
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        structlog.get_logger().exception("error_interno")
    (path,) = folder.iterdir()
    (line,) = lines(path)
    assert "ZeroDivisionError" in line["exception"]


def test_setting_up_again_closes_the_old_files(folder: Path) -> None:
    """SIGHUP: no line twice, no file left open."""
    setup(folder)
    structlog.get_logger().info("a")
    setup(folder)
    structlog.get_logger().info("b")
    (path,) = folder.iterdir()
    assert [line["event"] for line in lines(path)] == ["a", "b"]


@pytest.mark.parametrize("value", ["\ud800", {1: object()}, b"\xff", ZoneInfo("UTC")])
def test_any_value_can_be_logged(folder: Path, value: Any) -> None:
    """A line is written whatever is in it."""
    setup(folder)
    structlog.get_logger().info("x", value=value)
    (path,) = folder.iterdir()
    assert len(lines(path)) == 1


@pytest.mark.parametrize("value", [float("nan"), {"stock": float("inf")}])
def test_a_number_that_json_lacks(folder: Path, value: Any) -> None:
    """A rejected row with NaN in it is logged as JSON that every parser reads."""
    setup(folder)
    structlog.get_logger().info("fila_rechazada", fila=value)
    (path,) = folder.iterdir()
    assert len(lines(path)) == 1


def test_two_processes_lose_no_line_and_tear_none(folder: Path) -> None:
    """A daemon and a trigger write to one file at once, lines of up to 18 kB."""
    command = [sys.executable, "-c", WRITER, str(folder)]
    writers = [
        subprocess.Popen([*command, who], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for who in "ab"
    ]
    for w in writers:
        assert w.stdout is not None
        assert w.stdout.readline() == "ready\n"
    for w in writers:
        assert w.stdin is not None
        w.stdin.write("\n")
        w.stdin.flush()
    for w in writers:
        w.communicate()
        assert w.returncode == 0
    (path,) = folder.glob("klk_ventas_*.log")
    written = [(line["who"], line["n"]) for line in lines(path)]
    for who in "ab":
        assert [n for w, n in written if w == who] == list(range(400))


@pytest.mark.parametrize("kind", ["file", "below_a_file", "no_permission"])
def test_a_folder_that_cannot_be_used(tmp_path: Path, kind: str) -> None:
    """Exit 2, naming the key, before anything runs."""
    folder = tmp_path / "logs"
    if kind == "no_permission":
        if os.geteuid() == 0:
            pytest.skip("root may write everywhere")
        folder.mkdir(mode=0o500)
    else:
        folder.write_text("a file")
    with pytest.raises(ConfigError, match=r"logs\.dir") as e:
        setup(folder / "x" if kind == "below_a_file" else folder)
    assert e.value.exit_code == 2
    assert e.value.hint


def old(folder: Path, days: int, text: str = "{}\n", job: str = "ventas") -> Path:
    """A log file of so many days ago."""
    path = folder / f"klk_{job}_{HOY - timedelta(days=days):%Y%m%d}.log"
    path.write_text(text)
    return path


def tidy(folder: Path) -> set[str]:
    """Tidies up, and tells what is there."""
    logs.tidy(folder, today=HOY, compress_after_days=7, delete_after_days=30)
    return {p.name for p in folder.iterdir() if not p.name.startswith(".")}


def test_old_files_are_gzipped_and_older_ones_deleted(tmp_path: Path) -> None:
    """By the day in their name; what is inside is kept, and nothing else in the folder is touched."""
    for days in (0, 7, 8, 30, 31, 400):
        old(tmp_path, days, f"{days}\n")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "klk_ventas_2025.log").write_text("mine")
    expected = {
        "notes.txt",
        "klk_ventas_2025.log",
        "klk_ventas_20251117.log",
        "klk_ventas_20251110.log",
        "klk_ventas_20251109.log.gz",
        "klk_ventas_20251018.log.gz",
    }
    assert tidy(tmp_path) == expected
    assert tidy(tmp_path) == expected
    assert gzip.decompress((tmp_path / "klk_ventas_20251109.log.gz").read_bytes()) == b"8\n"


def test_gzipped_files_are_deleted_too(tmp_path: Path) -> None:
    """At the same age as the others."""
    (tmp_path / "klk_daemon_20251001.log.gz").write_bytes(b"")
    assert tidy(tmp_path) == set()


def test_what_was_left_half_done_is_done(tmp_path: Path) -> None:
    """A crash while compressing: the original is still there, and wins."""
    old(tmp_path, 9, "whole\n")
    (tmp_path / "klk_ventas_20251108.log.gz.part").write_bytes(b"half")
    (tmp_path / "klk_ventas_20251108.log.gz").write_bytes(gzip.compress(b"older\n"))
    assert tidy(tmp_path) == {"klk_ventas_20251108.log.gz"}
    assert gzip.decompress((tmp_path / "klk_ventas_20251108.log.gz").read_bytes()) == b"whole\n"


def test_a_name_that_is_no_day_is_left_alone(tmp_path: Path) -> None:
    """Eight digits are not always a date."""
    (tmp_path / "klk_ventas_20259999.log").write_text("x")
    assert tidy(tmp_path) == {"klk_ventas_20259999.log"}


def test_a_file_that_is_written_to_is_not_renamed(folder: Path) -> None:
    """A clock that was wrong for a while does not cost lines."""
    setup(folder)
    log = structlog.get_logger()
    with time_machine.travel(datetime(2025, 11, 17, 16, tzinfo=ZoneInfo("UTC")), tick=False):
        log.info("a", job="ventas")
        tidy(folder)
        log.info("b", job="ventas")
    assert [line["event"] for line in lines(folder / "klk_ventas_20251117.log")] == ["a", "b"]
