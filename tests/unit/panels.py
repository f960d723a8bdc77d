"""Panels for tests of what the dashboard makes of them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from klk_daemon.domain import Job
from klk_daemon.web.dashboard.panel import Celda, Panel, Tienda, Trabajo

AHORA = datetime.fromisoformat("2025-11-17T14:40")
HACE_POCO = AHORA - timedelta(minutes=5)
NOMBRES = {"tienda_01": "PERIFERICO", "tienda_08": "BOSQUE", "tienda_17": "ARTIGAS"}
BIEN = Celda(estado="exitoso", inicio=HACE_POCO, exito=HACE_POCO)


def fallida(tipo: str, desde: datetime, **otros: Any) -> Celda:
    """A cell whose last run failed."""
    return Celda(
        estado="fallido", inicio=HACE_POCO, exito=desde, falla_desde=desde, error_tipo=tipo, error=tipo, **otros
    )


def tienda(id_: str = "tienda_01", *, celdas: dict[Job, Celda] | None = None, **otros: Any) -> Tienda:
    """A store whose jobs are well, but for `celdas`."""
    todas = dict.fromkeys(Job, BIEN) | (celdas or {})
    return Tienda(id_, NOMBRES[id_], f"SUC-{id_}", todas, **otros)


def panel(*tiendas: Tienda, trabajos: Sequence[Trabajo] = (), **otros: Any) -> Panel:
    """A panel of these stores; all three, where none is given."""
    values: dict[str, Any] = {
        "ahora": AHORA,
        "leido": AHORA,
        "sin_leer": "",
        "sin_leer_desde": None,
        "zona": ZoneInfo("America/Caracas"),
        "version": "0",
        "trabajos": trabajos or [Trabajo(job) for job in Job],
        "tiendas": tiendas or [tienda(id_) for id_ in NOMBRES],
    }
    return Panel(**values | otros)
