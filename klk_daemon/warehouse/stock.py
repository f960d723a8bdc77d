"""A store's stock made equal to KLK's snapshot of its warehouses (contract, "What a run guarantees", 5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

from duckdb import DuckDBPyConnection

from klk_daemon.domain import Conteo, Tienda
from klk_daemon.errors import SnapshotSospechoso
from klk_daemon.warehouse.packing import Packed, pack
from klk_daemon.warehouse.productos import Catalogo, Ficha, actualizar, ficha
from klk_daemon.warehouse.staging import changed, in_lake, scalar, stage

TIPOS = {
    "almacen_codigo": "VARCHAR",
    "codigo_producto": "VARCHAR",
    "precio": "DECIMAL(18, 6)",
    "cantidad": "DECIMAL(18, 4)",
}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A store's stock on its way into the database.

    Attributes:
        articulos: how many articles each warehouse has.
        fichas: what KLK says of each article, whatever the warehouse; of two that list it, the last.
        existencias: how much there is.
    """

    articulos: Mapping[str, int]
    fichas: Mapping[str, Ficha]
    existencias: Packed


def preparar(almacenes: Mapping[str, Sequence[Mapping[str, Any]]]) -> Snapshot:
    """Makes a snapshot ready to be loaded.

    Args:
        almacenes: warehouse code to converted articles, each code once (klk/convert.py); all of the store's.
    """
    todas = [fila for filas in almacenes.values() for fila in filas]
    return Snapshot(
        {almacen: len(filas) for almacen, filas in almacenes.items()},
        {fila["codigo_producto"]: ficha(fila) for fila in todas},
        pack([*TIPOS], [*map(itemgetter(*TIPOS), todas)]),
    )


def cargar(
    con: DuckDBPyConnection,
    tienda: Tienda,
    snapshot: Snapshot,
    catalogo: Catalogo,
    *,
    min_ratio: float,
    now: datetime,
) -> Conteo:
    """Replaces a store's stock, in the caller's transaction.

    Args:
        con: an open transaction.
        tienda: whose stock it is.
        snapshot: what KLK lists.
        catalogo: what the run has committed to `productos`.
        min_ratio: a snapshot with fewer articles than this share of the last good one is refused. 0 accepts any
            but an empty one.
        now: naive local time.

    Raises:
        SnapshotSospechoso: an empty or too short answer (klk-api.md, trap 9); the old rows stay.
    """
    for almacen, articulos in snapshot.articulos.items():
        _revisar(con, tienda, almacen, articulos, min_ratio)
    actualizar(con, catalogo.faltan(snapshot.fichas), now)
    stage(con, "lote", TIPOS, snapshot.existencias)
    conteo = _stock(con, tienda, sum(snapshot.articulos.values()), now)
    con.execute("DROP TABLE lote")
    return conteo


def _revisar(con: DuckDBPyConnection, tienda: Tienda, almacen: str, articulos: int, min_ratio: float) -> None:
    if articulos == 0:
        raise SnapshotSospechoso(
            f"{tienda.id} {almacen}: KLK lists no article",
            hint="an unknown warehouse code is answered so: compare it with KLK's list of warehouses",
        )
    # A snapshot's rows all have its time; of a legacy file's, those that the older pipeline had long left behind
    # do not count.
    antes = scalar(
        con,
        "WITH a AS ("
        "  SELECT fecha_actualizacion AS fecha FROM stock_actual WHERE ubicacion_id = ? AND almacen_codigo = ?"
        ") SELECT count(*) FROM a WHERE fecha >= (SELECT max(fecha) - INTERVAL 1 DAY FROM a)",
        [tienda.id, almacen],
    )
    if articulos < antes * min_ratio:
        raise SnapshotSospechoso(
            f"{tienda.id} {almacen}: KLK lists {articulos} articles, {antes} are held",
            hint=f"`klk-daemon trigger inventario --tienda {tienda.id} --aceptar` takes it, if it is right",
        )


# Without a warehouse is what an older pipeline left; KLK never says so.
MISMO = " AND ".join(f"a.{c} IS NOT DISTINCT FROM n.{c}" for c in ("almacen_codigo", "codigo_producto"))
# Wide, or the product of two DECIMAL(18) overflows at 922 million and takes the store along.
VALOR = "TRY_CAST(round(CAST(cantidad AS DECIMAL(38, 4)) * precio, 2) AS DECIMAL(18, 6))"


def _stock(con: DuckDBPyConnection, tienda: Tienda, extraidos: int, now: datetime) -> Conteo:
    """Writes what changed; of what did not, only `fecha_actualizacion`."""
    parametros = {"ubicacion": tienda.id, "now": now}
    eliminados = actualizados = insertados = 0
    cambios = changed(
        con,
        "CREATE OR REPLACE TEMP TABLE cambios AS SELECT COALESCE(n.almacen_codigo, a.almacen_codigo) AS almacen_codigo,"
        " COALESCE(n.codigo_producto, a.codigo_producto) AS codigo_producto, a.cantidad AS antes, n.cantidad,"
        " n.precio, n.valor, a.ubicacion_id IS NOT NULL AS esta, n.cantidad IS NOT NULL AS llega"
        " FROM (SELECT * FROM stock_actual WHERE ubicacion_id = ?) AS a"
        f" FULL JOIN (SELECT *, {VALOR} AS valor FROM lote) AS n"
        " ON a.almacen_codigo = n.almacen_codigo AND a.codigo_producto = n.codigo_producto"
        " WHERE a.ubicacion_id IS NULL OR n.cantidad IS NULL OR a.cantidad IS DISTINCT FROM n.cantidad"
        " OR a.costo_promedio IS DISTINCT FROM n.precio OR a.valor_inventario IS DISTINCT FROM n.valor",
        [tienda.id],
    )
    if cambios:
        actualizados = int(scalar(con, "SELECT count(*) FROM cambios WHERE esta AND llega"))
        con.execute(
            # A warehouse's first snapshot changes nothing; later, an article that comes or goes does.
            "INSERT INTO stock_historial SELECT $ubicacion, almacen_codigo, codigo_producto, antes, cantidad, $now"
            " FROM cambios WHERE antes IS DISTINCT FROM cantidad AND almacen_codigo IN"
            " (SELECT almacen_codigo FROM stock_actual WHERE ubicacion_id = $ubicacion)",
            parametros,
        )
        eliminados = changed(
            con,
            "DELETE FROM stock_actual AS a USING cambios AS n"
            f" WHERE a.ubicacion_id = $ubicacion AND {MISMO} AND NOT n.llega",
            {"ubicacion": tienda.id},
        )
    _actualizar(con, parametros, actualizados)
    if cambios:
        insertados = changed(
            con,
            "INSERT INTO stock_actual (ubicacion_id, almacen_codigo, producto_id, codigo_producto, cantidad,"
            " costo_promedio, valor_inventario, ultima_actualizacion, fecha_actualizacion) SELECT $ubicacion,"
            " n.almacen_codigo, p.id, n.codigo_producto, n.cantidad, n.precio, n.valor, $now, $now"
            " FROM cambios AS n JOIN productos AS p ON p.codigo = n.codigo_producto WHERE NOT n.esta",
            parametros,
        )
    return Conteo(
        extraidos=extraidos,
        insertados=insertados,
        actualizados=actualizados,
        sin_cambio=extraidos - insertados - actualizados,
        eliminados=eliminados,
    )


def _actualizar(con: DuckDBPyConnection, parametros: Mapping[str, Any], actualizados: int) -> None:
    """Of what was there and is listed again, writes what changed, and the time of the snapshot."""
    if in_lake(con):
        # One statement for all of a store's rows: a lake then drops their file, which two would leave with a list of
        # the deleted ones, to be read past.
        con.execute(
            "UPDATE stock_actual AS a SET cantidad = n.cantidad, costo_promedio = n.precio, valor_inventario ="
            " n.valor, fecha_actualizacion = $now, ultima_actualizacion = CASE WHEN n.cambia THEN $now"
            f" ELSE a.ultima_actualizacion END FROM (SELECT l.*, {VALOR} AS valor, c.esta IS NOT NULL AS cambia"
            "  FROM lote AS l LEFT JOIN (SELECT almacen_codigo, codigo_producto, esta FROM cambios) AS c"
            f"  USING (almacen_codigo, codigo_producto)) AS n WHERE a.ubicacion_id = $ubicacion AND {MISMO}",
            parametros,
        )
        return
    if actualizados:
        con.execute(
            "UPDATE stock_actual AS a SET cantidad = n.cantidad, costo_promedio = n.precio,"
            " valor_inventario = n.valor, ultima_actualizacion = $now FROM cambios AS n"
            f" WHERE a.ubicacion_id = $ubicacion AND {MISMO} AND n.esta AND n.llega",
            parametros,
        )
    con.execute("UPDATE stock_actual SET fecha_actualizacion = $now WHERE ubicacion_id = $ubicacion", parametros)
