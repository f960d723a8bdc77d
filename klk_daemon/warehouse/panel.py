"""Named reads for the dashboard. Timestamps are naive local time, as stored; money is USD.

Sales are read by `fecha` alone, the table's own order, and its values by TRY_CAST, as a legacy file holds text: a
table of many million lines is never looked through.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from duckdb import DuckDBPyConnection

MEDIAS_HORAS = 48
LARGO = 300  # characters of a row that are shown


@dataclass(frozen=True, slots=True)
class Parte:
    """A store's part of a run, as the ledger has it. `fin` is None while it goes on; counts are rows."""

    run_id: str
    job: str
    tienda: str
    modo: str
    estado: str
    inicio: datetime
    fin: datetime | None
    duracion_s: float
    extraidos: int
    cargados: int
    eliminados: int
    rechazados: int
    error_tipo: str | None
    error: str | None


PARTE = (
    "SELECT COALESCE(run_id, 'fila-' || id), etl_tipo, ubicacion_id, COALESCE(modo, ''), estado, fecha_inicio,"
    " fecha_fin, COALESCE(duracion_segundos, 0), COALESCE(registros_extraidos, 0), COALESCE(registros_cargados, 0),"
    " COALESCE(eliminados, 0), COALESCE(rechazados, 0), error_tipo, error_mensaje FROM etl_ejecuciones"
)


def ultimas_partes(con: DuckDBPyConnection, job: str, *, corridas: int, tiendas: int) -> list[Parte]:
    """The parts of a job's newest runs, oldest run first.

    Args:
        con: an open transaction.
        job: whose.
        corridas: how many runs at most.
        tiendas: how many stores a run has at most.
    """
    rows = con.execute(
        f"{PARTE} WHERE etl_tipo = ? AND fecha_inicio IS NOT NULL ORDER BY id DESC LIMIT ?", [job, corridas * tiendas]
    ).fetchall()
    partes = [Parte(*row) for row in rows]
    runs = dict.fromkeys(p.run_id for p in partes)
    newest = set(list(runs)[:corridas])
    return [p for p in reversed(partes) if p.run_id in newest]


def partes_de(con: DuckDBPyConnection, run_id: str) -> list[Parte]:
    """The stores' parts of one run, in the order of their names; none where there is no such run."""
    rows = con.execute(
        f"{PARTE} WHERE COALESCE(run_id, 'fila-' || id) = ? AND fecha_inicio IS NOT NULL ORDER BY ubicacion_id",
        [run_id],
    ).fetchall()
    return [Parte(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Dia:
    """A store's sales of a day: USD for each half hour from midnight on, and how many invoices."""

    usd: tuple[float, ...] = (0.0,) * MEDIAS_HORAS
    facturas: int = 0


def ventas_del_dia(con: DuckDBPyConnection, fecha: date) -> dict[str, Dia]:
    """Store to its sales of a day; stores without any are missing."""
    rows = con.execute(
        # Invoice by invoice first: an invoice is made out at one moment.
        "WITH facturas AS (SELECT ubicacion_id, numero_factura, TRY_CAST(any_value(hora) AS TIME) AS hora,"
        "  sum(TRY_CAST(venta_total AS DOUBLE)) AS usd FROM ventas_raw WHERE fecha = ? GROUP BY ALL)"
        " SELECT ubicacion_id, hour(hora) * 2 + minute(hora) // 30 AS media, sum(usd), count(*)"
        " FROM facturas WHERE hora IS NOT NULL GROUP BY ALL",
        [str(fecha)],
    ).fetchall()
    usd: dict[str, list[float]] = {}
    facturas: dict[str, int] = {}
    for tienda, media, suma, cuantas in rows:
        usd.setdefault(tienda, [0.0] * MEDIAS_HORAS)[int(media)] = float(suma or 0)
        facturas[tienda] = facturas.get(tienda, 0) + int(cuantas)
    return {tienda: Dia(tuple(valores), facturas[tienda]) for tienda, valores in usd.items()}


@dataclass(frozen=True, slots=True)
class Almacen:
    """A warehouse's stock: articles, those below zero, its value, when it was read, quantities that changed."""

    tienda: str
    codigo: str
    articulos: int
    negativos: int
    valor: float
    leido: datetime | None
    cambios: int


def existencias(con: DuckDBPyConnection, cambios_desde: datetime) -> list[Almacen]:
    """Every warehouse's stock, by store and code; `cambios` counts since `cambios_desde`."""
    rows = con.execute(
        "SELECT s.ubicacion_id, COALESCE(s.almacen_codigo, ''), count(*), count(*) FILTER (s.cantidad < 0),"
        " COALESCE(sum(CAST(s.valor_inventario AS DOUBLE)), 0), max(s.fecha_actualizacion),"
        " COALESCE(any_value(h.cambios), 0) FROM stock_actual AS s LEFT JOIN (SELECT ubicacion_id, almacen_codigo,"
        "  count(*) AS cambios FROM stock_historial WHERE fecha >= ? GROUP BY ALL) AS h"
        " ON h.ubicacion_id = s.ubicacion_id AND h.almacen_codigo = s.almacen_codigo"
        " GROUP BY s.ubicacion_id, s.almacen_codigo ORDER BY 1, 2",
        [cambios_desde],
    ).fetchall()
    return [Almacen(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Apartada:
    """A row put aside: how often and when it came, why it was, and the row itself, cut."""

    tienda: str
    job: str
    ultima: datetime
    veces: int
    motivo: str
    fila: str


@dataclass(frozen=True, slots=True)
class Correccion:
    """A difference that conciliacion found: `tipo` says what was done to the line."""

    tienda: str
    registrada: datetime
    fecha: date
    factura: str
    linea: int
    tipo: str


@dataclass(frozen=True, slots=True)
class Cuenta:
    """How many there are, and the newest of them, newest first."""

    cuantas: int
    ultimas: Sequence[Any] = ()


def apartadas(con: DuckDBPyConnection, *, cada: int) -> dict[str, Cuenta]:
    """Store to the rows put aside; of each store the newest `cada`."""
    rows = con.execute(
        "SELECT ubicacion_id, job, ultima_vez, veces, motivo, left(CAST(fila AS VARCHAR), ?),"
        " count(*) OVER (PARTITION BY ubicacion_id) FROM filas_rechazadas"
        " QUALIFY row_number() OVER (PARTITION BY ubicacion_id ORDER BY ultima_vez DESC) <= ?"
        " ORDER BY ultima_vez DESC",
        [LARGO, cada],
    ).fetchall()
    return _cuentas([(Apartada(*row[:-1]), row[-1]) for row in rows])


def correcciones(con: DuckDBPyConnection, *, desde: datetime, cada: int) -> dict[str, Cuenta]:
    """Store to the corrections recorded since `desde`; of each store the newest `cada`."""
    rows = con.execute(
        "SELECT ubicacion_id, registrada, fecha, numero_factura, linea, tipo,"
        " count(*) OVER (PARTITION BY ubicacion_id) FROM ventas_correcciones WHERE registrada >= ?"
        " QUALIFY row_number() OVER (PARTITION BY ubicacion_id ORDER BY registrada DESC, numero_factura, linea) <= ?"
        " ORDER BY registrada DESC, numero_factura, linea",
        [desde, cada],
    ).fetchall()
    return _cuentas([(Correccion(*row[:-1]), row[-1]) for row in rows])


def _cuentas(rows: Sequence[tuple[Any, int]]) -> dict[str, Cuenta]:
    por_tienda: dict[str, list[Any]] = {}
    cuantas: dict[str, int] = {}
    for fila, total in rows:
        por_tienda.setdefault(fila.tienda, []).append(fila)
        cuantas[fila.tienda] = total
    return {tienda: Cuenta(cuantas[tienda], tuple(filas)) for tienda, filas in por_tienda.items()}


def dias_sin_certificar(
    con: DuckDBPyConnection, tiendas: Collection[str], *, hoy: date, dias: int
) -> Mapping[str, Sequence[date]]:
    """Store to the days among the last full `dias` that have sales and no certificate in force, newest first."""
    desde = hoy - timedelta(days=dias)
    rows = con.execute(
        "WITH dias AS (SELECT DISTINCT ubicacion_id, fecha FROM ventas_raw WHERE fecha >= ? AND fecha < ?)"
        " SELECT d.ubicacion_id, CAST(d.fecha AS DATE) AS dia FROM dias AS d ANTI JOIN"
        " (SELECT ubicacion_id, fecha FROM dias_certificados WHERE reabierto IS NULL) AS c"
        " ON c.ubicacion_id = d.ubicacion_id AND c.fecha = CAST(d.fecha AS DATE) ORDER BY dia DESC",
        [str(desde), str(hoy)],
    ).fetchall()
    return {id_: tuple(dia for tienda, dia in rows if tienda == id_) for id_ in tiendas}
