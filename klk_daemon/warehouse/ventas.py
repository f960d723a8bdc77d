"""Sale lines into `ventas_raw`: each line once, changed lines updated, identical ones left alone.

A line is (ubicacion_id, numero_factura, linea): klk-api.md, trap 4. Nothing but the transaction keeps it unique.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from operator import itemgetter
from typing import Any

from duckdb import DuckDBPyConnection

from klk_daemon.domain import Conteo, Tienda
from klk_daemon.mapped import Mapped
from klk_daemon.warehouse import texto
from klk_daemon.warehouse.packing import Packed, pack
from klk_daemon.warehouse.staging import column_types, scalar, stage

# How far from a line's date its older version is looked for, should a correction have moved it to another day.
MOVED_DAYS = timedelta(days=3)
# Written when a line is, and no part of what KLK says of it.
STAMPS = ("fecha_extraccion", "fecha_transformacion", "fecha_carga", "fecha_actualizacion")
OURS = ("ubicacion_id", "ubicacion_nombre", *STAMPS)
# Of ours: what is known as soon as a line is read, and what only when it is written.
AL_LEER, AL_ESCRIBIR = OURS[:3], OURS[3:]
INVOICE = "v.ubicacion_id = n.ubicacion_id AND v.numero_factura = n.numero_factura"
NEAR = "v.fecha BETWEEN $desde AND $hasta"
# A line held and the one that was read: `clave` is the latter's number, whatever the former's text (`1`, `1.0`).
ITSELF = "p.ubicacion_id = n.ubicacion_id AND p.numero_factura = n.numero_factura AND p.clave = n.linea"


@dataclass(frozen=True, slots=True)
class Lineas:
    """A store's lines on their way into the database.

    Attributes:
        tienda: whose they are.
        fechas: the dates at which they were sold.
        filas: the lines.
    """

    tienda: Tienda
    fechas: frozenset[date]
    filas: Packed

    @property
    def numero(self) -> int:
        """How many."""
        return self.filas.count


def preparar(tienda: Tienda, filas: Collection[Mapping[str, Any]], *, extraida: datetime) -> Lineas:
    """Makes converted lines ready to be loaded. Needs no database.

    Args:
        tienda: whose they are.
        filas: the lines, each key once (klk/convert.py).
        extraida: when KLK answered, naive local time.
    """
    fechas: set[str] = set()
    nuestras = (tienda.id, tienda.nombre, texto.sello(extraida, texto.TEXTO))
    columnas = tuple(next(iter(filas))) if filas else ()
    valores = itemgetter(*columnas) if filas else tuple

    def valores_de(fila: Mapping[str, Any]) -> Sequence[Any]:
        fechas.add(fila["fecha"])  # here, or each would be converted once more for it
        return (*nuestras, *valores(fila))

    packed = pack((*AL_LEER, *columnas), Mapped(valores_de, filas))
    return Lineas(tienda, frozenset(map(date.fromisoformat, fechas)), packed)


@dataclass(slots=True)
class Cambios:
    """Of one store: lines that differ from what is held, those of them that are held, copies too many; whose days."""

    lineas: int = 0
    tenidas: int = 0
    sobrantes: int = 0
    dias: set[date] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Comparacion:
    """Staged lines beside what is held of them.

    Temporary tables while it lasts: `lote` (the lines), `previas` (their versions in the table, each line once, with
    `fila`, its place), `cambios` (which lines of `lote` are not there, or not so: `lugar` is the place there, `tenida`
    says whether it is held, `dia` and `antes` are its day and that of the version held); where there are such also
    `sobrantes` (a line's other copies).

    Attributes:
        lotes: the lines, by store.
        cambios: of each store that has any, or superfluous copies.
        columnas: the columns that are compared.
        sellos: the types of those that are not.
        rango: the dates between which `previas` was looked for.
        mismo: SQL: the line `v` of the table is the line `n` that was read.
    """

    lotes: Mapping[str, Lineas]
    cambios: Mapping[str, Cambios]
    columnas: Sequence[str]
    sellos: Mapping[str, str]
    rango: Mapping[str, str]
    mismo: str


def cargar(con: DuckDBPyConnection, lotes: Sequence[Lineas], *, now: datetime) -> list[Conteo]:
    """Loads the lines of stores, each once among them, in the caller's transaction.

    Args:
        con: an open transaction.
        lotes: what was read.
        now: naive local time, for `fecha_carga` and `fecha_actualizacion`.

    Returns:
        What happened to them, in their order; `rechazados` is not this function's.
    """
    if not any(lote.numero for lote in lotes):
        return [Conteo() for _ in lotes]
    with comparar(con, lotes) as comparacion:
        return aplicar(con, comparacion, now=now)


@contextmanager
def comparar(con: DuckDBPyConnection, lotes: Sequence[Lineas], *fechas: date) -> Iterator[Comparacion]:
    """Stages lines and compares them with what is held; `fechas` are days to look at besides theirs."""
    todos = column_types(con, "ventas_raw")
    leidas = {c for lote in lotes for c in lote.filas.columns if lote.numero} or todos.keys()
    tipos = {c: tipo for c, tipo in todos.items() if c not in OURS and c in leidas}
    textuales = texto.textuales("ventas_raw", tipos)
    todas = frozenset(fechas).union(*(lote.fechas for lote in lotes))
    rango = {"desde": str(min(todas) - MOVED_DAYS), "hasta": str(max(todas) + MOVED_DAYS)}
    mismo = clave(textuales)
    tiendas = {f"t{n}": lote.tienda.id for n, lote in enumerate(lotes)}
    stage(con, "lote", {c: todos[c] for c in AL_LEER} | tipos, *(lote.filas for lote in lotes))
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE previas AS SELECT v.rowid AS fila, n.linea AS clave, v.ubicacion_id,"
        f" {', '.join('v.' + c for c in tipos)} FROM ventas_raw AS v JOIN lote AS n ON {mismo}"
        f" WHERE v.ubicacion_id IN ({', '.join('$' + t for t in tiendas)}) AND {NEAR}",
        {**tiendas, **rango},
    )
    sobrantes = _apartar_copias(con)
    con.execute(_cambios(tipos))
    if textuales:
        _apartar_iguales(con, tipos, textuales)
    sellos = {c: todos[c] for c in AL_ESCRIBIR}
    cambios = _contar(con, sobrantes)
    yield Comparacion({lote.tienda.id: lote for lote in lotes}, cambios, list(tipos), sellos, rango, mismo)
    con.execute("DROP TABLE lote; DROP TABLE previas; DROP TABLE cambios; DROP TABLE IF EXISTS sobrantes")


def _contar(con: DuckDBPyConnection, sobrantes: bool) -> dict[str, Cambios]:
    filas = con.execute(
        "SELECT ubicacion_id, dia, antes, count(*), count(*) FILTER (tenida), 0 FROM cambios GROUP BY ALL"
        + (
            " UNION ALL SELECT ubicacion_id, TRY_CAST(fecha AS DATE), NULL, 0, 0, count(*) FROM sobrantes GROUP BY ALL"
            if sobrantes
            else ""
        )
    ).fetchall()
    cambios: defaultdict[str, Cambios] = defaultdict(Cambios)
    for id_, dia, antes, lineas, tenidas, copias in filas:
        uno = cambios[id_]
        uno.lineas += lineas
        uno.tenidas += tenidas
        uno.sobrantes += copias
        uno.dias.update({dia, antes} - {None})
    return cambios


def _apartar_copias(con: DuckDBPyConnection) -> bool:
    """Of lines that are there several times leaves the last in `previas`; whether there are any.

    An older pipeline appended them again on every retry, and no key keeps other writers from it.
    """
    if not scalar(con, "SELECT count(*) - count(DISTINCT (ubicacion_id, numero_factura, clave)) FROM previas"):
        return False
    con.execute(
        "CREATE OR REPLACE TEMP TABLE sobrantes AS SELECT * FROM previas"
        " WHERE fila NOT IN (SELECT max(fila) FROM previas GROUP BY ubicacion_id, numero_factura, clave)"
    )
    con.execute("DELETE FROM previas WHERE fila IN (SELECT fila FROM sobrantes)")
    return True


def clave(textuales: Mapping[str, str]) -> str:
    """SQL: the line `v` of the table is the line `n`, whatever text its number is."""
    mismo, otro = (texto.valor(f"{alias}.linea", textuales.get("linea")) for alias in "vn")
    return f"{INVOICE} AND {mismo} = {otro}"


def _cambios(tipos: Mapping[str, str]) -> str:
    return (
        "CREATE OR REPLACE TEMP TABLE cambios AS SELECT n.rowid AS lugar, p.clave IS NOT NULL AS tenida,"
        " n.ubicacion_id, TRY_CAST(n.fecha AS DATE) AS dia, TRY_CAST(p.fecha AS DATE) AS antes"
        f" FROM lote AS n LEFT JOIN previas AS p ON {ITSELF} WHERE p.clave IS NULL OR NOT ({_iguales(tipos, {})})"
    )


def _apartar_iguales(con: DuckDBPyConnection, tipos: Mapping[str, str], textuales: Mapping[str, str]) -> None:
    """Takes those out of `cambios` that are held in another text of the same meaning."""
    if scalar(con, "SELECT count(*) FROM cambios WHERE tenida"):  # seldom: what is held was written here
        con.execute(
            "DELETE FROM cambios WHERE tenida AND lugar IN"
            f" (SELECT n.rowid FROM lote AS n JOIN previas AS p ON {ITSELF} WHERE {_iguales(tipos, textuales)})"
        )


def _iguales(tipos: Mapping[str, str], textuales: Mapping[str, str]) -> str:
    """SQL: a line held and the one that was read say the same, in these columns of text by what they mean."""
    return " AND ".join(
        f"{texto.valor(f'p.{c}', textuales.get(c))} IS NOT DISTINCT FROM {texto.valor(f'n.{c}', textuales.get(c))}"
        for c in tipos
        if c not in {"numero_factura", "linea"}
    )


def aplicar(con: DuckDBPyConnection, comparacion: Comparacion, *, now: datetime) -> list[Conteo]:
    """Writes a comparison's changes, and deletes superfluous copies; a certificate of a day that they touch ends."""
    cambios = comparacion.cambios
    reabrir(con, [(id_, dia) for id_, uno in cambios.items() for dia in uno.dias], now)
    if any(uno.sobrantes for uno in cambios.values()):
        con.execute(
            f"DELETE FROM ventas_raw AS v WHERE v.rowid IN (SELECT fila FROM sobrantes) AND {NEAR}", comparacion.rango
        )
    _escribir(con, comparacion, now)
    return [_conteo(lote.numero, cambios.get(id_, Cambios())) for id_, lote in comparacion.lotes.items()]


def _conteo(leidas: int, cambios: Cambios) -> Conteo:
    return Conteo(
        extraidos=leidas,
        insertados=cambios.lineas - cambios.tenidas,
        actualizados=cambios.tenidas,
        sin_cambio=leidas - cambios.lineas,
        eliminados=cambios.sobrantes,
    )


def reabrir(con: DuckDBPyConnection, dias: Sequence[tuple[str, date]], now: datetime) -> None:
    """Ends the certificates of stores' days whose lines have changed."""
    if dias:
        con.execute(
            "UPDATE dias_certificados SET reabierto = ? WHERE reabierto IS NULL"
            " AND list_contains(?, {'id': ubicacion_id, 'dia': fecha})",
            [now, [{"id": id_, "dia": dia} for id_, dia in dias]],
        )


def _escribir(con: DuckDBPyConnection, comparacion: Comparacion, now: datetime) -> None:
    columnas = comparacion.columnas
    sellos = {"transformada": texto.sello(now, comparacion.sellos["fecha_transformacion"]), "now": now}
    tenidas = sum(uno.tenidas for uno in comparacion.cambios.values())
    if sum(uno.lineas for uno in comparacion.cambios.values()) > tenidas:
        con.execute(
            f"INSERT INTO ventas_raw ({', '.join((*AL_LEER, *columnas, *AL_ESCRIBIR))})"
            f" SELECT {', '.join('n.' + c for c in (*AL_LEER, *columnas))}, $transformada, $now, $now FROM lote AS n"
            " SEMI JOIN (SELECT lugar FROM cambios WHERE NOT tenida) AS c ON c.lugar = n.rowid"
            " ORDER BY n.ubicacion_id, n.fecha_hora_completa, n.numero_factura, n.linea",
            sellos,
        )
    if tenidas:
        con.execute(
            f"UPDATE ventas_raw AS v SET {', '.join(f'{c} = n.{c}' for c in columnas)}, fecha_extraccion ="
            " n.fecha_extraccion, fecha_transformacion = $transformada, fecha_actualizacion = $now FROM (SELECT n.*"
            "  FROM lote AS n SEMI JOIN (SELECT lugar FROM cambios WHERE tenida) AS c ON c.lugar = n.rowid) AS n"
            f" WHERE {comparacion.mismo} AND {NEAR}",
            {**sellos, **comparacion.rango},
        )
