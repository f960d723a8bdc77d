"""What `check` and `tiendas --discover` need. Settings with which nothing can be run will do."""

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from klk_daemon.bootstrap.place import LAKE, folder_of, origen
from klk_daemon.checks import folders, host
from klk_daemon.checks.finding import Grado, Hallazgo, fail, ok, told, unwatched
from klk_daemon.daemon.instance import running_pid
from klk_daemon.domain import Tienda
from klk_daemon.errors import ConfigError, KlkError
from klk_daemon.lean import lean_imports
from klk_daemon.service import crontab
from klk_daemon.service.target import UNIT, agent_places, system_places, user_places
from klk_daemon.settings import Loaded, Settings, require_runnable, summary
from klk_daemon.settings.mask import mask
from klk_daemon.windows import local

if TYPE_CHECKING:
    from klk_daemon.klk.client import KlkClient

# A person waits: a list takes KLK 0.1 s, a warehouse 1.6 s, and what takes longer than this is in trouble.
PATIENCE_S = 6.0
CONNECT_S = 3.0
HELD_S = 2.0
PACKAGED = ("/usr/lib/systemd/system", "/usr/lib/systemd/user", "/etc/systemd/user")


def client(settings: Settings, slots: asyncio.Semaphore) -> "KlkClient":
    """A client of one attempt and little patience."""
    with lean_imports():
        from klk_daemon.klk.client import ClientOptions, KlkClient  # noqa: PLC0415 - 60 ms, for those who ask KLK

    api = settings.api
    options = ClientOptions(
        base_url=api.base_url,
        timeout_s=min(api.timeout_s, PATIENCE_S),
        connect_timeout_s=min(api.connect_timeout_s, CONNECT_S),
        max_response_mb=api.max_response_mb,
        retry_attempts=1,
    )
    return KlkClient(options, slots)


def stores(settings: Settings) -> tuple[Tienda, ...]:
    """The stores as configured, inactive ones too."""
    return tuple(Tienda(t.id, t.nombre, t.sucursal, t.almacenes, t.activa) for t in settings.tiendas)


async def examine(
    loaded: Loaded | ConfigError,
    state: Path,
    *,
    home: Path,
    env: Mapping[str, str],
    clock: Callable[[], datetime],
) -> list[Hallazgo]:
    """Everything that `check` looks at, side by side.

    Args:
        loaded: the settings, or why there are none.
        state: the state directory.
        home: the user's.
        env: the environment.
        clock: the time, UTC.
    """
    pid = _daemon_pid(state)
    here = [folders.writable("state", state, "KLK_STATE_DIR")]
    unit = next((path for path in _units(home, env, state) if path.is_file()), None)
    service = host.service(unit, daemon_pid=pid)
    if isinstance(loaded, ConfigError):
        why = "there is no configuration to go by"
        rest = [unwatched("all others", f"logs, database, disk, api, clock and tiendas: {why}")]
        return [_wrong(loaded), *here, service, _old_cron(), *rest]
    settings = loaded.settings
    zona = ZoneInfo(settings.schedule.timezone)
    logs = Path(settings.logs.dir)
    in_database, in_klk, cron = await asyncio.gather(
        _database(settings, state, pid, lambda: local(clock(), zona)),
        _klk(settings, clock),
        asyncio.to_thread(_old_cron),
    )
    place = folder_of(settings)
    kept = {"logs": logs} if place is None else {"database": place, "logs": logs}
    return [
        _configuration(loaded),
        *here,
        folders.logs(logs, f"{local(clock(), zona):%Y%m%d}"),
        *in_database,
        *folders.disks(kept, database="database"),
        *in_klk,
        service,
        cron,
    ]


def _daemon_pid(state: Path) -> int | None:
    try:
        return running_pid(state) if state.is_dir() else None
    except OSError:  # another user's
        return None


def _units(home: Path, env: Mapping[str, str], state: Path) -> list[Path]:
    """Where a service's file may be: where `service install` puts it, or a package or an administrator."""
    if sys.platform == "darwin":
        agent = agent_places(home, env, state).unit
        return [agent, Path("/Library/LaunchAgents") / agent.name, Path("/Library/LaunchDaemons") / agent.name]
    packaged = (Path(place) / UNIT for place in PACKAGED)
    return [system_places().unit, user_places(home, env, state).unit, *packaged]


def _old_cron() -> Hallazgo:
    try:
        removed = crontab.cut(crontab.read() or b"").removed
    except KlkError:  # no cron, or none for this user
        removed = ()
    jobs = [line for line in removed if not line.lstrip().startswith(b"#")]
    user = os.environ.get("USER") or str(os.geteuid())
    return host.old_cron(crontab.SCRIPT, lines=len(jobs), user=user, system=crontab.elsewhere())


def _configuration(loaded: Loaded) -> Hallazgo:
    try:
        require_runnable(loaded)
    except ConfigError as e:
        return _wrong(e)
    return ok("configuration", f"{loaded.file or 'environment and command line'}: {summary(loaded)}")


def _wrong(error: ConfigError) -> Hallazgo:
    message = "; ".join(str(error.args[0]).splitlines())
    return fail("configuration", message, error.hint or "`klk-daemon config validate` looks again")


def _remote(settings: Settings) -> bool:
    return settings.database.path.startswith(LAKE)


async def _database(settings: Settings, state: Path, pid: int | None, clock: Callable[[], datetime]) -> list[Hallazgo]:
    from klk_daemon.checks.database import database  # noqa: PLC0415 - DuckDB, for those who have a file
    from klk_daemon.warehouse.connection import Database  # noqa: PLC0415

    served = []
    if settings.database.serve:
        from klk_daemon.bootstrap import servir  # noqa: PLC0415

        served = await asyncio.to_thread(servir.examine, settings, state, pid)
        if pid is not None and served[0].estado is Grado.OK:
            return [ok("database", f"the daemon (pid {pid}) keeps it open, and serves it"), *served]
    try:
        place = origen(settings.database.path, settings.database.data_path)
    except ConfigError as e:  # the extra that it needs is not installed
        return [fail("database", *told(e))]
    db = Database(place, lock_timeout_s=HELD_S, memory_limit=settings.database.memory_limit)
    try:
        if not _remote(settings):
            return [*await database(db, daemon_pid=pid, clock=clock), *served]
        from klk_daemon.checks.lago import lago  # noqa: PLC0415

        ids = [t.id for t in settings.tiendas if t.activa]
        return await lago(db, data_path=settings.database.data_path, tiendas=ids, clock=clock)
    finally:
        await asyncio.to_thread(db.close)


async def _klk(settings: Settings, clock: Callable[[], datetime]) -> list[Hallazgo]:
    if not settings.api.base_url:
        return [unwatched("api", "api.base_url is not set")]
    most = settings.api.max_concurrency
    asking = client(settings, asyncio.Semaphore(most))  # before the import below, for which it loads httpx lean
    from klk_daemon.checks.klk import KlkCheck  # noqa: PLC0415

    url = str(mask("api.base_url", settings.api.base_url))
    # Slots of its own: it must know before a request waits for one whether KLK hangs.
    check = KlkCheck(asking, asyncio.Semaphore(most), url=url, zona=settings.schedule.timezone, clock=clock)
    return await check.run(stores(settings))
