"""A store's past day made equal to KLK's (contract, "What a run guarantees", 4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import structlog
from duckdb import DuckDBPyConnection

from klk_daemon.domain import Conteo, Rechazo, Tienda
from klk_daemon.errors import SnapshotSospechoso
from klk_daemon.warehouse import ventas
from klk_daemon.warehouse.packing import pack
from klk_daemon.warehouse.staging import changed, scalar, stage
from klk_daemon.warehouse.ventas import Lineas

log = structlog.get_logger()
LINEAS = 2**31  # what the column holds
CLAVE = {"numero_factura": "VARCHAR", "linea": "BIGINT"}


def igualar(
    con: DuckDBPyConnection,
    fecha: date,
    lineas: Lineas,
    rechazos: Sequence[Rechazo],
    *,
    min_ratio: float,
    run_id: str,
    pedida: datetime,
    now: datetime,
) -> Conteo:
    """Adds, updates and deletes lines of one day, and records each difference; in the caller's transaction.

    Args:
        con: an open transaction.
        fecha: the day.
        lineas: all that KLK has for it, of one store.
        rechazos: rows that could not be read: a line that one of them may be is not taken for annulled.
        min_ratio: a day with fewer lines than this share of those held is refused.
        run_id: for `ventas_correcciones`.
        pedida: when KLK was asked, naive local time: what was written since may be missing from its answer.
        now: naive local time.

    Raises:
        SnapshotSospechoso: too few lines; nothing is changed (klk-api.md, traps 8 and 9).
    """
    tienda = lineas.tienda
    held = int(
        scalar(
            con,
            # Lines, not rows: an older pipeline has left copies.
            "SELECT count(DISTINCT (numero_factura, linea)) FROM ventas_raw WHERE ubicacion_id = ? AND fecha = ?",
            [tienda.id, str(fecha)],
        )
    )
    if lineas.numero < held * min_ratio:
        raise SnapshotSospechoso(
            f"{tienda.id} {fecha}: KLK lists {lineas.numero} lines, {held} are held",
            hint="the day is left as it is; the next conciliacion tries again",
        )
    with ventas.comparar(con, [lineas], fecha) as comparacion:
        _anotar_cambios(con, tienda, comparacion, run_id, now)
        eliminados = _eliminar(con, tienda, fecha, rechazos, comparacion, run_id=run_id, pedida=pedida, now=now)
        (conteo,) = ventas.aplicar(con, comparacion, now=now)
    if eliminados:
        ventas.reabrir(con, [(tienda.id, fecha)], now)
    return conteo + Conteo(eliminados=eliminados)


def _anotar_cambios(
    con: DuckDBPyConnection, tienda: Tienda, comparacion: ventas.Comparacion, run_id: str, now: datetime
) -> None:
    columnas = comparacion.columnas
    valores = {"now": now, "ubicacion": tienda.id, "run_id": run_id, **comparacion.rango}
    tenidas = f"(SELECT v.rowid AS fila, v.* FROM ventas_raw AS v WHERE {ventas.THERE})"
    if any(c.lineas for c in comparacion.cambios.values()):
        con.execute(
            "INSERT INTO ventas_correcciones (registrada, ubicacion_id, fecha, numero_factura, linea, tipo, antes,"
            " despues, run_id) SELECT $now, $ubicacion, n.fecha, n.numero_factura, n.linea,"
            " CASE WHEN c.fila IS NULL THEN 'agregada' ELSE 'actualizada' END,"
            f" CASE WHEN c.fila IS NULL THEN NULL ELSE {_como_json('p', columnas)} END,"
            f" {_como_json('n', columnas)}, $run_id FROM lote AS n JOIN cambios AS c ON c.lugar = n.rowid"
            f" LEFT JOIN {tenidas} AS p ON p.fila = c.fila ORDER BY n.numero_factura, n.linea",
            valores,
        )
    if any(c.sobrantes for c in comparacion.cambios.values()):
        con.execute(  # of a line's copies: the one that goes, and the one that stays
            "INSERT INTO ventas_correcciones (registrada, ubicacion_id, fecha, numero_factura, linea, tipo, antes,"
            " despues, run_id) SELECT $now, $ubicacion, s.antes, n.numero_factura, n.linea, 'eliminada',"
            f" {_como_json('v', columnas)}, {_como_json('p', columnas)}, $run_id FROM sobrantes AS s JOIN lote AS n"
            f" ON n.rowid = s.lugar JOIN {tenidas} AS v ON v.fila = s.fila JOIN {tenidas} AS p ON p.fila = s.queda"
            " ORDER BY s.fila",
            valores,
        )


def _eliminar(
    con: DuckDBPyConnection,
    tienda: Tienda,
    fecha: date,
    rechazos: Sequence[Rechazo],
    comparacion: ventas.Comparacion,
    *,
    run_id: str,
    pedida: datetime,
    now: datetime,
) -> int:
    """Lines that KLK has no more: annulled invoices and returns (klk-api.md, trap 6).

    A line that a row which cannot be read may be is kept, and so is one that was written after KLK was asked.
    """
    claves = [_clave(r) for r in rechazos]
    if None in claves:
        log.warning("dia_con_filas_sin_clave", fecha=str(fecha), filas=claves.count(None))
        return 0
    stage(con, "ilegibles", CLAVE, pack([*CLAVE], [clave for clave in claves if clave is not None]))
    de_mas = (
        "v.ubicacion_id = $ubicacion AND v.fecha = $fecha AND NOT EXISTS"
        f" (SELECT 1 FROM lote AS n WHERE {comparacion.mismo}) AND NOT EXISTS"
        " (SELECT 1 FROM ilegibles AS i WHERE i.numero_factura = v.numero_factura"
        f" AND i.linea = {_como_linea('v')}) AND COALESCE("
        " COALESCE(v.fecha_actualizacion, v.fecha_carga) NOT BETWEEN $pedida AND $now, true)"
    )
    parametros = {"ubicacion": tienda.id, "fecha": str(fecha), "pedida": pedida, "now": now}
    con.execute(
        "INSERT INTO ventas_correcciones (registrada, ubicacion_id, fecha, numero_factura, linea, tipo, antes,"
        f" despues, run_id) SELECT $now, $ubicacion, {_como_fecha('v')}, v.numero_factura, {_como_linea('v')},"
        f" 'eliminada', {_como_json('v', comparacion.columnas)}, NULL, $run_id FROM ventas_raw AS v WHERE {de_mas}"
        " ORDER BY v.numero_factura, v.linea",
        {**parametros, "run_id": run_id},
    )
    eliminados = changed(con, f"DELETE FROM ventas_raw AS v WHERE {de_mas}", parametros)
    con.execute("DROP TABLE ilegibles")
    return eliminados


def _como_json(alias: str, columnas: Sequence[str]) -> str:
    return f"to_json({{{', '.join(f'{c!r}: {alias}.{c}' for c in columnas)}}})"


def _como_fecha(alias: str) -> str:
    return f"TRY_CAST({alias}.fecha AS DATE)"


def _como_linea(alias: str) -> str:
    """A line's number; a legacy file may hold any text."""
    return f"TRY_CAST(TRY_CAST({alias}.linea AS DOUBLE) AS INTEGER)"


def _clave(rechazo: Rechazo) -> tuple[str, int] | None:
    """Which line a row that cannot be loaded is; None where that cannot be read either."""
    fila = rechazo.fila
    if not isinstance(fila, dict):
        return None
    numero = fila.get("numero_factura")
    numero = str(numero).strip() if isinstance(numero, str | int) else ""
    try:
        linea = int(float(fila["linea"]))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return (numero, linea) if numero and 0 <= linea < LINEAS else None


@dataclass(frozen=True, slots=True)
class Tardanza:
    """How long after their sale a day's lines reached KLK, as far as earlier runs prove it.

    A line is late by the time from its sale to the last run that asked for it in vain; 0 where the first run that
    asked got it. Minutes. `perdidas` are lines that no window had found: the overlap was too short for them.
    """

    lineas: int = 0
    mediana_min: float = 0
    p99_min: float = 0
    maxima_min: float = 0
    perdidas: int = 0


def tardanza(con: DuckDBPyConnection, tienda: Tienda, fecha: date, run_id: str) -> Tardanza:
    """Measures a day's lateness, after `igualar`, from the ledger."""
    row = con.execute(
        "WITH lineas AS ("
        "  SELECT numero_factura, linea, TRY_CAST(fecha_hora_completa AS TIMESTAMP) AS vendida, fecha_carga"
        "  FROM ventas_raw WHERE ubicacion_id = $ubicacion AND fecha = $fecha"
        "), corridas AS ("
        "  SELECT fecha_inicio, fecha_fin, fecha_desde + hora_desde AS desde, fecha_hasta + hora_hasta AS hasta"
        "  FROM etl_ejecuciones WHERE etl_tipo = 'ventas' AND estado = 'exitoso' AND ubicacion_id = $ubicacion"
        "  AND fecha_desde <= CAST($fecha AS DATE) AND fecha_hasta >= CAST($fecha AS DATE)"
        "), medida AS ("
        "  SELECT l.numero_factura, l.linea, COALESCE(max(date_diff('second', l.vendida, c.fecha_inicio)), 0) / 60.0"
        "  AS minutos FROM lineas AS l LEFT JOIN corridas AS c ON c.desde <= l.vendida AND l.vendida < c.hasta"
        "  AND c.fecha_fin < l.fecha_carga GROUP BY ALL"
        "), nuevas AS ("
        "  SELECT DISTINCT numero_factura, linea FROM ventas_correcciones"
        "  WHERE run_id = $run_id AND tipo = 'agregada' AND ubicacion_id = $ubicacion AND fecha = CAST($fecha AS DATE)"
        ") SELECT count(*), COALESCE(median(minutos), 0), COALESCE(quantile_cont(minutos, 0.99), 0),"
        " COALESCE(max(minutos), 0), count(*) FILTER (minutos > 0 AND n.numero_factura IS NOT NULL)"
        " FROM medida AS m LEFT JOIN nuevas AS n ON n.numero_factura = m.numero_factura"
        " AND CAST(n.linea AS DOUBLE) = TRY_CAST(m.linea AS DOUBLE)",
        {"ubicacion": tienda.id, "fecha": str(fecha), "run_id": run_id},
    ).fetchone()
    assert row is not None  # an aggregate is always one row
    return Tardanza(int(row[0]), float(row[1]), float(row[2]), float(row[3]), int(row[4]))
