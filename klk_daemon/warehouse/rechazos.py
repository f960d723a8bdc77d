"""Rows put aside: kept whole in `filas_rechazadas`, the same row again only counted."""

from collections.abc import Sequence
from datetime import datetime

from duckdb import DuckDBPyConnection

from klk_daemon.domain import Job, Rechazo
from klk_daemon.jsontext import json_text
from klk_daemon.warehouse.packing import pack
from klk_daemon.warehouse.staging import stage

TYPES = {"motivo": "VARCHAR", "fila": "VARCHAR"}


def anotar(con: DuckDBPyConnection, job: Job, ubicacion_id: str, rechazos: Sequence[Rechazo], now: datetime) -> None:
    """Records them in the caller's transaction. `now` is naive local time."""
    if not rechazos:
        return
    distintas = {(r.motivo, json_text(r.fila)) for r in rechazos}
    stage(con, "lote_rechazado", TYPES, pack([*TYPES], sorted(distintas)))
    con.execute(
        "UPDATE filas_rechazadas AS f SET veces = veces + 1, ultima_vez = ? FROM lote_rechazado AS n"
        " WHERE f.job = ? AND f.ubicacion_id = ? AND f.motivo = n.motivo AND CAST(f.fila AS VARCHAR) = n.fila",
        [now, job, ubicacion_id],
    )
    con.execute(
        "INSERT INTO filas_rechazadas (primera_vez, ultima_vez, veces, job, ubicacion_id, motivo, fila)"
        " SELECT ?, ?, 1, ?, ?, n.motivo, n.fila FROM lote_rechazado AS n WHERE NOT EXISTS ("
        "  SELECT 1 FROM filas_rechazadas AS f WHERE f.job = ? AND f.ubicacion_id = ? AND f.motivo = n.motivo"
        "  AND CAST(f.fila AS VARCHAR) = n.fila)",
        [now, now, job, ubicacion_id, job, ubicacion_id],
    )
