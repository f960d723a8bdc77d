"""Where values come from: each source read into a layer that knows its origin.

pydantic-settings decodes the text of the environment and of `--set` (numbers, booleans, JSON for lists).
The file is read with tomllib: pydantic-settings' TOML source passes over a file that is not there, and a
named file that is missing must be an error here.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic_settings import EnvSettingsSource, SettingsError

from klk_daemon.errors import ConfigError
from klk_daemon.settings.model import Settings, documented_keys

_PATHS: Final = (("database", "path"), ("database", "data_path"), ("logs", "dir"), ("metrics", "textfile"))
# Read by other parts of klk-daemon, or by its tests; no settings, and no typing errors either.
_NO_SETTINGS: Final = frozenset({"KLK_STATE_DIR", "KLK_CONFIG", "KLK_TEST_FULL"})
_TOML_PLACE: Final = re.compile(r"(?P<what>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|(?P<end>.*))\)")

SETTABLE: Final = (*(key for key in documented_keys() if not key.startswith("tiendas.")), "tiendas")
_VARIABLES: Final = {f"KLK_{key.upper().replace('.', '__')}": key for key in SETTABLE}


@dataclass(frozen=True)
class Layer:
    """The values of one source.

    Attributes:
        origin: What `config show` says of a value from here.
        where: How an error names the source.
        tree: Section to key to value, as found; relative paths made absolute.
        problem: What is wrong with its key, which is then in no tree; mostly empty.
    """

    origin: str
    where: str
    tree: dict[str, Any] = field(default_factory=dict)
    problem: str = ""


def default_paths(base: Path, where: str) -> Layer:
    """The defaults that depend on where the file is: `database.path` and `logs.dir`.

    Args:
        base: The file's folder, or the working directory where there is no file.
        where: How an error about a value nobody gave names its place.
    """
    default = Settings()
    tree = {"database": {"path": default.database.path}, "logs": {"dir": default.logs.dir}}
    return Layer("default", where, _anchored(tree, base))


def from_file(path: Path) -> Layer:
    """The file's values.

    Raises:
        ConfigError: It cannot be read, or is not TOML: with file, line and column.
    """
    try:
        tree = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text, at byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        found = _TOML_PLACE.fullmatch(str(error))
        if not found:
            raise ConfigError(f"{path}: not TOML: {error}") from error
        place = found["end"] or f"line {found['line']}, column {found['column']}"
        raise ConfigError(f"{path}: {place}: not TOML: {found['what']}") from error
    return Layer(f"file {path}", str(path), _anchored(tree, path.parent))


def from_environment(env: Mapping[str, str], cwd: Path) -> list[Layer]:
    """One layer for each `KLK_…` variable that is, or should be, a setting.

    Args:
        env: The environment.
        cwd: What a relative path in it is relative to.

    Returns:
        The layers; an unknown variable's has a `problem`.
    """
    layers = []
    for name in sorted(env):
        if not name.startswith("KLK_") or name in _NO_SETTINGS or name.startswith("KLK_DEMO"):
            continue
        if name in _VARIABLES:
            layers.append(_decoded(_VARIABLES[name], env[name], f"environment {name}", name, cwd))
        else:
            near = _near(name.upper(), [*_VARIABLES, *_NO_SETTINGS])
            layers.append(Layer("", name, problem=f"unknown setting in the environment{near}"))
    return layers


def from_command_line(overrides: Mapping[str, str], cwd: Path) -> list[Layer]:
    """One layer for each `--set KEY=VALUE`; an unknown key's has a `problem`.

    Args:
        overrides: Dotted key to text.
        cwd: What a relative path in them is relative to.
    """
    layers = []
    for key, text in overrides.items():
        if key in SETTABLE:
            layers.append(_decoded(key, text, "command line", "--set", cwd))
        else:
            layers.append(Layer("", "--set", problem=f"{key}: unknown key{_near(key, SETTABLE)}"))
    return layers


def parse_set(values: Iterable[str]) -> dict[str, str]:
    """The values of a repeatable `--set KEY=VALUE`; the last of a key wins.

    Raises:
        ConfigError: One of them has no `=`.
    """
    pairs = {}
    for value in values:
        key, equals, text = value.partition("=")
        if not equals or not key.strip():
            # what stands there may be a password: name the form, not the text
            raise ConfigError("--set: expected KEY=VALUE, such as api.timeout_s=60")
        pairs[key.strip()] = text
    return pairs


def unknown(name: str, known: Iterable[str]) -> str:
    """What an error says of a key that nobody knows, the nearest known one suggested."""
    return f"unknown key{_near(name, known)}"


def _near(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _decoded(key: str, text: str, origin: str, where: str, cwd: Path) -> Layer:
    """One setting's text, decoded by the type of its field."""
    source = EnvSettingsSource(Settings)
    # Exactly one variable: an undecodable one is then known by name.
    source.env_vars = {f"klk_{key.replace('.', '__')}": text}
    try:
        tree = source()
    except (SettingsError, RecursionError):
        tree = {}
    if not tree:  # not JSON where a list belongs, or JSON's null: the model says what is expected
        section, _, name = key.partition(".")
        tree = {section: {name: text} if name else text}
    return Layer(origin, where, _anchored(tree, cwd))


def _anchored(tree: dict[str, Any], base: Path) -> dict[str, Any]:
    """The same tree, its relative paths made absolute from `base`."""
    for section, key in _PATHS:
        table = tree.get(section)
        if isinstance(table, dict) and isinstance(table.get(key), str):
            table[key] = _absolute(table[key], base)
    return tree


def _absolute(text: str, base: Path) -> str:
    if not text.strip() or text.startswith((":", "ducklake:")) or "://" in text or "\0" in text:
        return text  # no path, or one that the model refuses in words about what was written
    # The base's symbolic links first: "../data" beside a linked folder is where the shell would find it.
    # os.path.expanduser, unlike Path's, does not fail for a user without a home (a container's bare uid).
    return os.path.normpath(os.path.join(os.path.realpath(base), os.path.expanduser(text)))  # noqa: PTH111, PTH118 - see above
