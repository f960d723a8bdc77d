"""What the database holds, for commands: asked of the daemon that serves it, else read from the file."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from klk_daemon.errors import ConfigError

if TYPE_CHECKING:
    from klk_daemon.bootstrap.app import App


def ask(app: "App", path: str, own: Callable[[], Awaitable[object]]) -> Any:
    """A JSON document: a page of the daemon where it keeps the database open (`database.serve`), else our own.

    Args:
        app: the objects; their database is closed afterwards.
        path: the daemon's page.
        own: reads the database.

    Raises:
        ConfigError: there is no database yet.
        CorridaError: it cannot be read.
        RemoteError: the daemon answered with an error.
    """
    from klk_daemon.cli import remote

    daemon = remote.find(app.state) if app.settings.database.serve else None
    if daemon is not None:
        try:
            return daemon.get(path)
        except OSError:
            pass  # it ends, and lets go of the file; or hangs, and is named as its holder
    if not app.database.exists():
        raise ConfigError(f"there is no database {app.database.origen.name} yet", hint="`klk-daemon trigger todo`")

    async def read() -> object:
        return await own()

    try:
        return json.loads(text(asyncio.run(read())))
    finally:
        app.database.close()


def text(value: object) -> str:
    """As JSON: dates in ISO form, amounts as numbers."""
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else str(value)
