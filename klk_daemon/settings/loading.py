"""Find the file, lay the sources over each other, and say where each value came from.

Precedence (contract.md, Configuration): command line, environment, file, defaults.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from klk_daemon.errors import ConfigError
from klk_daemon.settings import sources
from klk_daemon.settings.explain import explain
from klk_daemon.settings.mask import mask
from klk_daemon.settings.model import Settings

SYSTEM_FILE: Final = Path("/etc/klk-daemon/klk.toml")


@dataclass(frozen=True)
class Loaded:
    """The effective settings, and how they came about.

    Attributes:
        settings: The values; paths are absolute.
        origins: Dotted key to "default", "file /path", "environment KLK_X" or "command line"; all stores are
            the one key `tiendas`.
        file: The configuration file, where there is one.
        searched: The places looked in, where no file was named.
    """

    settings: Settings
    origins: dict[str, str]
    file: Path | None
    searched: tuple[Path, ...] = ()


def load(
    config: Path | None = None,
    *,
    overrides: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Loaded:
    """Read and check the whole configuration.

    Args:
        config: The file named with `--config`, if one was.
        overrides: Dotted key to text, from `--set`.
        env: The environment; the process's own where none is given, and systemd's credentials beneath it.
        cwd: The working directory; the process's own where none is given.

    Returns:
        The settings with their origins. No file and no stores is allowed: see `require_runnable`.

    Raises:
        ConfigError: One line for each thing that is wrong, naming the source, the key, what was found and
            what is expected; secrets are masked.
    """
    env = {**_credentials(), **os.environ} if env is None else env
    cwd = Path.cwd() if cwd is None else cwd
    file, searched = _find(config, env, cwd)
    where = str(file) if file else "no configuration file"
    nobody = sources.default_paths(file.parent if file else cwd, where)
    layers = [
        nobody,
        *([sources.from_file(file)] if file else []),
        *sources.from_environment(env, cwd),
        *sources.from_command_line(overrides or {}, cwd),
    ]
    merged, owners = _merge(layers)
    wrong = [f"{layer.where}: {layer.problem}" for layer in layers if layer.problem]
    try:
        settings = Settings(**merged)
    except ValidationError as error:
        # `from None`: pydantic's own text repeats the values, and with them the secrets
        raise ConfigError("\n".join(wrong + explain(error, owners, nobody))) from None
    if wrong:
        raise ConfigError("\n".join(wrong))
    origins = {key: owners[key].origin if key in owners else "default" for key in sources.SETTABLE}
    return Loaded(settings, origins, file, searched)


def require_runnable(loaded: Loaded) -> None:
    """Check what `config show` can do without, and a run cannot.

    Args:
        loaded: What `load` returned.

    Raises:
        ConfigError: `api.base_url` is empty, there is no store, or Apprise does not know a channel.
    """
    looked_in = "; looked in " + ", ".join(str(path) for path in loaded.searched)
    place = f" in {loaded.file}" if loaded.file else looked_in
    needed = {"api.base_url": loaded.settings.api.base_url, "[[tiendas]]": loaded.settings.tiendas}
    wrong = [f"no {key} configured{place}" for key, value in needed.items() if not value] + _channels(loaded)
    if wrong:
        raise ConfigError("\n".join(wrong))


def _channels(loaded: Loaded) -> list[str]:
    """A line for each channel that Apprise does not know. Asking it takes 150 ms, for those who have channels."""
    urls = loaded.settings.alerts.urls
    if not urls:
        return []
    from klk_daemon.alerts.channels import check  # noqa: PLC0415 - see above

    where = loaded.origins["alerts.urls"].removeprefix("file ").removeprefix("environment ")
    wrong = []
    for number, url in enumerate(urls):
        try:
            check(url)
        except ValueError as e:
            key = f"alerts.urls[{number}]"
            wrong.append(
                f'{where}: {key}: found "{mask(key, url)}" ({e}), expected an Apprise URL such as'
                " slack://TokenA/TokenB/TokenC, mailto://user:password@host or ntfy://topic (README, Alerts)"
            )
    return wrong


def _credentials() -> dict[str, str]:
    """Secrets that systemd hands over as files: each is named as the variable that it stands for."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        return {}
    return {path.name: path.read_text(encoding="utf-8").strip() for path in Path(folder).glob("KLK_*")}


def _find(config: Path | None, env: Mapping[str, str], cwd: Path) -> tuple[Path | None, tuple[Path, ...]]:
    """The file to read, and the places looked in: a named one need not exist, reading it says so."""
    named = config or (Path(env["KLK_CONFIG"]) if env.get("KLK_CONFIG") else None)
    if named:
        return cwd / named, ()
    xdg = Path(env.get("XDG_CONFIG_HOME", ""))
    if not xdg.is_absolute():  # the XDG specification: a relative one is to be ignored
        xdg = Path(env.get("HOME") or os.path.expanduser("~")) / ".config"  # noqa: PTH111 - Path's may fail
    places = (cwd / "config" / "klk.toml", xdg / "klk-daemon" / "klk.toml", SYSTEM_FILE)
    # os.path.exists, unlike Path.exists, takes a folder that may not be entered for one without the file
    return next((path for path in places if os.path.exists(path)), None), places  # noqa: PTH110


def _merge(layers: Iterable[sources.Layer]) -> tuple[dict[str, Any], dict[str, sources.Layer]]:
    """The values with the later layers over the earlier ones, and each key's last giver."""
    merged: dict[str, Any] = {}
    owners: dict[str, sources.Layer] = {}
    for layer in layers:
        for section, table in layer.tree.items():
            below = merged.get(section, {})
            if section == "tiendas":  # the stores are one value
                merged[section] = table
                owners[section] = layer
            elif isinstance(table, dict) and isinstance(below, dict):
                merged[section] = below | table
                owners |= {f"{section}.{key}": layer for key in table}
            elif isinstance(below, dict):  # no table where one belongs: an error, never covered up
                merged[section] = table
                owners[section] = layer
    return merged, owners
