"""The dashboard's reads of the database, on a new file and on one whose sales are text (legacy-db.md)."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from duckdb import DuckDBPyConnection

from klk_daemon.warehouse import panel, queries, schema

HOY = date(2025, 11, 17)
AHORA = datetime.fromisoformat("2025-11-17T14:40")
ROWS = [
    # store, invoice, line, day, hour, USD
    ("tienda_01", "C1", 1, "2025-11-17", "09:05:00", "1.50"),
    ("tienda_01", "C1", 2, "2025-11-17", "09:05:00", "2.25"),
    ("tienda_01", "C2", 1, "2025-11-17", "09:31:59", "4.00"),
    ("tienda_01", "C3", 1, "2025-11-17", "23:59:59", "8.00"),
    ("tienda_01", "C4", 1, "2025-11-10", "09:00:00", "16.00"),
    ("tienda_08", "C1", 1, "2025-11-17", "00:00:00", "32.00"),
    ("tienda_08", "C9", 1, "2025-11-16", "12:00:00", "64.00"),
    ("tienda_08", "C8", 1, "2025-09-01", "12:00:00", "64.00"),
]


@pytest.fixture(params=["typed", "text"])
def ventas(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DuckDBPyConnection]:
    """A database with `ROWS`, typed or as an older pipeline wrote them."""
    with duckdb.connect(str(tmp_path / "x.db")) as con:
        schema.ensure(con, AHORA)
        if request.param == "text":
            columns = [name for name, *_ in con.execute("DESCRIBE ventas_raw").fetchall()]
            con.execute(f"CREATE OR REPLACE TABLE ventas_raw ({', '.join(f'{c} VARCHAR' for c in columns)})")
        con.executemany(
            "INSERT INTO ventas_raw (ubicacion_id, numero_factura, linea, fecha, hora, fecha_hora_completa,"
            " venta_total) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(*row[:5], f"{row[3]}T{row[4]}", row[5]) for row in ROWS],
        )
        yield con


def test_sales_by_half_hour(ventas: DuckDBPyConnection) -> None:
    """Each line counts in its half hour, each invoice once; other days and stores do not."""
    dias = panel.ventas_del_dia(ventas, HOY)
    assert dias.keys() == {"tienda_01", "tienda_08"}
    usd = dias["tienda_01"].usd
    assert (len(usd), usd[18], usd[19], usd[47], sum(usd)) == (48, 3.75, 4.0, 8.0, 15.75)
    assert dias["tienda_01"].facturas == 3
    assert dias["tienda_08"].usd[0] == 32.0
    assert panel.ventas_del_dia(ventas, HOY - timedelta(days=7))["tienda_01"].usd[18] == 16.0
    assert panel.ventas_del_dia(ventas, HOY - timedelta(days=3)) == {}


def test_uncertified_days(ventas: DuckDBPyConnection) -> None:
    """Past days with sales and no certificate in force, newest first, and none older than is asked for."""
    con = ventas
    assert panel.dias_sin_certificar(con, ["tienda_01", "tienda_08"], hoy=HOY, dias=31) == {
        "tienda_01": (date(2025, 11, 10),),
        "tienda_08": (date(2025, 11, 16),),
    }
    certify = "INSERT INTO dias_certificados (ubicacion_id, fecha, certificado, reabierto) VALUES (?, ?, ?, ?)"
    con.execute(certify, ["tienda_01", "2025-11-10", AHORA, AHORA])
    con.execute(certify, ["tienda_08", "2025-11-16", AHORA, None])
    assert panel.dias_sin_certificar(con, ["tienda_01", "tienda_08"], hoy=HOY, dias=31) == {
        "tienda_01": (date(2025, 11, 10),),
        "tienda_08": (),
    }


def test_the_newest_sale(ventas: DuckDBPyConnection) -> None:
    """It is found near the watermark, without one, and far behind a watermark that went on without sales."""
    con = ventas
    assert queries.estado_tienda(con, "tienda_01").venta == datetime.fromisoformat("2025-11-17T23:59:59")
    for marca in (datetime.fromisoformat("2025-11-18T00:00"), datetime.fromisoformat("2026-03-01T00:00")):
        con.execute("DELETE FROM etl_marcas")
        con.execute("INSERT INTO etl_marcas VALUES ('ventas', 'tienda_08', ?)", [marca])
        assert queries.estado_tienda(con, "tienda_08").venta == datetime.fromisoformat("2025-11-17T00:00")
    assert queries.estado_tienda(con, "tienda_20").venta is None


def test_stock_at_a_glance(con: DuckDBPyConnection) -> None:
    """Each warehouse's articles, those below zero, and the quantities that changed since an instant."""
    con.executemany(
        "INSERT INTO stock_actual (ubicacion_id, almacen_codigo, codigo_producto, cantidad, valor_inventario,"
        " fecha_actualizacion) VALUES ('tienda_01', ?, ?, ?, 2, ?)",
        [("A", "1", -1, AHORA), ("A", "2", 5, AHORA), ("B", "1", 0, AHORA)],
    )
    con.executemany(
        "INSERT INTO stock_historial VALUES ('tienda_01', ?, '1', 1, 2, ?)",
        [("A", AHORA), ("A", AHORA - timedelta(minutes=59)), ("A", AHORA - timedelta(hours=2))],
    )
    assert panel.existencias(con, AHORA - timedelta(hours=1)) == [
        panel.Almacen("tienda_01", "A", 2, 1, 4.0, AHORA, 2),
        panel.Almacen("tienda_01", "B", 1, 0, 2.0, AHORA, 0),
    ]


def test_the_newest_runs(con: DuckDBPyConnection) -> None:
    """The newest runs of a job with all their parts, oldest first; a row without a run_id is a run by itself."""
    for n in range(1, 7):
        for k, tienda in enumerate(("tienda_01", "tienda_08")):
            con.execute(
                "INSERT INTO etl_ejecuciones (id, run_id, etl_tipo, ubicacion_id, fecha_inicio, estado)"
                " VALUES (?, ?, 'ventas', ?, ?, 'exitoso')",
                [n * 2 + k, f"r{n}" if n > 1 else None, tienda, AHORA + timedelta(minutes=n)],
            )
    partes = panel.ultimas_partes(con, "ventas", corridas=3, tiendas=3)
    assert [p.run_id for p in partes] == ["r4", "r4", "r5", "r5", "r6", "r6"]
    todas = panel.ultimas_partes(con, "ventas", corridas=48, tiendas=3)
    assert [p.run_id for p in todas[:2]] == ["fila-2", "fila-3"]
    assert [p.tienda for p in panel.partes_de(con, "r6")] == ["tienda_01", "tienda_08"]
    assert panel.partes_de(con, "nada") == []


def test_rows_put_aside_and_corrections(con: DuckDBPyConnection) -> None:
    """All are counted, the newest are named, and a long row is cut."""
    for n in range(5):
        con.execute(
            "INSERT INTO filas_rechazadas VALUES (?, ?, 1, 'ventas', 'tienda_01', ?, ?)",
            [AHORA, AHORA + timedelta(minutes=n), f"m{n}", '"' + "x" * 1000 + '"'],
        )
        con.execute(
            "INSERT INTO ventas_correcciones VALUES (?, 'tienda_01', ?, 'C1', ?, 'agregada', NULL, NULL, 'r')",
            [AHORA - timedelta(days=n * 3), HOY, n],
        )
    cuenta = panel.apartadas(con, cada=2)["tienda_01"]
    assert (cuenta.cuantas, [fila.motivo for fila in cuenta.ultimas]) == (5, ["m4", "m3"])
    assert len(cuenta.ultimas[0].fila) == panel.LARGO
    cuenta = panel.correcciones(con, desde=AHORA - timedelta(days=7), cada=2)["tienda_01"]
    assert (cuenta.cuantas, [c.linea for c in cuenta.ultimas]) == (3, [0, 1])
