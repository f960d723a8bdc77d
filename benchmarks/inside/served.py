"""The same runs on a file that is closed in between, on one that is served, and with readers at work meanwhile."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import Any

from benchmarks.engine import Engine
from benchmarks.process import Sample, answer, in_turns, timed
from benchmarks.scene import HALF_AN_HOUR, Scene

QUESTION = (
    "SELECT ubicacion_id, count(*), sum(cantidad), max(fecha_actualizacion),"
    " (SELECT numero FROM ultimo_commit) FROM stock_actual GROUP BY ubicacion_id"
)
READER = """
import duckdb, json, signal, sys, time
from klk_daemon.warehouse import extensiones
uri, file, question, pause = sys.argv[1:]
con = duckdb.connect()
extensiones.load(con, "httpfs", "quack", extra="quack")
token, took, newest = open(file).read(), [], 0
stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
print("reads", flush=True)
while not stop:
    began = time.perf_counter()
    rows = con.execute("FROM quack_query(?, ?, token = ?)", [uri, question, token]).fetchall()
    took.append(time.perf_counter() - began)
    assert rows[0][-1] >= newest, "a step back"
    newest = rows[0][-1]
    time.sleep(float(pause))
print(json.dumps(sorted(took)[len(took) // 2]), flush=True)
"""


def warm(url: str, folder: str, rounds: int, pauses: list[float]) -> object:
    """In this process: runs on a closed file and a served one, in turns; then so with a reader of each pace at work."""
    stage = Scene(url, Path(folder))
    home = stage.fresh()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        uri = f"quack:localhost:{listening.getsockname()[1]}"
    found: dict[str, Any] = {"readers": [], "answers_s": []}
    with Engine(stage.fresh()) as closed, Engine(home, serve=uri) as served:

        def on_closed() -> Sample:
            stage.move(HALF_AN_HOUR)
            stage.prepare()
            return on(closed)

        def on(engine: Engine) -> Sample:
            now = stage.now
            return timed(lambda: engine.run("inventario", now))

        found["alone"] = _plain(in_turns(rounds, on_closed, lambda: on(served)))
        for pause in pauses:
            with _reader(uri, home / "state" / "quack_token", pause, found["answers_s"]):
                found["readers"].append(_plain(in_turns(rounds, on_closed, lambda: on(served))))
    return found


def _plain(tasks: list[list[Sample]]) -> list[list[object]]:
    return [[astuple(one) for one in task] for task in tasks]


@contextmanager
def _reader(uri: str, token: Path, pause: float, answers_s: list[float]) -> Iterator[None]:
    """Another process reads all the while; how long an answer took it (median, seconds) is added at the end."""
    command = [sys.executable, "-c", READER, uri, str(token), QUESTION, str(pause)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # it is a pipe
        if process.stdout.readline() != "reads\n":
            raise RuntimeError("the reader does not read")
        try:
            yield
        finally:
            process.terminate()
        answers_s.append(json.loads(process.stdout.read()))


if __name__ == "__main__":
    answer(warm)
