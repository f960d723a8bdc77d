"""`database.serve`: the daemon keeps the file open, and everybody else still gets what they ask for."""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
from served import Reader, free_uri, require_extra

from .daemon import Daemon, running, wait_for
from .installation import BOSQUE, NEVER, Instalacion

pytestmark = pytest.mark.extras
RUNS = 100
LEDGER = "SELECT run_id, estado FROM etl_ejecuciones WHERE etl_tipo = 'ventas' AND modo = 'incremental'"
NEVER_DONE = "SELECT count(*) FROM range(1000000) AS a(i), range(1000000) AS b(j) WHERE i + j = -1"


@pytest.fixture
def uri(usada: Instalacion) -> str:
    """Where the daemon of `usada` will serve; it has nothing to do, and no half hour that passes leaves a gap."""
    require_extra()
    uri = free_uri()
    usada.ajustes |= {"database.serve": uri} | NEVER
    return uri


@contextmanager
def serving(instalacion: Instalacion) -> Iterator[Daemon]:
    """A daemon that serves."""
    before = len(instalacion.of("base_servida"))
    with running(instalacion, runs=0) as daemon:
        wait_for(lambda: len(instalacion.of("base_servida")) > before, "it serves")
        yield daemon


def token(instalacion: Instalacion) -> str:
    """What lets readers pass."""
    return (instalacion.state / "quack_token").read_text(encoding="ascii")


def trigger(daemon: Daemon, job: str) -> str:
    """A run of one store, to its end; its id."""
    answer = daemon.order(
        f"/api/trigger/{job}", json.dumps({"tiendas": [BOSQUE]}), Accept="application/x-ndjson", Connection="close"
    )
    resultado = json.loads(answer.body.splitlines()[-1])["resultado"]
    assert resultado["estado"] == "exitoso"
    return str(resultado["run_id"])


class Watcher(threading.Thread):
    """Reads the newest commit's number in a loop."""

    def __init__(self, uri: str, secret: str) -> None:
        super().__init__()
        self._reader = Reader(uri, secret)
        self.seen: list[int] = []
        self.error: Exception | None = None
        self._stop_asked = threading.Event()

    def run(self) -> None:
        """Until told."""
        try:
            with self._reader as reader:
                while not self._stop_asked.wait(0.01):
                    self.seen.append(reader.ask("SELECT numero FROM ultimo_commit")[0][0])
        except duckdb.Error as e:
            self.error = e

    def end(self) -> list[int]:
        """Stops it; what it has seen."""
        self._stop_asked.set()
        self.join()
        assert self.error is None
        return self.seen


def test_every_commit_is_seen(usada: Instalacion, uri: str) -> None:
    """A reader in a loop during forty runs: no error, no step back, and each run's row as soon as it has ended."""
    with serving(usada) as daemon, Reader(uri, token(usada)) as reader:
        watcher = Watcher(uri, token(usada))
        before = reader.ask("SELECT numero FROM ultimo_commit")[0][0]
        watcher.start()
        for n in range(RUNS):
            run_id = trigger(daemon, "ventas")
            assert reader.ask(f"{LEDGER} AND run_id = '{run_id}'") == [(run_id, "exitoso")], f"run {n}"
        seen = watcher.end()
        assert seen == sorted(seen)
        assert reader.ask("SELECT numero FROM ultimo_commit")[0][0] >= before + RUNS
        assert len(seen) > RUNS
        assert daemon.stop() == 0
    usada.sales_equal()


def test_commands_while_it_is_served(usada: Instalacion, uri: str) -> None:
    """`status`, `runs`, `certificados`, `trigger` and `check` answer as with a file that is free."""
    del usada.ajustes["database.serve"]
    usada.configure()
    todo = usada.run("runs", "--json", code=0).documento
    alone = {what: usada.run(*what.split(), code=0).out for what in ("runs -v", "runs --gaps", "certificados --json")}
    usada.ajustes["database.serve"] = uri
    with serving(usada) as daemon:
        assert usada.run("runs", "--json", code=0).documento == todo
        assert {what: usada.run(*what.split(), code=0).out for what in alone} == alone
        assert usada.run("runs", "--job", "ventas", "--desde", "2999-01-01", code=0).out == "no runs\n"
        assert usada.trigger("ventas").documento["estado"] == "exitoso"
        check = {each["check"]: each for each in usada.run("check", "--json", code=0).documento}
        assert uri in check["serve"]["mensaje"]
        assert check["database"]["estado"] == "ok"
        assert daemon.ask("/api/runs?desde=never").status == 400
        assert daemon.stop() == 0


def test_status_says_how_to_attach(usada: Instalacion, uri: str) -> None:
    """What it prints is typed as it is, reads the tables, and shows no token; the token's file is closed to others."""
    with serving(usada):
        report = usada.run("status", "--json").documento["servida"]
        text = usada.run("status").out
        secret = token(usada)
    assert report["uri"] == uri
    assert report["sql"] in text
    assert secret not in text
    file = Path(report["token"])
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(secret) >= 43  # 256 bits
    with serving(usada), duckdb.connect() as con:
        con.execute(report["sql"])
        ((rows,),) = con.execute("SELECT count(*) FROM klk.ventas_raw").fetchall()
    assert rows > 0
    assert usada.run("status", "--json").documento["servida"] is None
    assert [(rows,)] == usada.sql("SELECT count(*) FROM ventas_raw"), "and it is a file again"


@pytest.mark.usefixtures("uri")
def test_others_find_it_held(usada: Instalacion) -> None:
    """A second installation on the same file waits, fails with `bd_ocupada`, and names the daemon."""
    with serving(usada) as daemon:
        env = {"KLK_STATE_DIR": str(usada.folder / "other")}
        done = usada.run("trigger", "ventas", "--json", "--set", "database.lock_timeout_s=0.2", code=4, env=env)
        assert {*done.estados.values()} == {("fallido", "bd_ocupada")}
        assert str(daemon.process.pid) in done.out


def test_ends_in_time_with_readers(usada: Instalacion, uri: str) -> None:
    """A reader in the middle of a query that takes for ever is cut off: the daemon ends within ten seconds."""
    with serving(usada) as daemon, Reader(uri, token(usada)) as reader:
        cut_off = threading.Event()

        def wait_for_ever() -> None:
            with pytest.raises(duckdb.Error):
                reader.ask(NEVER_DONE)
            cut_off.set()

        thread = threading.Thread(target=wait_for_ever)
        thread.start()
        with Reader(uri, token(usada)) as other:
            wait_for(lambda: other.ask("SELECT 1") == [(1,)], "another reader is answered meanwhile")
        assert trigger(daemon, "ventas")
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < 10
        thread.join()
        assert cut_off.is_set()
    usada.sales_equal()


def test_killed_and_started_again(usada: Instalacion, uri: str) -> None:
    """After `kill -9` with a reader attached, the next daemon serves again, and holds whatever was committed."""
    with serving(usada) as daemon, Reader(uri, token(usada)) as reader:
        run_id = trigger(daemon, "ventas")
        held = reader.ask("SELECT numero FROM ultimo_commit")
        daemon.process.send_signal(signal.SIGKILL)
        daemon.process.wait()
    (usada.state / "http.json").unlink()
    with serving(usada), Reader(uri, token(usada)) as reader:
        assert reader.ask(f"{LEDGER} AND run_id = '{run_id}'") == [(run_id, "exitoso")]
        assert reader.ask("SELECT numero FROM ultimo_commit") == held
    assert usada.of("commits_perdidos") == []


@pytest.mark.parametrize("ajuste", ["database.serve", "database.path"])
def test_reload_moves_nothing(usada: Instalacion, uri: str, ajuste: str) -> None:
    """Another address, or another file, needs a restart: the reload is refused with that reason, readers stay."""
    with serving(usada), Reader(uri, token(usada)) as reader:
        usada.ajustes[ajuste] = {"database.serve": "", "database.path": "data/other.db"}[ajuste]
        usada.configure()
        os.kill(int((usada.state / "klk-daemon.pid").read_text()), signal.SIGHUP)
        wait_for(lambda: bool(usada.of("configuracion_rechazada")), "the refusal")
        assert "restart" in usada.of("configuracion_rechazada")[0]["error"]
        assert reader.ask("SELECT count(*) > 0 FROM ventas_raw") == [(True,)]


@pytest.mark.usefixtures("uri")
def test_without_the_extra(usada: Instalacion) -> None:
    """Refused before anything runs, exit 2, with the command that installs it; so is a server that is off."""
    old = usada.folder / "path" / "duckdb_extension_quack"
    old.mkdir(parents=True)
    (old / "__init__.py").touch()
    usada.ajustes["http.enabled"] = True
    usada.configure()
    env = {"PYTHONPATH": str(old.parent)}
    for command in (["run"], ["trigger", "ventas"], ["config", "validate"]):
        told = usada.run(*command, code=2, env=env)
        assert f"{sys.executable} -m pip install 'klk-daemon[quack]'" in told.err
        assert "database.serve" in told.err
    found = {each["check"]: each for each in usada.run("check", "--json", code=1, env=env).documento}
    assert found["serve"]["estado"] == "fail"
    usada.ajustes["http.enabled"] = False
    usada.configure()
    assert "http.enabled" in usada.run("run", code=2).err
