"""The catalogue `productos`, kept as KLK describes it."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

from duckdb import DuckDBPyConnection

from klk_daemon.warehouse.packing import pack
from klk_daemon.warehouse.staging import changed, column_types, stage

FICHA = ("codigo_barras", "descripcion", "categoria", "grupo", "subgrupo", "marca")
TIPOS = {"codigo_producto": "VARCHAR", **dict.fromkeys(FICHA, "VARCHAR"), "precio": "DECIMAL(18, 6)"}
# The id of a product first seen in KLK (legacy-db.md): uuid5(NAMESPACE_DNS, "producto_" + codigo), which is the first
# 128 bits of the SHA-1 but for a version and a variant. Known products keep theirs: look up by `codigo`.
PRODUCTO_ID = (
    "sha[1:8] || '-' || sha[9:12] || '-5' || sha[14:16] || '-'"
    " || translate(sha[17], '0123456789abcdef', '89ab89ab89ab89ab') || sha[18:20] || '-' || sha[21:32]"
)

# What KLK says of an article: values in the order of TIPOS, its code first.
Ficha = tuple[Any, ...]
ficha = itemgetter(*TIPOS)


class Catalogo:
    """What one run has committed to `productos`: its stores list the same articles, and once is enough."""

    def __init__(self) -> None:
        self._escritas: dict[str, Ficha] = {}

    def faltan(self, fichas: Mapping[str, Ficha]) -> list[Ficha]:
        """Those that are not there, or not so."""
        return [ficha for codigo, ficha in fichas.items() if self._escritas.get(codigo) != ficha]

    def anotar(self, fichas: Mapping[str, Ficha]) -> None:
        """Takes note of what was committed."""
        self._escritas.update(fichas)


def actualizar(con: DuckDBPyConnection, fichas: Sequence[Ficha], now: datetime) -> None:
    """Brings `productos` up to date, in the caller's transaction; what has not changed is not touched.

    In a legacy file others refer to it by foreign keys, for which DuckDB lets no row be deleted, nor a key be
    touched; and its prices have four decimals: one that does not fit is missing, and does not stop the store.

    Args:
        con: an open transaction.
        fichas: each article once.
        now: naive local time.
    """
    if not fichas:
        return
    stage(con, "lote", TIPOS, pack([*TIPOS], fichas, ["precio"]))
    # As the column holds it, or a price with more decimals would differ for ever.
    precio = f"TRY_CAST(n.precio AS {column_types(con, 'productos')['precio_venta']})"
    distinta = " OR ".join(f"p.{c} IS DISTINCT FROM n.{c}" for c in FICHA)
    cambios = changed(
        con,
        f"CREATE OR REPLACE TEMP TABLE fichas AS SELECT n.* REPLACE ({precio} AS precio), p.codigo IS NULL AS nueva"
        " FROM lote AS n LEFT JOIN productos AS p ON p.codigo = n.codigo_producto"
        f" WHERE p.codigo IS NULL OR {distinta} OR p.precio_venta IS DISTINCT FROM {precio}",
    )
    if not cambios:
        return
    # KLK tells no cost: the price stands in, but never over a cost that another source wrote.
    con.execute(
        f"UPDATE productos AS p SET {', '.join(f'{c} = n.{c}' for c in FICHA)}, precio_venta = n.precio,"
        " costo_promedio = CASE WHEN p.costo_promedio IS NULL OR p.costo_promedio IS NOT DISTINCT FROM p.precio_venta"
        " THEN n.precio ELSE p.costo_promedio END, updated_at = ?"
        " FROM fichas AS n WHERE NOT n.nueva AND p.codigo = n.codigo_producto",
        [now],
    )
    con.execute(
        f"INSERT INTO productos (id, codigo, {', '.join(FICHA)}, costo_promedio, precio_venta, activo,"
        f" es_perecedero, created_at, updated_at) SELECT {PRODUCTO_ID}, codigo_producto, {', '.join(FICHA)},"
        " precio, precio, true, false, $now, $now"
        " FROM (SELECT *, sha1($dns || encode('producto_' || codigo_producto)) AS sha FROM fichas WHERE nueva)",
        {"now": now, "dns": uuid.NAMESPACE_DNS.bytes},
    )
