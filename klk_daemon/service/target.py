"""What is to run as a service, and where its files lie: plain values, and pure functions of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

UNIT = "klk-daemon.service"
LABEL = "local.klk-daemon"
RUN_AS = "klk"


class Kind(StrEnum):
    """Whose service it is."""

    SYSTEM = "system"
    USER = "user"
    AGENT = "agent"


@dataclass(frozen=True, slots=True)
class Places:
    """Where a service of a kind has its files.

    Attributes:
        kind: which.
        unit: the file of the service manager.
        config: the configuration, where none is named.
        data: the folder of the database that a new configuration names; an edited one is moved there in the end.
        logs: the folder of the logs that a new configuration names.
        state: the state directory; copies of what is replaced are kept there.
        credentials: the folder of secrets, a file each; systemd's system service alone has one.
    """

    kind: Kind
    unit: Path
    config: Path
    data: Path
    logs: Path
    state: Path
    credentials: Path | None = None

    @property
    def database(self) -> Path:
        """The database that a new configuration names."""
        return self.data / "fluxion_production.db"

    @property
    def managed(self) -> tuple[Path, ...]:
        """Folders that the service manager itself makes and hands over."""
        return (self.data, self.state, self.logs) if self.kind is Kind.SYSTEM else ()


@dataclass(frozen=True, slots=True)
class Program:
    """The program, and the folders without which it cannot run (its environment, the Python below it, its source)."""

    command: tuple[str, ...]
    folders: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """A service to be installed.

    Attributes:
        places: where its files lie.
        program: what it runs.
        config: the configuration that it reads.
        writes: the folders that it writes: of the database, of the logs.
        start_timeout_s: how long it may take to be ready.
        user: whom it runs as; of a system service.
        group: that user's group.
    """

    places: Places
    program: Program
    config: Path
    writes: tuple[Path, ...]
    start_timeout_s: int
    user: str = ""
    group: str = ""

    @property
    def command(self) -> tuple[str, ...]:
        """What the service manager starts."""
        return (*self.program.command, "--config", str(self.config), "run")


def system_places(root: Path = Path("/")) -> Places:
    """Of a system service. `root` is another one than / in tests."""
    return Places(
        Kind.SYSTEM,
        unit=root / "etc/systemd/system" / UNIT,
        config=root / "etc/klk-daemon/klk.toml",
        data=root / "var/lib/klk-daemon",
        logs=root / "var/log/klk-daemon",
        state=root / "var/lib/klk-daemon/state",
        credentials=root / "etc/klk-daemon/credentials",
    )


def user_places(home: Path, env: Mapping[str, str], state: Path) -> Places:
    """Of a user's service on Linux. `state` is what the other commands of this user take for the state directory."""
    config = _xdg(env, "XDG_CONFIG_HOME", home / ".config")
    return Places(
        Kind.USER,
        unit=config / "systemd/user" / UNIT,
        config=config / "klk-daemon/klk.toml",
        data=_xdg(env, "XDG_DATA_HOME", home / ".local/share") / "klk-daemon",
        logs=state / "log",
        state=state,
    )


def agent_places(home: Path, env: Mapping[str, str], state: Path) -> Places:
    """Of a user's agent on macOS."""
    library = home / "Library"
    return Places(
        Kind.AGENT,
        unit=library / "LaunchAgents" / f"{LABEL}.plist",
        config=_xdg(env, "XDG_CONFIG_HOME", home / ".config") / "klk-daemon/klk.toml",
        data=library / "Application Support/klk-daemon",
        logs=library / "Logs/klk-daemon",
        state=state,
    )


def _xdg(env: Mapping[str, str], name: str, default: Path) -> Path:
    """The XDG specification: a relative one is to be ignored."""
    path = Path(env.get(name, ""))
    return path if path.is_absolute() else default
