"""The program within this process, as the daemon holds it: built once, then one run after the other in one loop."""

import asyncio
import gc
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb

from benchmarks.process import MB
from klk_daemon.bootstrap.app import build
from klk_daemon.daemon.lifecycle import look_for_cycles_seldom
from klk_daemon.domain import Job, Resultado
from klk_daemon.jobs.trigger import en_turno
from klk_daemon.settings import load


class Watch:
    """How long this process has had a database file open: from the call that opens it to the end of its closing.

    It stands between the program and DuckDB, and so needs to know nothing of the program.
    """

    def __init__(self) -> None:
        self.held_s = 0.0
        self._open: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._connect = duckdb.connect
        duckdb.connect = self._opened

    def settle(self, path: str) -> None:
        """Waits until a file is closed: a run's outcome is known before that."""
        with self._changed:
            self._changed.wait_for(lambda: not self._open[path], timeout=60)

    def _opened(self, database: object = ":memory:", *arguments: Any, **options: Any) -> Any:
        path, began = str(database), time.perf_counter()
        with self._changed:
            self._open[path] += 1
        try:
            return _Watched(self._connect(path, *arguments, **options), partial(self._closed, path, began))
        except duckdb.Error:
            self._closed(path, began)
            raise

    def _closed(self, path: str, began: float) -> None:
        with self._changed:
            self.held_s += time.perf_counter() - began
            self._open[path] -= 1
            self._changed.notify_all()


class _Watched:
    """A connection that tells when it is closed, and else is the connection."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, closed: Callable[[], None]) -> None:
        self._connection = connection
        self._closed = closed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()
        self._closed()


WATCH = Watch()


class Engine:
    """The objects of a run, for the configuration in `folder`; with `serve` (see `database.serve`) as the daemon."""

    def __init__(self, folder: Path, *, serve: str = "") -> None:
        env = {"KLK_DATABASE__SERVE": serve} if serve else {}
        self._app = build(load(folder / "klk.toml", env=env), folder / "state", daemon=bool(serve))
        self._app.setup_logs(console="critical")
        self._runner = asyncio.Runner()
        self.added = 0  # rows, by the last run
        look_for_cycles_seldom()

    @property
    def size_mb(self) -> float:
        """What the database takes on disk, with the log of what is not yet in its file."""
        file = Path(self._app.settings.database.path)
        return sum(f.stat().st_size for f in (file, file.with_name(f"{file.name}.wal")) if f.exists()) / MB

    def run(self, job: str, now: datetime) -> Resultado:
        """One run at the instant `now` (UTC), to its end: until the database is closed.

        Raises:
            RuntimeError: it failed, in part or as a whole: that is no measurement.
        """
        work = en_turno(
            self._app.trabajo(Job(job)),
            self._app.tiendas,
            self._app.entorno,
            clock=lambda: now,
            inventario_wait_s=0,
        )
        resultado = self._runner.run(work)
        if not self._app.database.origen.stays_open:
            WATCH.settle(self._app.database.origen.path)
        if resultado.exit_code:
            raise RuntimeError(f"a failure is no measurement: {resultado}")
        gc.collect()  # as the daemon does (bootstrap/marcha.py)
        self.added = sum(parte.conteo.insertados for parte in resultado.tiendas)
        return resultado

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._app.database.close()
        self._runner.close()
