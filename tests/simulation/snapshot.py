"""What the database holds at one moment, read whole and compared in memory."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import NamedTuple

from duckdb import DuckDBPyConnection

from klk_daemon.domain import Intervalo

from .truth import Clave, Valor

USD = "CAST(venta_total AS DECIMAL(18, 6))"


class Correccion(NamedTuple):
    """A row of `ventas_correcciones`, without its two versions."""

    tienda: str
    clave: Clave
    tipo: str
    run_id: str


class Figuras(NamedTuple):
    """What a certificate says of a day, or the table holds of it."""

    lineas: int
    facturas: int
    usd: Decimal


@dataclass(frozen=True, slots=True)
class Foto:
    """The tables that the guarantees speak of."""

    ventas: dict[str, dict[Clave, Valor]] = field(default_factory=dict)
    dobles: list[tuple[str, str, int, int]] = field(default_factory=list)
    escritas: dict[tuple[str, Clave], datetime] = field(default_factory=dict)
    stock: dict[tuple[str, str], dict[str, Decimal]] = field(default_factory=dict)
    stock_dobles: int = 0
    marcas: dict[str, datetime] = field(default_factory=dict)
    cobertura: dict[str, list[Intervalo]] = field(default_factory=dict)
    libro: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    correcciones: list[Correccion] = field(default_factory=list)
    certificados: dict[tuple[str, date], list[Figuras]] = field(default_factory=dict)
    figuras: dict[tuple[str, date], Figuras] = field(default_factory=dict)
    rechazadas: int = 0

    def de(self, tienda: str) -> dict[Clave, Valor]:
        """A store's lines."""
        return self.ventas.get(tienda, {})

    def existencias(self, tienda: str) -> dict[str, dict[str, Decimal]]:
        """A store's stock by warehouse."""
        return {almacen: rows for (id_, almacen), rows in self.stock.items() if id_ == tienda}


def tomar(con: DuckDBPyConnection) -> Foto:
    """Reads it, in a transaction of the caller's."""
    if not con.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'ventas_raw'").fetchone():
        return Foto()
    ventas: dict[str, dict[Clave, Valor]] = defaultdict(dict)
    escritas: dict[tuple[str, Clave], datetime] = {}
    for tienda, numero, linea, *valor, escrita in con.execute(
        # Cast, since a legacy file has text.
        "SELECT ubicacion_id, numero_factura, CAST(linea AS INTEGER), CAST(fecha AS VARCHAR), CAST(hora AS VARCHAR),"
        f" codigo_producto, codigo_almacen, CAST(cantidad_vendida AS DECIMAL(18, 4)), {USD},"
        " CAST(venta_total_bs AS DECIMAL(18, 6)), CAST(total_factura_bs AS DECIMAL(18, 6)), fecha_actualizacion"
        " FROM ventas_raw"
    ).fetchall():
        ventas[tienda][numero, linea] = Valor(*valor)
        escritas[tienda, (numero, linea)] = escrita
    stock: dict[tuple[str, str], dict[str, Decimal]] = defaultdict(dict)
    filas = con.execute("SELECT ubicacion_id, almacen_codigo, codigo_producto, cantidad FROM stock_actual").fetchall()
    for tienda, almacen, codigo, cantidad in filas:
        stock[tienda, almacen][codigo] = cantidad
    libro: dict[tuple[str, str], list[str]] = defaultdict(list)
    for run_id, tienda, estado in con.execute(
        "SELECT run_id, ubicacion_id, estado FROM etl_ejecuciones WHERE run_id IS NOT NULL"
    ).fetchall():
        libro[run_id, tienda].append(estado)
    cobertura: dict[str, list[Intervalo]] = defaultdict(list)
    for tienda, desde, hasta in con.execute(
        "SELECT ubicacion_id, desde_utc, hasta_utc FROM ventas_cobertura ORDER BY ALL"
    ).fetchall():
        cobertura[tienda].append(Intervalo(desde.replace(tzinfo=UTC), hasta.replace(tzinfo=UTC)))
    certificados: dict[tuple[str, date], list[Figuras]] = defaultdict(list)
    for tienda, fecha, *cifras in con.execute(
        "SELECT ubicacion_id, fecha, lineas, facturas, venta_total FROM dias_certificados WHERE reabierto IS NULL"
    ).fetchall():
        certificados[tienda, fecha].append(Figuras(*cifras))
    return Foto(
        ventas=dict(ventas),
        dobles=con.execute(
            "SELECT ubicacion_id, numero_factura, linea, count(*) FROM ventas_raw GROUP BY ALL HAVING count(*) > 1"
        ).fetchall(),
        escritas=escritas,
        stock=dict(stock),
        stock_dobles=len(filas) - sum(map(len, stock.values())),
        marcas={
            tienda: hasta.replace(tzinfo=UTC)
            for tienda, hasta in con.execute(
                "SELECT ubicacion_id, hasta_utc FROM etl_marcas WHERE etl_tipo = 'ventas'"
            ).fetchall()
        },
        cobertura=dict(cobertura),
        libro=dict(libro),
        correcciones=[
            Correccion(tienda, (numero, linea), tipo, run_id)
            for tienda, numero, linea, tipo, run_id in con.execute(
                "SELECT ubicacion_id, numero_factura, linea, tipo, run_id FROM ventas_correcciones ORDER BY rowid"
            ).fetchall()
        ],
        certificados=dict(certificados),
        figuras={
            (tienda, fecha): Figuras(*cifras)
            for tienda, fecha, *cifras in con.execute(
                "SELECT ubicacion_id, CAST(fecha AS DATE), count(*), count(DISTINCT numero_factura),"
                f" sum({USD}) FROM ventas_raw WHERE (ubicacion_id, CAST(fecha AS DATE))"
                " IN (SELECT (ubicacion_id, fecha) FROM dias_certificados) GROUP BY ALL"
            ).fetchall()
        },
        rechazadas=len(con.execute("SELECT 1 FROM filas_rechazadas").fetchall()),
    )
