"""Where the tables lie, by the settings: a DuckDB file, or a DuckLake."""

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from klk_daemon.errors import ConfigError
from klk_daemon.settings import Settings
from klk_daemon.settings.mask import mask
from klk_daemon.warehouse.archivo import Archivo
from klk_daemon.warehouse.origen import Origen

if TYPE_CHECKING:
    from klk_daemon.warehouse.lago import Lago

LAKE = "ducklake:"
LAKE_EXTRA = "lake"
POSTGRES = "ducklake:postgres:"
# What an object store's clients read everywhere, and DuckDB's names for it.
S3 = {
    "KEY_ID": ("AWS_ACCESS_KEY_ID",),
    "SECRET": ("AWS_SECRET_ACCESS_KEY",),
    "SESSION_TOKEN": ("AWS_SESSION_TOKEN",),
    "REGION": ("AWS_REGION", "AWS_DEFAULT_REGION"),
}
ENDPOINT = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


def origen(path: str, data_path: str, *, env: Mapping[str, str] | None = None) -> Origen:
    """The place that `database.path` names. Opens nothing.

    Args:
        path: a file, or `ducklake:postgres:` and how libpq reaches the catalogue.
        data_path: of a lake: a folder, or `s3://bucket/prefix`.
        env: the environment, for the object store's credentials; the process's own where none is given.

    Raises:
        ConfigError: it names another kind of lake, or the extra that it needs is not installed.
    """
    if not path.startswith(LAKE):
        return Archivo(Path(path))
    return lago(path, data_path, os.environ if env is None else env)


def lago(path: str, data_path: str, env: Mapping[str, str]) -> "Lago":
    """See `origen`."""
    name = str(mask("database.path", path))
    if not path.startswith(POSTGRES):
        raise ConfigError(
            f"database.path: {name}: a lake's catalogue must be in PostgreSQL, which many can write at once",
            hint='such as "ducklake:postgres:dbname=klk host=db.example user=klk"',
        )
    from klk_daemon.warehouse import extensiones  # noqa: PLC0415 - for those who have a lake

    if find_spec("psycopg") is None:
        raise ConfigError(
            "database.path: a lake needs psycopg, which is not installed", hint=extensiones.instalar(LAKE_EXTRA)
        )
    from klk_daemon.warehouse.lago import EXTENSIONS, EXTRA, REMOTE, Lago  # noqa: PLC0415
    from klk_daemon.warehouse.turnos import Turnos  # noqa: PLC0415

    for extension in (*EXTENSIONS, *((REMOTE,) if "://" in data_path else ())):
        extensiones.path(extension, extra=EXTRA)
    conninfo = path.removeprefix(POSTGRES)
    return Lago(conninfo, data_path, name, Turnos(conninfo, name), s3(env) if "://" in data_path else {})


def s3(env: Mapping[str, str]) -> dict[str, str]:
    """An object store's secret, as DuckDB calls its fields, from the variables that all its clients read."""
    secret = {field: value for field, names in S3.items() if (value := _first(env, names))}
    if endpoint := _first(env, ENDPOINT):
        parts = urlsplit(endpoint)
        secret["ENDPOINT"] = parts.netloc
        secret["USE_SSL"] = str(parts.scheme != "http").lower()
        secret["URL_STYLE"] = "path"  # what stands in for Amazon has no host name a bucket
    return secret


def folder_of(settings: Settings) -> Path | None:
    """The folder on this machine that the database fills; None where its files lie elsewhere."""
    database = settings.database
    if not database.path.startswith(LAKE):
        return Path(database.path).parent
    return Path(database.data_path) if "://" not in database.data_path else None


def _first(env: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((env[name] for name in names if env.get(name)), None)
