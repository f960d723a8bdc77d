"""DuckDB's extensions, from the package index: wheels of exactly DuckDB's version, never a download at run time."""

import sys
from importlib.util import find_spec
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from klk_daemon.errors import ConfigError


def instalar(extra: str) -> str:
    """What installs an extra, for this Python: a hint."""
    return f"{sys.executable} -m pip install 'klk-daemon[{extra}]' installs it"


def load(con: DuckDBPyConnection, *names: str, extra: str) -> None:
    """Loads extensions into a connection, in this order.

    Args:
        con: a connection that was just opened.
        names: the extensions, as their wheels call them: `httpfs`, `quack`, `ducklake`.
        extra: the extra of klk-daemon that brings them.

    Raises:
        ConfigError: one is not installed, or for another DuckDB.
    """
    for name in names:
        con.load_extension(str(path(name, extra=extra)))


def path(name: str, *, extra: str) -> Path:
    """Where an extension lies.

    Raises:
        ConfigError: it is not installed, or for another DuckDB.
    """
    hint = instalar(extra)
    spec = find_spec(f"duckdb_extension_{name}")
    if spec is None or spec.origin is None:
        raise ConfigError(f"DuckDB's extension {name} is not installed", hint=hint)
    folder = Path(spec.origin).parent / "extensions"
    file = folder / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
    if not file.is_file():
        others = ", ".join(sorted(d.name for d in folder.glob("v*"))) or "no version"
        raise ConfigError(
            f"DuckDB's extension {name} is there for {others}, DuckDB is v{duckdb.__version__}", hint=hint
        )
    return file
