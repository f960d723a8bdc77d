"""Stores' stock made equal to KLK's snapshot of its warehouses (contract, "What a run guarantees", 5)."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import itemgetter
from typing import Any

from duckdb import DuckDBPyConnection

from klk_daemon.domain import Conteo, Tienda
from klk_daemon.errors import SnapshotSospechoso
from klk_daemon.warehouse.packing import Packed, pack
from klk_daemon.warehouse.productos import Catalogo, Ficha, actualizar, ficha
from klk_daemon.warehouse.staging import in_lake, stage
from klk_daemon.windows import UN_DIA

TIPOS = {
    "almacen_codigo": "VARCHAR",
    "codigo_producto": "VARCHAR",
    "precio": "DECIMAL(18, 6)",
    "cantidad": "DECIMAL(18, 4)",
}
CIFRAS = ("precio", "cantidad")
LOTE = {"ubicacion_id": "VARCHAR", **TIPOS}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A store's stock on its way into the database.

    Attributes:
        tienda: whose it is.
        articulos: how many articles each warehouse has.
        fichas: what KLK says of each article, whatever the warehouse; of two that list it, the last.
        existencias: how much there is.
    """

    tienda: Tienda
    articulos: Mapping[str, int]
    fichas: Mapping[str, Ficha]
    existencias: Packed


def preparar(tienda: Tienda, almacenes: Mapping[str, Collection[Mapping[str, Any]]]) -> Snapshot:
    """Makes a snapshot ready to be loaded. Needs no database.

    Args:
        tienda: whose it is.
        almacenes: warehouse code to converted articles, each code once (klk/convert.py); all of the store's.
    """
    todas = [fila for filas in almacenes.values() for fila in filas]
    valores = itemgetter(*TIPOS)
    return Snapshot(
        tienda,
        {almacen: len(filas) for almacen, filas in almacenes.items()},
        {fila["codigo_producto"]: ficha(fila) for fila in todas},
        pack([*LOTE], [(tienda.id, *valores(fila)) for fila in todas], CIFRAS),
    )


def cargar(
    con: DuckDBPyConnection, snapshots: Sequence[Snapshot], catalogo: Catalogo, *, min_ratio: float, now: datetime
) -> list[Conteo]:
    """Replaces the stock of stores, each once among them, in the caller's transaction.

    Args:
        con: an open transaction.
        snapshots: what KLK lists.
        catalogo: what the run has committed to `productos`.
        min_ratio: a snapshot with fewer articles than this share of the last good one is refused. 0 accepts any
            but an empty one.
        now: naive local time.

    Returns:
        What happened to their rows, in their order.

    Raises:
        SnapshotSospechoso: an empty or too short answer (klk-api.md, trap 9); the old rows of all of them stay.
    """
    antes = _tenidos(con, [s.tienda.id for s in snapshots])
    for snapshot in snapshots:
        for almacen, articulos in snapshot.articulos.items():
            _revisar(snapshot.tienda, almacen, articulos, antes[snapshot.tienda.id, almacen], min_ratio)
    fichas = {codigo: ficha for snapshot in snapshots for codigo, ficha in snapshot.fichas.items()}
    actualizar(con, catalogo.faltan(fichas), now)
    stage(con, "lote", LOTE, *(snapshot.existencias for snapshot in snapshots))
    conteos = _stock(con, snapshots, now)
    con.execute("DROP TABLE lote")
    return conteos


def _tenidos(con: DuckDBPyConnection, ids: Sequence[str]) -> Counter[tuple[str, str]]:
    """How many articles the last good snapshot of each store and warehouse had.

    A snapshot's rows all have its time; of a legacy file's, those that the older pipeline had long left behind do not
    count.
    """
    filas = con.execute(
        "SELECT ubicacion_id, almacen_codigo, fecha_actualizacion, count(*) FROM stock_actual"
        " WHERE list_contains(?, ubicacion_id) AND fecha_actualizacion IS NOT NULL GROUP BY ALL",
        [ids],
    ).fetchall()
    ultima: dict[tuple[str, str], datetime] = {}
    for ubicacion_id, almacen, fecha, _ in filas:
        ultima[ubicacion_id, almacen] = max(fecha, ultima.get((ubicacion_id, almacen), fecha))
    tenidos: Counter[tuple[str, str]] = Counter()
    for ubicacion_id, almacen, fecha, articulos in filas:
        if fecha >= ultima[ubicacion_id, almacen] - UN_DIA:
            tenidos[ubicacion_id, almacen] += articulos
    return tenidos


def _revisar(tienda: Tienda, almacen: str, articulos: int, antes: int, min_ratio: float) -> None:
    if articulos == 0:
        raise SnapshotSospechoso(
            f"{tienda.id} {almacen}: KLK lists no article",
            hint="an unknown warehouse code is answered so: compare it with KLK's list of warehouses",
        )
    if articulos < antes * min_ratio:
        raise SnapshotSospechoso(
            f"{tienda.id} {almacen}: KLK lists {articulos} articles, {antes} are held",
            hint=f"`klk-daemon trigger inventario --tienda {tienda.id} --aceptar` takes it, if it is right",
        )


# Without a warehouse is what an older pipeline left; KLK never says so.
MISMO = "a.ubicacion_id = n.ubicacion_id AND " + " AND ".join(
    f"a.{c} IS NOT DISTINCT FROM n.{c}" for c in ("almacen_codigo", "codigo_producto")
)
DE_ESTAS = "list_contains($ubicaciones, a.ubicacion_id)"
# Wide, or the product of two DECIMAL(18) overflows at 922 million and takes the store along.
VALOR = "TRY_CAST(round(CAST(cantidad AS DECIMAL(38, 4)) * precio, 2) AS DECIMAL(18, 6))"


def _stock(con: DuckDBPyConnection, snapshots: Sequence[Snapshot], now: datetime) -> list[Conteo]:
    """Writes what changed; of what did not, only `fecha_actualizacion`."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE cambios AS SELECT COALESCE(n.ubicacion_id, a.ubicacion_id) AS ubicacion_id,"
        " COALESCE(n.almacen_codigo, a.almacen_codigo) AS almacen_codigo,"
        " COALESCE(n.codigo_producto, a.codigo_producto) AS codigo_producto, a.cantidad AS antes, n.cantidad,"
        " n.precio, n.valor, a.ubicacion_id IS NOT NULL AS esta, n.cantidad IS NOT NULL AS llega"
        f" FROM (SELECT * FROM stock_actual AS a WHERE {DE_ESTAS}) AS a"
        f" FULL JOIN (SELECT *, {VALOR} AS valor FROM lote) AS n ON a.ubicacion_id = n.ubicacion_id"
        " AND a.almacen_codigo = n.almacen_codigo AND a.codigo_producto = n.codigo_producto"
        " WHERE a.ubicacion_id IS NULL OR n.cantidad IS NULL OR a.cantidad IS DISTINCT FROM n.cantidad"
        " OR a.costo_promedio IS DISTINCT FROM n.precio OR a.valor_inventario IS DISTINCT FROM n.valor",
        {"ubicaciones": [s.tienda.id for s in snapshots]},
    )
    cambios = _contar(con)
    lago = in_lake(con)
    for ids in [[s.tienda.id] for s in snapshots] if lago else [[s.tienda.id for s in snapshots]]:
        # In a lake one by one. Rows that one statement writes share a file: it is dropped when one statement changes
        # all of them again, and else stays, with a list of those that are gone; which stores are loaded together is
        # chance. And a few rows stay in the catalogue, as those of one store's history are.
        suyos = [cambios[id_] for id_ in ids if id_ in cambios]
        _escribir(con, {"ubicaciones": ids, "now": now}, sum(suyos, Conteo()), lago=lago)
    return [_conteo(s.existencias.count, cambios.get(s.tienda.id, Conteo())) for s in snapshots]


def _escribir(con: DuckDBPyConnection, parametros: Mapping[str, Any], cambios: Conteo, *, lago: bool) -> None:
    """Writes what has changed for some stores: their history, and their rows."""
    if cambios != Conteo():
        con.execute(
            # A warehouse's first snapshot changes nothing; later, an article that comes or goes does.
            "INSERT INTO stock_historial SELECT ubicacion_id, almacen_codigo, codigo_producto, antes, cantidad, $now"
            f" FROM cambios AS n SEMI JOIN (SELECT * FROM stock_actual AS a WHERE {DE_ESTAS}) AS a"
            " ON a.ubicacion_id = n.ubicacion_id AND a.almacen_codigo = n.almacen_codigo"
            " WHERE antes IS DISTINCT FROM cantidad",
            parametros,
        )
    if cambios.eliminados:
        con.execute(
            f"DELETE FROM stock_actual AS a USING cambios AS n WHERE {DE_ESTAS} AND {MISMO} AND NOT n.llega",
            {"ubicaciones": parametros["ubicaciones"]},
        )
    _actualizar(con, parametros, hay=bool(cambios.actualizados), lago=lago)
    if cambios.insertados:
        con.execute(
            "INSERT INTO stock_actual (ubicacion_id, almacen_codigo, producto_id, codigo_producto, cantidad,"
            " costo_promedio, valor_inventario, ultima_actualizacion, fecha_actualizacion) SELECT a.ubicacion_id,"
            " a.almacen_codigo, p.id, a.codigo_producto, a.cantidad, a.precio, a.valor, $now, $now"
            f" FROM cambios AS a JOIN productos AS p ON p.codigo = a.codigo_producto WHERE {DE_ESTAS} AND NOT a.esta",
            parametros,
        )


def _contar(con: DuckDBPyConnection) -> dict[str, Conteo]:
    """What changes, by store."""
    filas = con.execute(
        "SELECT ubicacion_id, count(*) FILTER (NOT esta), count(*) FILTER (esta AND llega),"
        " count(*) FILTER (NOT llega) FROM cambios GROUP BY 1"
    ).fetchall()
    return {id_: Conteo(insertados=i, actualizados=a, eliminados=e) for id_, i, a, e in filas}


def _conteo(extraidos: int, cambios: Conteo) -> Conteo:
    sin_cambio = extraidos - cambios.insertados - cambios.actualizados
    return replace(cambios, extraidos=extraidos, sin_cambio=sin_cambio)


def _actualizar(con: DuckDBPyConnection, parametros: Mapping[str, Any], *, hay: bool, lago: bool) -> None:
    """Of what was there and is listed again, writes what changed, if anything, and the time of the snapshot."""
    if lago:  # in one statement: see `_stock`
        con.execute(
            "UPDATE stock_actual AS a SET cantidad = n.cantidad, costo_promedio = n.precio, valor_inventario ="
            " n.valor, fecha_actualizacion = $now, ultima_actualizacion = CASE WHEN n.cambia THEN $now"
            f" ELSE a.ultima_actualizacion END FROM (SELECT l.*, {VALOR} AS valor, c.esta IS NOT NULL AS cambia"
            "  FROM lote AS l LEFT JOIN (SELECT ubicacion_id, almacen_codigo, codigo_producto, esta FROM cambios) AS c"
            f"  USING (ubicacion_id, almacen_codigo, codigo_producto)) AS n WHERE {DE_ESTAS} AND {MISMO}",
            parametros,
        )
        return
    if hay:
        con.execute(
            "UPDATE stock_actual AS a SET cantidad = n.cantidad, costo_promedio = n.precio,"
            " valor_inventario = n.valor, ultima_actualizacion = $now FROM cambios AS n"
            f" WHERE {DE_ESTAS} AND {MISMO} AND n.esta AND n.llega",
            parametros,
        )
    con.execute(f"UPDATE stock_actual AS a SET fecha_actualizacion = $now WHERE {DE_ESTAS}", parametros)
