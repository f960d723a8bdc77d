"""Who writes a lake, and who runs which store."""

import os
import signal
import threading
import time
from collections.abc import Callable

import psycopg

from klk_daemon.warehouse.lago import Lago


def test_a_turn_given_while_giving_up_is_kept_no_longer_than_used(vista: Callable[[], Lago]) -> None:
    """PostgreSQL may give a lock in the moment in which it says that it waited too long: others still get theirs."""
    uno, dos, tres = (vista().turnos for _ in range(3))
    deadline, never = time.monotonic() + 20, threading.Event()

    def write() -> None:
        with dos.escribir(deadline, never):
            pass

    with psycopg.connect(uno.conninfo, autocommit=True) as admin:
        with uno.escribir(deadline, never):
            thread = threading.Thread(target=write)
            thread.start()
            waits = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            while (row := admin.execute(waits).fetchone()) is None:
                time.sleep(0.01)
            os.kill(row[0], signal.SIGSTOP)  # its half second passes, and the lock is given, while it cannot look
            time.sleep(0.6)
        os.kill(row[0], signal.SIGCONT)
        thread.join()
        with tres.escribir(time.monotonic() + 1, never):
            pass
    for turnos in (uno, dos, tres):
        turnos.cerrar()


def test_a_store_is_one_daemons(vista: Callable[[], Lago]) -> None:
    """The second gets what is left, knows who has the rest, and gets it when that one is gone."""
    uno, dos = vista().turnos, vista().turnos
    assert uno.tomar(["a", "b"]) == {"a", "b"}
    assert dos.tomar(["b", "c"]) == {"c"}
    assert list(dos.ajenas(["b", "c"])) == ["b"]
    assert "klk-daemon" in dos.ajenas(["b"])["b"]
    assert uno.tomar(["a", "b"]) == {"a", "b"}  # taken once, however often it is asked
    uno.conservar(["a"])
    assert dos.tomar(["a", "b"]) == {"b"}
    uno.cerrar()
    assert dos.tomar(["a"]) == {"a"}
    dos.cerrar()
