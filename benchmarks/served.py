"""The same runs on a file that is closed in between, on one that is served, and with readers at work meanwhile.

python -m benchmarks.served http://127.0.0.1:7002 FOLDER RUNS
"""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.process import Sample, middle
from benchmarks.scene import Scene
from benchmarks.warm import cpu, rss
from klk_daemon.bootstrap.app import App, build
from klk_daemon.domain import Job
from klk_daemon.jobs.trigger import en_turno
from klk_daemon.settings import load

# A page of figures that is loaded again every tenth of a second; and a program that does nothing but ask.
PAUSES = (0.1, 0.0)
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


def main() -> None:
    """Prints the medians as JSON: closed, served, then for each of `PAUSES` the runs and the reader's own answers."""
    stage, runs = Scene(sys.argv[1], Path(sys.argv[2])), int(sys.argv[3])
    print(json.dumps([asdict(sample) for sample in asyncio.run(_measure(stage, runs))]))


async def _measure(stage: Scene, runs: int) -> list[Sample]:
    """Each way has a database of its own, and all run in each round, so that all share the weather."""
    apps = [_app(stage, serve=False), *(_app(stage, serve=True) for _ in range(1 + len(PAUSES)))]
    for app in apps:
        await _inventario(app)  # warms up, and has it served
    with ExitStack() as stack:
        for app in apps:
            stack.callback(app.database.close)
        readers = [stack.enter_context(_reader(app, pause)) for app, pause in zip(apps[2:], PAUSES, strict=True)]
        rounds = []
        for _ in range(runs):
            stage.half_an_hour_later()
            rounds.append([await _inventario(app) for app in apps[:2]])
            for app, reader in zip(apps[2:], readers, strict=True):
                reader.send_signal(signal.SIGCONT)
                rounds[-1].append(await _inventario(app))
                reader.send_signal(signal.SIGSTOP)
        closed, served, *read = (middle(samples) for samples in zip(*rounds, strict=True))
        answers = [_answer(reader) for reader in readers]
    return [closed, served, *(sample for pair in zip(read, answers, strict=True) for sample in pair)]


def _app(stage: Scene, *, serve: bool) -> App:
    folder = stage.fresh()
    env = {}
    if serve:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            env["KLK_DATABASE__SERVE"] = f"quack:localhost:{listening.getsockname()[1]}"
    app = build(load(folder / "klk.toml", env=env), folder / "state", daemon=True)
    app.setup_logs(console="critical")
    return app


async def _inventario(app: App) -> Sample:
    wall, used = time.perf_counter(), cpu()
    resultado = await en_turno(
        app.trabajo(Job.INVENTARIO), app.tiendas, app.entorno, clock=lambda: datetime.now(UTC), inventario_wait_s=0
    )
    if resultado.exit_code:
        raise RuntimeError(f"a failure is no measurement: {resultado}")
    return Sample(time.perf_counter() - wall, cpu() - used, rss())


@contextmanager
def _reader(app: App, pause: float) -> "Iterator[subprocess.Popen[str]]":
    """Another process that reads; it stands still (SIGSTOP) until it is told to go on."""
    command = [sys.executable, "-c", READER, app.settings.database.serve, str(app.state / "quack_token"), QUESTION]
    with subprocess.Popen([*command, str(pause)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None  # it is a pipe
            if process.stdout.readline() != "reads\n":
                raise RuntimeError("the reader does not read")
            process.send_signal(signal.SIGSTOP)
            yield process
        finally:
            process.kill()


def _answer(reader: "subprocess.Popen[str]") -> Sample:
    """Ends it; how long an answer took it (median)."""
    reader.send_signal(signal.SIGTERM)
    reader.send_signal(signal.SIGCONT)
    assert reader.stdout is not None  # it is a pipe
    return Sample(json.loads(reader.stdout.read()), 0, 0)


if __name__ == "__main__":
    main()
