"""Day certificates: a store's day, read twice and found equal, with its figures (contract, "Tables").

A certificate that no longer holds keeps its row, with the moment in `reabierto`; the next one is a row of its own.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from duckdb import DuckDBPyConnection

from klk_daemon.warehouse import ventas
from klk_daemon.warehouse.staging import scalar
from klk_daemon.warehouse.ventas import Lineas


def certificar(con: DuckDBPyConnection, fecha: date, lineas: Lineas, *, now: datetime) -> bool:
    """Certifies a day if the table holds exactly `lineas` for it; in the caller's transaction.

    Args:
        con: an open transaction.
        fecha: the day.
        lineas: what KLK answered when asked again, of one store.
        now: naive local time.

    Returns:
        Whether it does; where not, KLK changed between the two answers, and the day stays open.
    """
    tienda = lineas.tienda
    with ventas.comparar(con, [lineas], fecha) as comparacion:
        held = int(
            scalar(con, "SELECT count(*) FROM ventas_raw WHERE ubicacion_id = ? AND fecha = ?", [tienda.id, str(fecha)])
        )
        if comparacion.cambios or held != lineas.numero:
            return False
        vigente = scalar(
            con,
            "SELECT count(*) FROM dias_certificados WHERE ubicacion_id = ? AND fecha = ? AND reabierto IS NULL",
            [tienda.id, fecha],
        )
        if not vigente:
            con.execute(
                "INSERT INTO dias_certificados (ubicacion_id, fecha, lineas, facturas, venta_total, certificado)"
                " SELECT ?, ?, count(*), count(DISTINCT numero_factura),"
                " COALESCE(sum(CAST(venta_total AS DECIMAL(18, 6))), 0), ? FROM lote",
                [tienda.id, fecha, now],
            )
    return True


@dataclass(frozen=True, slots=True)
class Certificado:
    """A row of `dias_certificados`; `venta_total` in USD, timestamps naive local."""

    ubicacion_id: str
    fecha: date
    lineas: int
    facturas: int
    venta_total: Decimal
    certificado: datetime
    reabierto: datetime | None


def leer(con: DuckDBPyConnection) -> list[Certificado]:
    """All certificates, by store and day."""
    rows = con.execute(
        "SELECT ubicacion_id, fecha, lineas, facturas, venta_total, certificado, reabierto FROM dias_certificados"
        " ORDER BY ubicacion_id, fecha, certificado"
    ).fetchall()
    return [Certificado(*row) for row in rows]


def dias_abiertos(con: DuckDBPyConnection, hoy: date) -> list[tuple[str, date]]:
    """Store and day with sales before today and no certificate in force.

    However old: a bound would hide the days that were never compared. So it reads two columns of the whole table;
    the dashboard, which asks all the time, has `panel.dias_sin_certificar`.
    """
    rows = con.execute(
        "SELECT v.ubicacion_id, v.dia FROM (SELECT ubicacion_id, TRY_CAST(fecha AS DATE) AS dia"
        "  FROM (SELECT DISTINCT ubicacion_id, fecha FROM ventas_raw WHERE fecha < ?)) AS v"
        " ANTI JOIN (SELECT ubicacion_id, fecha AS dia FROM dias_certificados WHERE reabierto IS NULL) AS c"
        " ON c.ubicacion_id = v.ubicacion_id AND c.dia = v.dia WHERE v.dia IS NOT NULL ORDER BY 1, 2",
        [str(hoy)],
    ).fetchall()
    return [(ubicacion_id, dia) for ubicacion_id, dia in rows]
