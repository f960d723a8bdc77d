"""Stock in the tables: a snapshot per warehouse, believed only when it is plausible."""

from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

import pytest
from duckdb import DuckDBPyConnection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wire_rows import articulo, cuerpo_articulos

from klk_daemon.domain import Conteo, Tienda
from klk_daemon.errors import SnapshotSospechoso
from klk_daemon.klk import convert, wire
from klk_daemon.klk.answers import parse
from klk_daemon.warehouse import stock
from klk_daemon.warehouse.productos import Catalogo

T0 = datetime(2025, 11, 17, 12, 30)  # noqa: DTZ001 - a store's wall clock
T1 = T0 + timedelta(minutes=30)


def cargar(
    con: DuckDBPyConnection,
    tienda: Tienda,
    almacenes: dict[str, dict[str, float]],
    *,
    now: datetime = T0,
    min_ratio: float = 0.5,
    catalogo: Catalogo | None = None,
    **cambios: Any,
) -> Conteo:
    """Loads warehouses, each given as code to quantity."""
    lote = snapshot(tienda, almacenes, **cambios)
    (conteo,) = stock.cargar(con, [lote], catalogo or Catalogo(), min_ratio=min_ratio, now=now)
    return conteo


def snapshot(tienda: Tienda, almacenes: dict[str, dict[str, float]], **cambios: Any) -> stock.Snapshot:
    """Warehouses, each given as code to quantity."""
    lotes = {}
    for almacen, cantidades in almacenes.items():
        filas = [articulo(Codigo=codigo, stock=c, **cambios) for codigo, c in cantidades.items()]
        lotes[almacen] = convert.articulos(almacen, parse(cuerpo_articulos(*filas), wire.ARTICULOS, "x")).filas
    return stock.preparar(tienda, lotes)


def held(con: DuckDBPyConnection, tienda: Tienda) -> dict[tuple[str, str], float]:
    """Warehouse and code to quantity."""
    rows = con.execute(
        "SELECT almacen_codigo, codigo_producto, cantidad FROM stock_actual WHERE ubicacion_id = ?", [tienda.id]
    ).fetchall()
    assert len({r[:2] for r in rows}) == len(rows)
    return {(a, c): float(n) for a, c, n in rows}


def historial(con: DuckDBPyConnection) -> list[tuple[Any, ...]]:
    """The changes of quantities, in order of code."""
    return con.execute(
        "SELECT almacen_codigo, codigo_producto, CAST(cantidad_anterior AS DOUBLE), CAST(cantidad AS DOUBLE), fecha"
        " FROM stock_historial ORDER BY fecha, almacen_codigo, codigo_producto"
    ).fetchall()


def test_both_warehouses_of_a_store_are_kept(con: DuckDBPyConnection, periferico: Tienda) -> None:
    """The same article in two warehouses is two rows."""
    conteo = cargar(con, periferico, {"APP-TPF": {"1": 5, "2": 0}, "APP-PPF": {"1": -2.5}})
    assert conteo == Conteo(extraidos=3, insertados=3)
    assert held(con, periferico) == {("APP-TPF", "1"): 5, ("APP-TPF", "2"): 0, ("APP-PPF", "1"): -2.5}
    assert con.execute("SELECT count(*) FROM productos").fetchone() == (2,)


def test_several_stores_at_once(con: DuckDBPyConnection, periferico: Tienda, bosque: Tienda) -> None:
    """Each has its own rows, counts and history, though their warehouses and articles have the same codes."""
    cargar(con, periferico, {"A": {"1": 5, "2": 5}})
    cargar(con, bosque, {"A": {"1": 5}, "B": {"1": 5}})
    snapshots = [snapshot(periferico, {"A": {"1": 5, "3": 1}}), snapshot(bosque, {"A": {"1": 6}, "B": {"1": 5}})]
    assert stock.cargar(con, snapshots, Catalogo(), min_ratio=0.5, now=T1) == [
        Conteo(extraidos=2, insertados=1, sin_cambio=1, eliminados=1),
        Conteo(extraidos=2, actualizados=1, sin_cambio=1),
    ]
    assert held(con, periferico) == {("A", "1"): 5, ("A", "3"): 1}
    assert held(con, bosque) == {("A", "1"): 6, ("B", "1"): 5}
    assert historial(con) == [("A", "1", 5, 6, T1), ("A", "2", 5, None, T1), ("A", "3", None, 1, T1)]
    assert con.execute("SELECT DISTINCT fecha_actualizacion FROM stock_actual").fetchall() == [(T1,)]
    with pytest.raises(SnapshotSospechoso, match="tienda_08 B: KLK lists no article"):
        stock.cargar(con, [snapshots[0], snapshot(bosque, {"B": {}})], Catalogo(), min_ratio=0.5, now=T1)


def test_the_table_becomes_the_snapshot(con: DuckDBPyConnection, periferico: Tienda) -> None:
    """Articles that went away go, new ones come, changed ones change; each is counted."""
    cargar(con, periferico, {"APP-TPF": {"1": 5, "2": 7, "3": 1}})
    conteo = cargar(con, periferico, {"APP-TPF": {"1": 5, "2": 8, "4": 3}}, now=T1)
    assert conteo == Conteo(extraidos=3, insertados=1, actualizados=1, sin_cambio=1, eliminados=1)
    assert held(con, periferico) == {("APP-TPF", "1"): 5, ("APP-TPF", "2"): 8, ("APP-TPF", "4"): 3}


def test_every_row_tells_the_snapshot_and_changed_ones_the_change(con: DuckDBPyConnection, periferico: Tienda) -> None:
    """`fecha_actualizacion` moves on every row, `ultima_actualizacion` only where something changed."""
    cargar(con, periferico, {"APP-TPF": {"1": 5, "2": 7}})
    cargar(con, periferico, {"APP-TPF": {"1": 5, "2": 8}}, now=T1)
    rows = con.execute(
        "SELECT codigo_producto, fecha_actualizacion, ultima_actualizacion FROM stock_actual ORDER BY 1"
    ).fetchall()
    assert rows == [("1", T1, T0), ("2", T1, T1)]


def test_a_new_price_is_a_change_but_no_movement(con: DuckDBPyConnection, periferico: Tienda) -> None:
    """The row changes with its value; the history is about quantities."""
    cargar(con, periferico, {"APP-TPF": {"1": 3}}, Precio=2)
    assert cargar(con, periferico, {"APP-TPF": {"1": 3}}, now=T1, Precio=2.333333).actualizados == 1
    row = con.execute("SELECT CAST(costo_promedio AS DOUBLE), CAST(valor_inventario AS DOUBLE) FROM stock_actual")
    assert row.fetchone() == (2.333333, 7.0)
    assert historial(con) == []


def test_the_history_has_every_change_of_a_quantity(con: DuckDBPyConnection, periferico: Tienda) -> None:
    """The first snapshot of a warehouse changes nothing; then what changes, comes and goes is appended."""
    cargar(con, periferico, {"APP-TPF": {"1": 5, "2": 7, "3": 1}})
    assert historial(con) == []
    cargar(con, periferico, {"APP-TPF": {"1": 5, "2": 8, "4": 3}, "APP-PPF": {"1": 9}}, now=T1)
    assert historial(con) == [
        ("APP-TPF", "2", 7, 8, T1),
        ("APP-TPF", "3", 1, None, T1),
        ("APP-TPF", "4", None, 3, T1),
    ]


@pytest.mark.parametrize(
    "almacenes", [{"A": {}, "B": {"1": 1}}, {"A": {"1": 1}, "B": {}}, {"A": {"1": 9}, "B": {"1": 1}}]
)
def test_a_suspicious_snapshot_is_refused(
    con: DuckDBPyConnection, periferico: Tienda, almacenes: dict[str, dict[str, float]]
) -> None:
    """Empty, or under `min_ratio`: the store fails as a whole, and its old rows stay, in both warehouses."""
    cargar(con, periferico, {"A": {"1": 1, "2": 2, "3": 3}, "B": {"1": 1}})
    antes = con.execute("SELECT * FROM stock_actual ORDER BY ALL").fetchall()
    con.execute("BEGIN")
    with pytest.raises(SnapshotSospechoso, match=r"tienda_01 [AB]") as e:
        cargar(con, periferico, almacenes, now=T1)
    con.execute("ROLLBACK")
    assert e.value.error_tipo == "snapshot_sospechoso"
    assert e.value.hint
    assert con.execute("SELECT * FROM stock_actual ORDER BY ALL").fetchall() == antes


def test_min_ratio_is_the_smallest_share_that_is_believed(con: DuckDBPyConnection, periferico: Tienda) -> None:
    """Half of 4 is 2: two articles are taken, one is not, and with `--aceptar` one is; never none."""
    cargar(con, periferico, {"A": dict.fromkeys("1234", 1.0)})
    with pytest.raises(SnapshotSospechoso):
        cargar(con, periferico, {"A": {"1": 1}})
    assert cargar(con, periferico, {"A": {"1": 1}}, min_ratio=0).eliminados == 3
    with pytest.raises(SnapshotSospechoso):
        cargar(con, periferico, {"A": {}}, min_ratio=0)
    cargar(con, periferico, {"A": dict.fromkeys("1234", 1.0)})
    assert cargar(con, periferico, {"A": {"1": 1, "2": 1}}).eliminados == 2


def test_other_stores_are_not_touched(con: DuckDBPyConnection, periferico: Tienda, bosque: Tienda) -> None:
    """Neither their rows nor their `fecha_actualizacion`."""
    cargar(con, bosque, {"APP-TBQ": {"1": 5}})
    cargar(con, periferico, {"APP-TPF": {"2": 5}}, now=T1)
    assert held(con, bosque) == {("APP-TBQ", "1"): 5}
    assert con.execute(
        "SELECT ubicacion_id, max(fecha_actualizacion) FROM stock_actual GROUP BY 1 ORDER BY 1"
    ).fetchall() == [("tienda_01", T1), ("tienda_08", T0)]


def test_a_warehouse_that_is_no_longer_configured_goes(con: DuckDBPyConnection, periferico: Tienda) -> None:
    """`stock_actual` holds exactly the active warehouses."""
    cargar(con, periferico, {"A": {"1": 5}, "B": {"1": 6}})
    cargar(con, periferico, {"A": {"1": 5}}, now=T1)
    assert held(con, periferico) == {("A", "1"): 5}


def test_a_cost_of_an_older_source_is_kept(con: DuckDBPyConnection, periferico: Tienda) -> None:
    """KLK tells no cost: its price stands in, but never over what another source wrote; the old id stays, too."""
    con.execute(
        "INSERT INTO productos (id, codigo, descripcion, costo_promedio, precio_venta) "
        " VALUES ('viejo', '1', 'X', 1.5, 4)"
    )
    cargar(con, periferico, {"A": {"1": 5, "2": 5}}, Precio=6)
    cargar(con, periferico, {"A": {"1": 5, "2": 5}}, Precio=7, now=T1)
    rows = con.execute(
        "SELECT codigo, id, CAST(costo_promedio AS DOUBLE), CAST(precio_venta AS DOUBLE), descripcion FROM productos"
        " ORDER BY 1"
    ).fetchall()
    nuevo = str(uuid5(NAMESPACE_DNS, "producto_2"))
    assert rows == [("1", "viejo", 1.5, 7, "ROMERO KG"), ("2", nuevo, 7, 7, "ROMERO KG")]
    assert con.execute("SELECT producto_id FROM stock_actual WHERE codigo_producto = '1'").fetchall() == [("viejo",)]


def test_an_unchanged_product_is_not_rewritten(con: DuckDBPyConnection, periferico: Tienda) -> None:
    """`updated_at` moves only where something is new."""
    cargar(con, periferico, {"A": {"1": 5}, "B": {"1": 5}})
    cargar(con, periferico, {"A": {"1": 9}, "B": {"1": 5}}, now=T1)
    assert con.execute("SELECT created_at, updated_at FROM productos").fetchall() == [(T0, T0)]
    cargar(con, periferico, {"A": {"1": 9}, "B": {"1": 5}}, now=T1, Marca="N/A")
    assert con.execute("SELECT created_at, updated_at, marca FROM productos").fetchall() == [(T0, T1, None)]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(codigo=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).map(str.strip).filter(bool))
def test_the_id_of_a_new_product(con: DuckDBPyConnection, periferico: Tienda, codigo: str) -> None:
    """`uuid5(NAMESPACE_DNS, "producto_" + codigo)`, whatever the code is made of."""
    cargar(con, periferico, {"A": {codigo: 1}}, min_ratio=0)
    row = con.execute("SELECT producto_id FROM stock_actual WHERE codigo_producto = ?", [codigo]).fetchone()
    assert row == (str(uuid5(NAMESPACE_DNS, f"producto_{codigo}")),)


def test_rows_without_a_warehouse_give_way(con: DuckDBPyConnection, periferico: Tienda) -> None:
    """What an older pipeline left without a warehouse is replaced by the first snapshot, and is no history."""
    con.execute(
        "INSERT INTO stock_actual (ubicacion_id, producto_id, codigo_producto, cantidad) VALUES (?, 'x', '1', 5)",
        [periferico.id],
    )
    conteo = cargar(con, periferico, {"A": {"1": 5}})
    assert (conteo.insertados, conteo.eliminados) == (1, 1)
    assert con.execute("SELECT almacen_codigo FROM stock_actual").fetchall() == [("A",)]
    assert con.execute("SELECT count(*) FROM stock_historial").fetchone() == (0,)


def test_what_a_run_has_committed_of_the_catalogue_is_not_written_again(
    con: DuckDBPyConnection, periferico: Tienda, bosque: Tienda
) -> None:
    """A second store with the same articles gets its stock; one that describes them otherwise is heard."""
    catalogo = Catalogo()
    cargar(con, periferico, {"APP-TPF": {"1": 5}}, catalogo=catalogo, NombreProducto="PAN")
    catalogo.anotar(snapshot(periferico, {"APP-TPF": {"1": 5}}, NombreProducto="PAN").fichas)
    con.execute("UPDATE productos SET marca = 'a mano'")
    cargar(con, bosque, {"APP-TBQ": {"1": 3}}, catalogo=catalogo, NombreProducto="PAN")
    assert held(con, bosque) == {("APP-TBQ", "1"): 3}
    assert con.execute("SELECT descripcion, marca FROM productos").fetchone() == ("PAN", "a mano")
    cargar(con, bosque, {"APP-TBQ": {"1": 3, "2": 1}}, catalogo=catalogo, NombreProducto="PAN DULCE")
    assert con.execute("SELECT DISTINCT descripcion FROM productos").fetchall() == [("PAN DULCE",)]
