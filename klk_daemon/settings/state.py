"""The state directory: what is neither data nor logs (contract.md, Configuration)."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from klk_daemon.errors import ConfigError

_OTHERS = 0o077


# Where `service install --system` puts configuration and state: who may, speaks to that service.
SYSTEM_CONFIG = Path("/etc/klk-daemon/klk.toml")
SYSTEM_STATE = Path("/var/lib/klk-daemon/state")


def state_dir(env: Mapping[str, str] | None = None, *, config: Path | None = None) -> Path:
    """Where pid file, token, pause marks and unwritten ledger rows live.

    Args:
        env: The environment; the process's own where none is given.
        config: The configuration file in use.

    Returns:
        `KLK_STATE_DIR`, else the first folder of systemd's `STATE_DIRECTORY`, else, with the system's configuration,
        the state of the system's service where this user may write it, else the platform's user state directory;
        absolute, and not necessarily there yet.
    """
    env = os.environ if env is None else env
    named = env.get("KLK_STATE_DIR") or env.get("STATE_DIRECTORY", "").split(":")[0]
    if named:
        return Path(named).absolute()
    if config == SYSTEM_CONFIG and os.access(SYSTEM_STATE, os.W_OK | os.X_OK):
        return SYSTEM_STATE
    from platformdirs import user_state_path  # noqa: PLC0415 - under systemd it is never needed

    return user_state_path("klk-daemon")


def ensure_state_dir(path: Path) -> Path:
    """Make the state directory, or tighten the one that is there, to mode 0700.

    Args:
        path: What `state_dir` named.

    Returns:
        The same path, for chaining.

    Raises:
        ConfigError: It cannot be made, written or tightened, or it is a folder shared by everybody.
    """
    hint = "set KLK_STATE_DIR to a folder of its own that this user may write"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = path.stat().st_mode
        # KLK_STATE_DIR=/tmp, run as root, must not close /tmp to everybody else.
        if mode & stat.S_ISVTX:
            raise ConfigError(f"state directory {path}: it is shared by all users", hint=hint)
        if mode & _OTHERS:
            path.chmod(0o700)
    except OSError as error:
        raise ConfigError(f"state directory {path}: {error.strerror or error}", hint=hint) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise ConfigError(f"state directory {path}: it cannot be written", hint=hint)
    return path
