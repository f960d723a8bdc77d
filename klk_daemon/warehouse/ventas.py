"""Sale lines into `ventas_raw`: each line once, changed lines updated, identical ones left alone.

A line is (ubicacion_id, numero_factura, linea): klk-api.md, trap 4. Nothing but the transaction keeps it unique.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from operator import itemgetter
from typing import Any

from duckdb import DuckDBPyConnection

from klk_daemon.domain import Conteo, Lote, Tienda
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
# Where the versions held lie: with it a statement reads the 69 columns of no others, however they are joined.
THERE = f"v.rowid BETWEEN $primera AND $ultima AND {NEAR}"


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


def preparar(tienda: Tienda, lote: Lote, *, extraida: datetime) -> Lineas:
    """Makes converted lines ready to be loaded. Needs no database.

    Args:
        tienda: whose they are.
        lote: the lines, each key once (klk/convert.py).
        extraida: when KLK answered, naive local time.
    """
    fechas: set[str] = set()
    nuestras = (tienda.id, tienda.nombre, texto.sello(extraida, texto.TEXTO))
    primera = next(iter(lote.filas), {})
    columnas = tuple(primera)
    valores = itemgetter(*columnas) if primera else tuple

    def valores_de(fila: Mapping[str, Any]) -> Sequence[Any]:
        fechas.add(fila["fecha"])  # here, or each would be converted once more for it
        return (*nuestras, *valores(fila))

    cifras = {columna for columna, valor in primera.items() if not isinstance(valor, str)}  # texts are never None
    packed = pack((*AL_LEER, *columnas), Mapped(valores_de, lote.filas), cifras, lote.comunes)
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

    Temporary tables while it lasts: `lote` (the lines), `cambios` (which of them are not held, or not so: `lugar` is
    the place in `lote`, `fila` that of the version in the table, NULL where none is held, `dia` and `antes` are their
    days); where there are such also `sobrantes` (a line's other copies, so described; `queda` is the one that stays).
    Places, and no lines: a table of 69 columns takes 18 MB.

    Attributes:
        lotes: the lines, by store.
        cambios: of each store that has any, or superfluous copies.
        columnas: the columns that are compared.
        sellos: the types of those that are not.
        rango: where the versions held are: what THERE needs.
        mismo: SQL: the line `v` of the table is the line `n` that was read.
    """

    lotes: Mapping[str, Lineas]
    cambios: Mapping[str, Cambios]
    columnas: Sequence[str]
    sellos: Mapping[str, str]
    rango: Mapping[str, Any]
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
    leidas = {c for lote in lotes for c in lote.filas.names if lote.numero} or todos.keys()
    tipos = {c: tipo for c, tipo in todos.items() if c not in OURS and c in leidas}
    textuales = texto.textuales("ventas_raw", tipos)
    todas = frozenset(fechas).union(*(lote.fechas for lote in lotes))
    dias = {"desde": str(min(todas) - MOVED_DAYS), "hasta": str(max(todas) + MOVED_DAYS)}
    mismo = clave(textuales)
    tiendas = {f"t{n}": lote.tienda.id for n, lote in enumerate(lotes)}
    stage(con, "lote", {c: todos[c] for c in AL_LEER} | tipos, *(lote.filas for lote in lotes))
    con.execute(
        "CREATE OR REPLACE TEMP TABLE cambios AS SELECT n.rowid AS lugar, v.fila, n.ubicacion_id,"
        " TRY_CAST(n.fecha AS DATE) AS dia, v.dia AS antes FROM lote AS n LEFT JOIN (SELECT v.rowid AS fila,"
        "  v.ubicacion_id, v.numero_factura, v.linea, TRY_CAST(v.fecha AS DATE) AS dia FROM ventas_raw AS v"
        f" WHERE v.ubicacion_id IN ({', '.join('$' + t for t in tiendas)}) AND {NEAR}) AS v ON {mismo}",
        {**tiendas, **dias},
    )
    filas, primera, ultima = con.execute("SELECT count(*), min(fila), max(fila) FROM cambios").fetchall()[0]
    rango = dias | {"primera": primera, "ultima": ultima}
    sobrantes = filas > sum(lote.numero for lote in lotes)
    if sobrantes:
        _apartar_copias(con)
    if primera is not None:
        _quitar_iguales(con, tipos, {}, rango)
        if textuales and scalar(con, "SELECT count(fila) FROM cambios"):  # seldom: what is held was written here
            _quitar_iguales(con, tipos, textuales, rango)
    sellos = {c: todos[c] for c in AL_ESCRIBIR}
    cambios = _contar(con, sobrantes)
    yield Comparacion({lote.tienda.id: lote for lote in lotes}, cambios, list(tipos), sellos, rango, mismo)
    con.execute("DROP TABLE lote; DROP TABLE cambios; DROP TABLE IF EXISTS sobrantes")


def _contar(con: DuckDBPyConnection, sobrantes: bool) -> dict[str, Cambios]:
    filas = con.execute(
        "SELECT ubicacion_id, dia, antes, count(*), count(fila), 0 FROM cambios GROUP BY ALL"
        + (
            " UNION ALL SELECT ubicacion_id, antes, NULL, 0, 0, count(*) FROM sobrantes GROUP BY ALL"
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


def _apartar_copias(con: DuckDBPyConnection) -> None:
    """Of lines that are there several times leaves the last in `cambios`.

    An older pipeline appended them again on every retry, and no key keeps other writers from it.
    """
    con.execute(
        "CREATE OR REPLACE TEMP TABLE sobrantes AS"
        " SELECT *, max(fila) OVER (PARTITION BY lugar) AS queda FROM cambios QUALIFY fila < queda"
    )
    con.execute("DELETE FROM cambios WHERE fila IN (SELECT fila FROM sobrantes)")


def clave(textuales: Mapping[str, str]) -> str:
    """SQL: the line `v` of the table is the line `n`, whatever text its number is."""
    mismo, otro = (texto.valor(f"{alias}.linea", textuales.get("linea")) for alias in "vn")
    return f"{INVOICE} AND {mismo} = {otro}"


def _quitar_iguales(
    con: DuckDBPyConnection, tipos: Mapping[str, str], textuales: Mapping[str, str], rango: Mapping[str, Any]
) -> None:
    """Takes the lines out of `cambios` that are held as they were read; `textuales` are compared by what they mean."""
    con.execute(
        "DELETE FROM cambios WHERE lugar IN (SELECT c.lugar FROM cambios AS c JOIN lote AS n ON n.rowid = c.lugar"
        f" JOIN ventas_raw AS v ON v.rowid = c.fila WHERE {THERE} AND {_iguales(tipos, textuales)})",
        rango,
    )


def _iguales(tipos: Mapping[str, str], textuales: Mapping[str, str]) -> str:
    """SQL: a line held and the one that was read say the same, in these columns of text by what they mean.

    One value: of sixty conditions DuckDB would make the key that it joins by, instead of the lines' places.
    """
    mismos = (
        f"{texto.valor(f'v.{c}', textuales.get(c))} IS NOT DISTINCT FROM {texto.valor(f'n.{c}', textuales.get(c))}"
        for c in tipos
        if c not in {"numero_factura", "linea"}
    )
    return f"({' AND '.join(mismos)}) IS TRUE"


def aplicar(con: DuckDBPyConnection, comparacion: Comparacion, *, now: datetime) -> list[Conteo]:
    """Writes a comparison's changes, and deletes superfluous copies; a certificate of a day that they touch ends."""
    cambios = comparacion.cambios
    reabrir(con, [(id_, dia) for id_, uno in cambios.items() for dia in uno.dias], now)
    if any(uno.sobrantes for uno in cambios.values()):
        con.execute(
            f"DELETE FROM ventas_raw AS v WHERE v.rowid IN (SELECT fila FROM sobrantes) AND {THERE}", comparacion.rango
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
            " SEMI JOIN (SELECT lugar FROM cambios WHERE fila IS NULL) AS c ON c.lugar = n.rowid"
            " ORDER BY n.ubicacion_id, n.fecha_hora_completa, n.numero_factura, n.linea",
            sellos,
        )
    if tenidas:
        con.execute(
            f"UPDATE ventas_raw AS v SET {', '.join(f'{c} = n.{c}' for c in columnas)}, fecha_extraccion ="
            " n.fecha_extraccion, fecha_transformacion = $transformada, fecha_actualizacion = $now FROM cambios AS c"
            f" JOIN lote AS n ON n.rowid = c.lugar WHERE v.rowid = c.fila AND {THERE}",
            {**sellos, **comparacion.rango},
        )
