"""A store's stock made equal to KLK's snapshot of its warehouses (contract, "What a run guarantees", 5)."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from duckdb import DuckDBPyConnection

from klk_daemon.domain import Conteo, Tienda
from klk_daemon.errors import SnapshotSospechoso
from klk_daemon.warehouse.staging import changed, count, scalar, stage

TIPOS = {
    "almacen_codigo": "VARCHAR",
    "codigo_producto": "VARCHAR",
    "codigo_barras": "VARCHAR",
    "descripcion": "VARCHAR",
    "categoria": "VARCHAR",
    "grupo": "VARCHAR",
    "subgrupo": "VARCHAR",
    "marca": "VARCHAR",
    "precio": "DECIMAL(18, 6)",
    "cantidad": "DECIMAL(18, 4)",
}
FICHA = ("codigo_barras", "descripcion", "categoria", "grupo", "subgrupo", "marca")
# An article that two warehouses list is taken from the last.
ULTIMA = "n.rowid IN (SELECT max(rowid) FROM lote GROUP BY codigo_producto)"
# The id of a product first seen in KLK (legacy-db.md): uuid5(NAMESPACE_DNS, "producto_" + codigo), which is the first
# 128 bits of the SHA-1 but for a version and a variant. Known products keep theirs: look up by `codigo`.
PRODUCTO_ID = (
    "sha[1:8] || '-' || sha[9:12] || '-5' || sha[14:16] || '-'"
    " || translate(sha[17], '0123456789abcdef', '89ab89ab89ab89ab') || sha[18:20] || '-' || sha[21:32]"
)


def cargar(
    con: DuckDBPyConnection,
    tienda: Tienda,
    almacenes: Mapping[str, Sequence[Mapping[str, Any]]],
    *,
    min_ratio: float,
    now: datetime,
) -> Conteo:
    """Replaces a store's stock, in the caller's transaction.

    Args:
        con: an open transaction.
        tienda: whose stock it is.
        almacenes: warehouse code to converted articles, each code once (klk/convert.py); all of the store's.
        min_ratio: a snapshot with fewer articles than this share of the last good one is refused. 0 accepts any
            but an empty one.
        now: naive local time.

    Raises:
        SnapshotSospechoso: an empty or too short answer (klk-api.md, trap 9); the old rows stay.
    """
    for almacen, filas in almacenes.items():
        _revisar(con, tienda, almacen, len(filas), min_ratio)
    todas = [fila for filas in almacenes.values() for fila in filas]
    stage(con, "lote", todas, TIPOS)
    _productos(con, now)
    # Wide, or the product of two DECIMAL(18) overflows at 922 million and takes the store along.
    con.execute(
        "CREATE OR REPLACE TEMP TABLE nuevo AS SELECT n.almacen_codigo, n.codigo_producto, p.id AS producto_id,"
        " n.cantidad, n.precio,"
        " TRY_CAST(round(CAST(n.cantidad AS DECIMAL(38, 4)) * n.precio, 2) AS DECIMAL(18, 6)) AS valor"
        " FROM lote AS n JOIN productos AS p ON p.codigo = n.codigo_producto"
    )
    conteo = _stock(con, tienda, now)
    con.execute("DROP TABLE lote; DROP TABLE nuevo")
    return conteo


def _revisar(con: DuckDBPyConnection, tienda: Tienda, almacen: str, articulos: int, min_ratio: float) -> None:
    if articulos == 0:
        raise SnapshotSospechoso(
            f"{tienda.id} {almacen}: KLK lists no article",
            hint="an unknown warehouse code is answered so: compare it with KLK's list of warehouses",
        )
    antes = scalar(
        con,
        "SELECT count(*) FROM stock_actual WHERE ubicacion_id = ? AND almacen_codigo = ?",
        [tienda.id, almacen],
    )
    if articulos < antes * min_ratio:
        raise SnapshotSospechoso(
            f"{tienda.id} {almacen}: KLK lists {articulos} articles, {antes} are held",
            hint=f"`klk-daemon trigger inventario --tienda {tienda.id} --aceptar` takes it, if it is right",
        )


def _productos(con: DuckDBPyConnection, now: datetime) -> None:
    """Brings the catalogue up to date."""
    distinta = " OR ".join(f"p.{c} IS DISTINCT FROM n.{c}" for c in FICHA)
    # KLK tells no cost: the price stands in, but never over a cost that another source wrote.
    con.execute(
        f"UPDATE productos AS p SET {', '.join(f'{c} = n.{c}' for c in FICHA)}, precio_venta = n.precio,"
        " costo_promedio = CASE WHEN p.costo_promedio IS NULL OR p.costo_promedio IS NOT DISTINCT FROM p.precio_venta"
        " THEN n.precio ELSE p.costo_promedio END, updated_at = ?"
        f" FROM lote AS n WHERE {ULTIMA} AND p.codigo = n.codigo_producto AND ({distinta}"
        " OR p.precio_venta IS DISTINCT FROM n.precio)",
        [now],
    )
    con.execute(
        f"INSERT INTO productos (id, codigo, {', '.join(FICHA)}, costo_promedio, precio_venta, activo,"
        f" es_perecedero, created_at, updated_at) SELECT {PRODUCTO_ID}, codigo_producto, {', '.join(FICHA)},"
        " precio, precio, true, false, $now, $now"
        " FROM (SELECT *, sha1($dns || encode('producto_' || codigo_producto)) AS sha FROM lote AS n"
        f"  WHERE {ULTIMA} AND NOT EXISTS (SELECT 1 FROM productos AS p WHERE p.codigo = n.codigo_producto))",
        {"now": now, "dns": uuid.NAMESPACE_DNS.bytes},
    )


CAMBIA = (
    "a.cantidad IS DISTINCT FROM n.cantidad OR a.costo_promedio IS DISTINCT FROM n.precio"
    " OR a.valor_inventario IS DISTINCT FROM n.valor OR a.codigo_producto IS DISTINCT FROM n.codigo_producto"
)
MISMO = "a.almacen_codigo = n.almacen_codigo AND a.producto_id = n.producto_id"


def _stock(con: DuckDBPyConnection, tienda: Tienda, now: datetime) -> Conteo:
    """Writes what changed; of what did not, only `fecha_actualizacion`."""
    extraidos = count(con, "nuevo")
    parametros = {"ubicacion": tienda.id, "now": now}
    eliminados = actualizados = 0
    if scalar(con, "SELECT count(*) FROM stock_actual WHERE ubicacion_id = ?", [tienda.id]):
        eliminados, actualizados = _igualar(con, parametros)
    insertados = changed(
        con,
        "INSERT INTO stock_actual (ubicacion_id, almacen_codigo, producto_id, codigo_producto, cantidad,"
        " costo_promedio, valor_inventario, ultima_actualizacion, fecha_actualizacion) SELECT $ubicacion,"
        " n.almacen_codigo, n.producto_id, n.codigo_producto, n.cantidad, n.precio, n.valor, $now, $now"
        " FROM nuevo AS n WHERE NOT EXISTS (SELECT 1 FROM stock_actual AS a"
        f" WHERE a.ubicacion_id = $ubicacion AND {MISMO})",
        parametros,
    )
    return Conteo(
        extraidos=extraidos,
        insertados=insertados,
        actualizados=actualizados,
        sin_cambio=extraidos - insertados - actualizados,
        eliminados=eliminados,
    )


def _igualar(con: DuckDBPyConnection, parametros: Mapping[str, Any]) -> tuple[int, int]:
    """Deletes and updates what is held, and keeps its changes; how many rows of each."""
    con.execute(
        # A warehouse's first snapshot changes nothing; later, an article that comes or goes does.
        "INSERT INTO stock_historial WITH a AS (SELECT * FROM stock_actual WHERE ubicacion_id = $ubicacion)"
        " SELECT $ubicacion, COALESCE(n.almacen_codigo, a.almacen_codigo),"
        " COALESCE(n.codigo_producto, a.codigo_producto), a.cantidad, n.cantidad, $now"
        f" FROM a FULL JOIN nuevo AS n ON {MISMO} WHERE a.cantidad IS DISTINCT FROM n.cantidad"
        " AND COALESCE(n.almacen_codigo, a.almacen_codigo) IN (SELECT almacen_codigo FROM a)",
        parametros,
    )
    eliminados = changed(
        con,
        "DELETE FROM stock_actual AS a WHERE a.ubicacion_id = $ubicacion"
        f" AND NOT EXISTS (SELECT 1 FROM nuevo AS n WHERE {MISMO})",
        {"ubicacion": parametros["ubicacion"]},
    )
    actualizados = int(
        scalar(
            con,
            "SELECT count(*) FROM stock_actual AS a JOIN nuevo AS n"
            f" ON {MISMO} WHERE a.ubicacion_id = $ubicacion AND ({CAMBIA})",
            {"ubicacion": parametros["ubicacion"]},
        )
    )
    # One statement for all of a store's rows: a lake then drops their file, which two would leave with a list of the
    # deleted ones, to be read past.
    con.execute(
        "UPDATE stock_actual AS a SET cantidad = n.cantidad, costo_promedio = n.precio, valor_inventario = n.valor,"
        " codigo_producto = n.codigo_producto, fecha_actualizacion = $now,"
        f" ultima_actualizacion = CASE WHEN {CAMBIA} THEN $now ELSE a.ultima_actualizacion END"
        f" FROM nuevo AS n WHERE a.ubicacion_id = $ubicacion AND {MISMO}",
        parametros,
    )
    return eliminados, actualizados
