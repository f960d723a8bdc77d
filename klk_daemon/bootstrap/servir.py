"""Where the database lies, and `database.serve`: what it needs, who serves, and how readers attach."""

import socket
from pathlib import Path

from klk_daemon.bootstrap.place import LAKE, origen
from klk_daemon.checks.finding import Hallazgo, fail, ok
from klk_daemon.daemon.instance import QUACK_TOKEN_FILE, token
from klk_daemon.errors import ConfigError
from klk_daemon.settings import Settings
from klk_daemon.warehouse import extensiones
from klk_daemon.warehouse.archivo import Archivo
from klk_daemon.warehouse.origen import Origen
from klk_daemon.warehouse.servido import CONNECT_S, EXTENSIONS, EXTRA, Servido, address, require_extensions

SEAL_FILE = "wal"


def require_servable(settings: Settings) -> None:
    """Checks `database.serve`, where it is set.

    Raises:
        ConfigError: the extra is missing, or other settings do not go with it.
    """
    if not settings.database.serve:
        return
    if settings.database.path.startswith(LAKE):
        raise ConfigError("database.serve: it is a file that is served", hint="a DuckLake's readers attach to it")
    if not settings.http.enabled:
        raise ConfigError(
            "database.serve: needs http.enabled = true",
            hint="the file is the daemon's then, and `status` and `runs` ask it over HTTP",
        )
    try:
        require_extensions()
    except ConfigError as e:
        raise ConfigError(f"database.serve: {e.args[0]}", hint=e.hint) from e


def place(settings: Settings, state: Path, *, daemon: bool) -> Origen:
    """Where the tables lie. The daemon alone serves: any other process opens the file, or finds it held.

    Args:
        settings: the configuration.
        state: the state directory, which is there.
        daemon: whether this process is the daemon.

    Raises:
        ConfigError: it cannot be served.
    """
    require_servable(settings)
    if settings.database.path.startswith(LAKE):
        return origen(settings.database.path, settings.database.data_path)
    file = Path(settings.database.path)
    if not (daemon and settings.database.serve):
        return Archivo(file, state / SEAL_FILE)
    return Servido(file, state / SEAL_FILE, uri=settings.database.serve, token=token(state, QUACK_TOKEN_FILE))


def require_same(before: Origen, after: Origen) -> None:
    """Checks what a new configuration changes.

    Raises:
        ConfigError: a file that is served would be another, or served in another way: its readers hold it.
    """
    if before != after and Servido in {type(before), type(after)}:
        raise ConfigError(
            "database.serve, and the path of a served database, change with a restart of the daemon only",
            hint="the configuration in force stays; `klk-daemon service restart`",
        )


def told(origen: Origen, state: Path) -> dict[str, str] | None:
    """How readers attach: address, file of the token, and SQL; None where nothing is served."""
    if not isinstance(origen, Servido) or not origen.stays_open:
        return None
    return {"uri": origen.uri, "token": str(state / QUACK_TOKEN_FILE), "sql": sql(origen.uri, state)}


def sql(uri: str, state: Path) -> str:
    """What a reader on this machine types: our extensions, and the token from its file, so that none is shown."""
    loads = "; ".join(f"LOAD '{extensiones.path(name, extra=EXTRA)}'" for name in EXTENSIONS)
    file = str(state / QUACK_TOKEN_FILE).replace("'", "''")
    read = f"SET VARIABLE token = (SELECT content FROM read_text('{file}'))"  # noqa: S608 - a path of ours, quoted
    return f"{loads}; {read}; ATTACH '{uri}' AS klk (TOKEN getvariable('token'));"


def examine(settings: Settings, state: Path, pid: int | None) -> list[Hallazgo]:
    """Whether readers can attach, for `check`.

    Args:
        settings: the configuration.
        state: the state directory.
        pid: the daemon's, if it runs.
    """
    uri = settings.database.serve
    if not uri:
        return []
    try:
        require_servable(settings)
    except ConfigError as e:
        return [fail("serve", str(e.args[0]), e.hint)]
    if pid is None:
        return [ok("serve", f"the daemon will serve the database at {uri}")]
    try:
        socket.create_connection(address(uri), CONNECT_S).close()
    except OSError as e:
        why = f"nothing answers at {uri}: {e.strerror or e}"
        return [
            fail("serve", why, "see `base_no_servida` in the daemon's log; restart it after a change of the setting")
        ]
    return [ok("serve", f"the daemon (pid {pid}) serves the database at {uri}; token in {state / QUACK_TOKEN_FILE}")]
