"""The commit receipt: a database that lost what was committed to it is noticed, and healed."""

import shutil
import subprocess
import sys
from datetime import timedelta

from klk_daemon.simulator import Simulador

from .installation import Instalacion, ayer

LEAVE_A_WAL = """
import duckdb, os, signal, sys
con = duckdb.connect(sys.argv[1], config={"storage_compatibility_version": "v1.0.0"})
con.execute("CREATE TABLE de_otros AS SELECT * FROM range(20000)")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_an_older_copy(instalacion: Instalacion) -> None:
    """A restored backup: the loss is told once, what a manual range had read is read again, all is equal."""
    instalacion.ajustes["ventas.first_run_days"] = 0
    instalacion.configure()
    instalacion.trigger("todo")
    copy = shutil.copy(instalacion.database, instalacion.folder / "copy.db")
    fecha = str(ayer(instalacion.mundo) - timedelta(days=3))
    instalacion.trigger("ventas", "--desde", fecha, "--hasta", fecha)
    before = instalacion.sql("SELECT count(*) FROM ventas_raw WHERE fecha = ?", fecha)
    assert before != [(0,)]
    shutil.copy(copy, instalacion.database)

    instalacion.trigger("ventas")
    (told,) = instalacion.of("commits_perdidos")
    assert told["commits"] <= 4  # stores that wait together share one
    assert len(told["tiendas"]) == 4
    assert told["completa"] is True
    assert instalacion.sql("SELECT count(*) FROM ventas_raw WHERE fecha = ?", fecha) == before
    assert instalacion.sql("SELECT count(*) FROM ventas_por_releer") == [(0,)]
    instalacion.trigger("ventas")
    assert len(instalacion.of("commits_perdidos")) == 1
    instalacion.sales_equal()


def test_a_new_database_is_no_loss(instalacion: Instalacion) -> None:
    """Who deletes the file wants a new one: nothing is told as lost, and nothing old is read."""
    instalacion.trigger("todo")
    instalacion.database.unlink()
    instalacion.trigger("todo")
    assert instalacion.of("commits_perdidos") == []
    instalacion.sales_equal()


def test_a_log_that_cannot_be_replayed(instalacion: Instalacion, simulador: Simulador) -> None:
    """It is put aside under another name, not deleted, and told of loudly; the run goes on and all is equal."""
    del simulador
    instalacion.trigger("todo")
    subprocess.run([sys.executable, "-c", LEAVE_A_WAL, str(instalacion.database)], check=False)
    wal = instalacion.database.with_name("klk.db.wal")
    damaged = bytearray(wal.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    wal.write_bytes(damaged)

    instalacion.trigger("todo")
    (told,) = instalacion.of("wal_apartado")
    assert told["level"] == "critical"
    (aside,) = instalacion.database.parent.glob("klk.db.wal.ilegible-*")
    assert aside.read_bytes() == damaged
    instalacion.sales_equal()
    instalacion.stock_equal()
