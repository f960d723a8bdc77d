"""`klk-daemon run`: the daemon in the foreground."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from klk_daemon.bootstrap.app import App


def run(context: typer.Context) -> None:
    """Run the daemon in the foreground until SIGTERM or Ctrl-C."""
    from klk_daemon.bootstrap.daemon import run_daemon

    app: App = context.obj.build()
    app.elegir(())
    app.setup_logs()
    try:
        asyncio.run(run_daemon(app, clock=lambda: datetime.now(UTC)))
    finally:
        app.database.close()
