"""`klk-daemon run`: the daemon in the foreground."""

import asyncio
import os
import signal
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from klk_daemon.bootstrap.app import App, Observer
    from klk_daemon.cli.app import Globals
    from klk_daemon.warehouse.connection import Database

ENDS = (signal.SIGTERM, signal.SIGINT)


def run(context: typer.Context) -> None:
    """Run the daemon in the foreground until SIGTERM or Ctrl-C. SIGHUP re-reads the configuration."""
    for number in ENDS:
        signal.signal(number, lambda *_: os._exit(0))  # nothing has begun yet
    from klk_daemon.lean import lean_imports

    with lean_imports():
        from klk_daemon.bootstrap.daemon import run_daemon

    options: Globals = context.obj
    databases: set[Database] = set()

    def build(before: "App | None", observer: "Observer") -> "App":
        app = options.build(before=before, observer=observer, daemon=True)
        app.elegir(())
        return app

    def in_force(app: "App") -> None:
        app.setup_logs()
        databases.add(app.database)

    async def until_told() -> None:
        starting = asyncio.ensure_future(run_daemon(build, clock=lambda: datetime.now(UTC), on_app=in_force))

        def stop() -> None:
            for database in databases:
                database.stop_waiting()
            starting.cancel()

        for number in ENDS:  # until the daemon, which ends in better order, takes its signals itself
            asyncio.get_running_loop().add_signal_handler(number, stop)
        with suppress(asyncio.CancelledError):
            await starting

    try:
        asyncio.run(until_told())
    finally:
        for database in databases:
            database.close()
