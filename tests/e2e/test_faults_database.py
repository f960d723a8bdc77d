"""The database in trouble: held, broken, full; and the log that a killed process left beside it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest
from held import held

from klk_daemon.simulator import Simulador

from .installation import Instalacion, wait_for

PENDING = "ejecuciones_pendientes.jsonl"
LEDGER = "SELECT run_id, ubicacion_id, estado, error_tipo FROM etl_ejecuciones ORDER BY 1, 2"


def test_reader_is_waited_for(usada: Instalacion) -> None:
    """A dashboard that holds the file for three seconds delays a run, and costs nothing."""
    with held(usada.database, "reader", seconds=3):
        salida = usada.trigger("ventas")
    assert salida.documento["estado"] == "exitoso"
    assert salida.documento["duracion_s"] > 1.5
    esperas = "SELECT count(*) FROM etl_ejecuciones WHERE run_id = ? AND espera_bd_s > 1"
    assert usada.sql(esperas, salida.documento["run_id"]) == [(4,)]
    usada.sales_equal()


def test_readers_get_in_between(usada: Instalacion, simulador: Simulador) -> None:
    """While a run waits for KLK, another process can read the file: it is held only while writing."""
    simulador.latencia = type(simulador.latencia)(base=2)
    simulador.olvidar_peticiones()
    with usada.start("trigger", "ventas") as process:
        wait_for(lambda: simulador.peticiones, "a request")
        assert usada.en_proceso() == 4, "its ledger says what is under way"
        assert process.poll() is None
        assert process.wait(30) == 0


@pytest.mark.parametrize("how", ["writer", "reader"])
def test_holder_is_named(usada: Instalacion, how: str) -> None:
    """Held for longer than lock_timeout_s: exit 4, `bd_ocupada` and the holder's pid; the next run books it."""
    with held(usada.database, how) as holder:
        salida = usada.trigger("ventas", "--set", "database.lock_timeout_s=0.5", code=4)
    assert {*salida.estados.values()} == {("fallido", "bd_ocupada")}
    mensajes = {parte["error"]["mensaje"] for parte in salida.partes.values()}
    assert all(f"pid {holder.pid}" in mensaje for mensaje in mensajes), mensajes
    assert usada.of("bd_ocupada")
    pending = usada.state / PENDING
    assert pending.stat().st_mode & 0o777 == 0o600

    usada.trigger("ventas")
    assert not pending.exists()
    run_id = salida.documento["run_id"]
    booked = [(id_, *rest) for run, id_, *rest in usada.sql(LEDGER) if run == run_id]
    assert booked == [(id_, "fallido", "bd_ocupada") for id_ in usada.tiendas]
    ((espera_s,),) = usada.sql("SELECT min(espera_bd_s) FROM etl_ejecuciones WHERE run_id = ?", run_id)
    assert espera_s >= 0.5, "it waited in vain, which is a wait too"
    usada.sales_equal()


def test_held_at_the_first_run(instalacion: Instalacion) -> None:
    """Even a database that is not there yet: whoever makes it first does not keep the run from its ledger."""
    instalacion.database.parent.mkdir()
    with duckdb.connect(str(instalacion.database)):
        salida = instalacion.trigger("todo", "--set", "database.lock_timeout_s=0", code=4)
    assert [d["estado"] for d in salida.documento] == ["fallido", "fallido"]
    instalacion.trigger("todo")
    assert instalacion.sql("SELECT count(*) FROM etl_ejecuciones WHERE error_tipo = 'bd_ocupada'") == [(8,)]


def _broken(path: Path) -> None:
    path.write_bytes(b"\0" * 8192)


def _text(path: Path) -> None:
    path.write_text("this is no database\n" * 100, encoding="utf-8")


def _folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("make", [_broken, _text, _folder])
def test_no_database(instalacion: Instalacion, make: Callable[[Path], None]) -> None:
    """A file that is no database fails every store with `db_error`, in one line that names it, and is left alone."""
    instalacion.database.parent.mkdir()
    make(instalacion.database)
    before = instalacion.database.read_bytes() if instalacion.database.is_file() else b""
    salida = instalacion.trigger("ventas", code=1)
    assert {*salida.estados.values()} == {("fallido", "db_error")}
    for parte in salida.partes.values():
        assert str(instalacion.database) in parte["error"]["mensaje"]
        assert "\n" not in parte["error"]["mensaje"]
    assert before == (instalacion.database.read_bytes() if instalacion.database.is_file() else b"")
    for command in (["status"], ["trigger", "inventario"]):
        told = instalacion.run(*command, code=1)
        assert str(instalacion.database) in told.out + told.err


def test_truncated_database(usada: Instalacion) -> None:
    """A database whose end is missing fails with `db_error`; its rows in the state directory outlive it."""
    with usada.database.open("r+b") as f:
        f.truncate(usada.database.stat().st_size // 3)
    salida = usada.trigger("ventas", code=1)
    assert {tipo for _, tipo in salida.estados.values()} == {"db_error"}
    usada.database.unlink()
    usada.trigger("todo")
    assert usada.sql("SELECT count(*) FROM etl_ejecuciones WHERE error_tipo = 'db_error'") == [(4,)]


def test_missing_folder(instalacion: Instalacion) -> None:
    """The database's folder is made where it is missing; one that cannot be made is a `db_error`."""
    assert not instalacion.database.parent.exists()
    instalacion.trigger("inventario")
    instalacion.stock_equal()
    (instalacion.folder / "file").write_text("", encoding="utf-8")
    path = instalacion.folder / "file" / "klk.db"
    salida = instalacion.trigger("inventario", "--set", f"database.path={path}", code=1)
    assert {tipo for _, tipo in salida.estados.values()} == {"db_error"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 5 MB; skips where this user may mount none."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=5m", "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"no small disk: {done.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """Fills a disk to the last byte; the file that does."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as f, suppress(OSError):
        while True:
            f.write(b"x" * 4096)
    return filler


def test_full_disk(instalacion: Instalacion, small_disk: Path) -> None:
    """On a full disk a run fails with `db_error` and loses nothing that was committed; room made, the next heals."""
    instalacion.database = small_disk / "klk.db"
    instalacion.ajustes["database.path"] = str(instalacion.database)
    instalacion.configure()
    instalacion.trigger("inventario")
    before = instalacion.sql("SELECT count(*) FROM stock_actual")
    filler = fill(small_disk)
    salida = instalacion.trigger("ventas", code=1)
    assert {tipo for _, tipo in salida.estados.values()} == {"db_error"}
    assert all("disk is full" in parte["error"]["mensaje"] for parte in salida.partes.values())
    filler.unlink()
    assert instalacion.sql("SELECT count(*) FROM stock_actual") == before
    instalacion.trigger("todo")
    instalacion.stock_equal()
    instalacion.sales_equal()
    run_id = salida.documento["run_id"]
    assert instalacion.sql("SELECT DISTINCT estado FROM etl_ejecuciones WHERE run_id = ?", run_id) == [("fallido",)]


def test_full_disk_of_everything(small_disk: Path, simulador: Simulador) -> None:
    """Database, state and logs on one full disk: db_error, no traceback; room made, the next run heals."""
    instalacion = Instalacion(small_disk, simulador.mundo, simulador.url)
    instalacion.trigger("inventario")
    filler = fill(small_disk)
    salida = instalacion.trigger("ventas", code=1)
    assert {tipo for _, tipo in salida.estados.values()} == {"db_error"}
    assert salida.err.count("cannot be written") == 1
    filler.unlink()
    instalacion.trigger("todo")
    instalacion.stock_equal()
    instalacion.sales_equal()


LEAVE_A_WAL = """
import duckdb, os, sys
con = duckdb.connect(sys.argv[1], config={"storage_compatibility_version": "v1.0.0"})
con.execute("PRAGMA disable_checkpoint_on_shutdown")
con.execute("SET wal_autocheckpoint = '1TB'")
con.execute("UPDATE stock_actual SET stock_minimo = 7")
os.kill(os.getpid(), 9)
"""


def test_log_of_a_killed_writer_is_replayed(usada: Instalacion) -> None:
    """What a killed process had committed to the write-ahead log is there after the next run."""
    subprocess.run([sys.executable, "-c", LEAVE_A_WAL, str(usada.database)], check=False)
    wal = usada.database.with_name("klk.db.wal")
    assert wal.stat().st_size > 0
    usada.trigger("inventario")
    assert usada.sql("SELECT DISTINCT stock_minimo FROM stock_actual") == [(7,)]
    assert not wal.exists()
    usada.stock_equal()


def test_unreadable_pending_rows(usada: Instalacion) -> None:
    """Ledger rows that a crash cut short in the state directory keep no run from its work."""
    with held(usada.database):
        usada.trigger("ventas", "--set", "database.lock_timeout_s=0", code=4)
    pending = usada.state / PENDING
    lines = pending.read_bytes().splitlines(keepends=True)
    assert all(json.loads(line)["error_tipo"] == "bd_ocupada" for line in lines)
    pending.write_bytes(b"".join(lines[:3]) + lines[3][:40])
    usada.trigger("ventas")
    assert usada.sql("SELECT count(*) FROM etl_ejecuciones WHERE error_tipo = 'bd_ocupada'") == [(3,)]


def test_torn_line_among_whole_ones(usada: Instalacion) -> None:
    """A line that a crash cut short, with others behind it, costs itself alone: of the ledger rows, of the notes."""
    pending, notes = usada.state / PENDING, usada.state / "commits.jsonl"
    pending.write_bytes(b'{"run_id":"abc","etl_ti')
    notes.write_bytes(notes.read_bytes()[:-20])
    with held(usada.database):
        usada.trigger("ventas", "--set", "database.lock_timeout_s=0", code=4)
    usada.trigger("todo")
    usada.trigger("ventas")
    assert not pending.exists()
    ((booked,),) = usada.sql("SELECT count(*) FROM etl_ejecuciones WHERE error_tipo = 'bd_ocupada'")
    assert booked >= 3
    usada.sales_equal()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder(instalacion: Instalacion) -> None:
    """A folder that this user may not write is a `db_error` that says so."""
    instalacion.database.parent.mkdir(mode=0o500)
    salida = instalacion.trigger("inventario", code=1)
    assert {tipo for _, tipo in salida.estados.values()} == {"db_error"}


@pytest.mark.parametrize("delay", [0.25, 0.4, 0.6])
def test_sigterm_while_the_daemon_starts(usada: Instalacion, delay: float) -> None:
    """However early it is told to end, it ends with 0, though another program holds the database."""
    with held(usada.database), usada.start("run") as process:
        time.sleep(delay)
        process.terminate()
        assert process.wait(timeout=10) in {0, -signal.SIGTERM}  # before Python itself is up there is no handler
    assert "Traceback" not in usada.err()
