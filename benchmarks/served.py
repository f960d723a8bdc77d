"""The same runs on a file that is closed in between, on one that is served, and with readers at work meanwhile.

python -m benchmarks.served http://127.0.0.1:7002 FOLDER RUNS
"""

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
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
    closed, served = _app(stage, serve=False), _app(stage, serve=True)
    try:
        samples: list[list[Sample]] = [[] for _ in range(2 + 2 * len(PAUSES))]
        for _ in range(runs + 1):
            stage.half_an_hour_later()
            samples[0].append(await _inventario(closed))
            samples[1].append(await _inventario(served))
        for n, pause in enumerate(PAUSES):
            answers: list[float] = []
            with _reader(served, pause, answers):
                for _ in range(runs + 1):
                    stage.half_an_hour_later()
                    samples[2 + 2 * n].append(await _inventario(served))
            samples[3 + 2 * n] += [Sample(answers[0], 0, 0)] * 2
        return [middle(some[1:]) for some in samples]
    finally:
        closed.database.close()
        served.database.close()


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
def _reader(app: App, pause: float, answers: list[float]) -> Iterator[None]:
    """Another process reads all the while; how long an answer took it (median, seconds) is added at the end."""
    command = [sys.executable, "-c", READER, app.settings.database.serve, str(app.state / "quack_token"), QUESTION]
    with subprocess.Popen([*command, str(pause)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # it is a pipe
        if process.stdout.readline() != "reads\n":
            raise RuntimeError("the reader does not read")
        try:
            yield
        finally:
            process.terminate()
        answers.append(json.loads(process.stdout.read()))


if __name__ == "__main__":
    main()
