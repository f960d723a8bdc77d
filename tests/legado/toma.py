"""`db plan` and `db migrate` called as the command line does, and what readers ask of a database."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from klk_daemon.bootstrap.legado import Examen, examinar
from klk_daemon.bootstrap.migracion import Freno, Informe, migrar
from klk_daemon.settings import Settings

AHORA = datetime(2025, 11, 17, 12)  # noqa: DTZ001 - a store's wall clock
# What readers ask; none of the answers may change.
ANTES = (
    "SELECT * FROM v_ultimas_ejecuciones ORDER BY ALL",
    "SELECT * FROM v_gaps_por_recuperar ORDER BY ALL",
    "SELECT * FROM v_metricas_confiabilidad ORDER BY ALL",
    "SELECT * FROM v_stock ORDER BY ALL",
    "SELECT * FROM v_ventas ORDER BY ALL",
    'SELECT * FROM "v por dia" ORDER BY ALL',
    "SELECT * FROM facturas JOIN items_facturas ON factura_id = id ORDER BY ALL",
    "SELECT * FROM movimientos_inventario ORDER BY ALL",
    "SELECT * FROM productos ORDER BY ALL",
    "SELECT * FROM ubicaciones ORDER BY ALL",
    "SELECT ubicacion_id, MAX(fecha_carga) FROM ventas_raw GROUP BY ubicacion_id ORDER BY ALL",
)


def ajustes(base: Path, **otros: Any) -> Settings:
    """Settings for a database."""
    return Settings(database={"path": str(base)} | {"lock_timeout_s": 1} | otros)  # type: ignore[arg-type]


def callado(_: str) -> None:
    """Whom nothing is told."""


def mirar(base: Path) -> Examen:
    """`db plan`."""
    return asyncio.run(examinar(ajustes(base)))


def tomar(
    base: Path, *, dedupe: bool = False, decir: Callable[[str], None] = callado, freno: Freno | None = None
) -> Informe:
    """`db migrate`."""

    async def ambos() -> Informe:
        examen = await examinar(ajustes(base), contar=dedupe)
        return await migrar(
            ajustes(base), examen, dedupe=dedupe, now=lambda: AHORA, decir=decir, freno=freno or Freno()
        )

    return asyncio.run(ambos())


def sql(base: Path, *queries: str) -> list[list[tuple[Any, ...]]]:
    """Answers, read without a trace."""
    with duckdb.connect(str(base), read_only=True) as con:
        return [con.execute(query).fetchall() for query in queries]
