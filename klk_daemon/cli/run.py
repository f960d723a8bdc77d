"""`klk-daemon run`: the daemon in the foreground."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from klk_daemon.bootstrap.app import App, Observer
    from klk_daemon.cli.app import Globals


def run(context: typer.Context) -> None:
    """Run the daemon in the foreground until SIGTERM or Ctrl-C. SIGHUP re-reads the configuration."""
    from klk_daemon.bootstrap.daemon import run_daemon

    options: Globals = context.obj
    databases = set()

    def build(before: "App | None", observer: "Observer") -> "App":
        app = options.build(before=before, observer=observer, daemon=True)
        app.elegir(())
        return app

    def in_force(app: "App") -> None:
        app.setup_logs()
        databases.add(app.database)

    try:
        asyncio.run(run_daemon(build, clock=lambda: datetime.now(UTC), on_app=in_force))
    finally:
        for database in databases:
            database.close()
