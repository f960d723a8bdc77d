"""What `runs` and `certificados` tell, and the server's pages of them: read from the database."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from duckdb import DuckDBPyConnection

from klk_daemon.bootstrap.app import App
from klk_daemon.warehouse import certificados as table
from klk_daemon.warehouse import schema
from klk_daemon.windows import local

T = TypeVar("T")


async def leer(app: App, query: Callable[[DuckDBPyConnection], T]) -> T:
    """One read of the database.

    Raises:
        CorridaError: it is held by another process, or cannot be read.
        ConfigError: it has another shape.
    """

    def read(con: DuckDBPyConnection) -> T:
        schema.ensure(con, local(datetime.now(UTC), app.zona), keep=False)
        return query(con)

    return (await app.database.transaction(read, keep=False)).value


async def certificados(app: App, now: datetime) -> dict[str, Any]:
    """The store-days that are proved equal to KLK, those that are open, and those that were reopened.

    Args:
        app: whose database.
        now: UTC; days are the stores'.
    """
    hoy = local(now, app.zona).date()
    rows, abiertos = await leer(app, lambda con: (table.leer(con), table.dias_abiertos(con, hoy)))
    return {
        "certificados": [_certificado(c) for c in rows if c.reabierto is None],
        "abiertos": [{"ubicacion_id": tienda, "fecha": fecha} for tienda, fecha in abiertos],
        "reabiertos": [_certificado(c) for c in rows if c.reabierto is not None],
    }


def _certificado(certificado: table.Certificado) -> dict[str, Any]:
    return {name: getattr(certificado, name) for name in certificado.__slots__}
