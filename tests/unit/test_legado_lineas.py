"""Lines in the all-text table of a legacy file: written as before, compared by what they mean, each in the end once."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from duckdb import DuckDBPyConnection
from table_rows import T0, T1, cargar, certificar, igualar, preparadas
from wire_rows import DIA, linea

from klk_daemon.domain import Conteo, Tienda
from klk_daemon.errors import SnapshotSospechoso
from klk_daemon.warehouse import certificados, conciliacion, ventas

STAMPS = "fecha_carga, fecha_extraccion, fecha_transformacion, fecha_actualizacion"


@pytest.fixture
def con(tmp_path: Path, legado_vacio: Path) -> Iterator[DuckDBPyConnection]:
    """A legacy file that was taken over, without rows."""
    shutil.copyfile(legado_vacio, tmp_path / "viejo.db")
    with duckdb.connect(str(tmp_path / "viejo.db")) as con:
        yield con


def otra_vez(con: DuckDBPyConnection, veces: int = 1, **cambios: str) -> None:
    """The old loader appends all lines again, each time half an hour later; with other texts in some columns."""
    reemplazos = "".join(f", {sql} AS {columna}" for columna, sql in cambios.items())
    for n in range(1, veces + 1):
        con.execute(
            f"INSERT INTO ventas_raw SELECT * REPLACE (fecha_carga + INTERVAL {30 * n} MINUTE AS fecha_carga,"
            f" '2025-11-17 13:00:00.5' AS fecha_extraccion{reemplazos}) FROM ventas_raw WHERE fecha_carga = ?",
            [T0],
        )


def test_values_are_written_as_before(con: DuckDBPyConnection, periferico: Tienda) -> None:
    """Dates, times, flags and numbers in the texts of legacy-db.md; never an exponent; only the load has its type."""
    fila = linea(
        cantidad={"cantidad_vendida": 1, "peso_unitario": 1e-7, "unidad_medida_venta": "KG"},
        financiero={"venta_total_bs": 123456789012.0, "costo_unitario_bs": 1 / 3},
    )
    cargar(con, periferico, fila)
    columnas = (
        "linea, fecha, hora, fecha_hora_completa, dia_semana, ano, cantidad_vendida, venta_total, peso_unitario,"
        " venta_total_bs, costo_unitario_bs, es_peso_variable, venta_alto_valor, fecha_extraccion,"
        " fecha_transformacion, fecha_carga, fecha_actualizacion, version_transformacion"
    )
    assert con.execute(f"SELECT {columnas} FROM ventas_raw").fetchone() == (
        *("1", "2025-11-17", "12:19:56", "2025-11-17T12:19:56", "0", "2025", "1.0", "0.974138", "0.0000001"),
        *("123456789012.0", "0.3333333333333333", "true", "false"),
        *("2025-11-17 12:35:04.123400", "2025-11-17 12:35:04.123400", T0, T0, "klk_v2"),
    )


@pytest.mark.parametrize(
    "viejo",
    [
        {"linea": "'1.0'"},
        {"cantidad_vendida": "'1'"},
        {"cantidad_vendida": "'1.0000'"},
        {"venta_total": "'0.97413800000001'"},
        {"es_peso_variable": "'False'"},
        {"peso_unitario": "'0'"},
        {"fecha_hora_completa": "'2025-11-17 12:19:56'"},
    ],
    ids=str,
)
def test_another_text_of_the_same_value_is_no_change(
    con: DuckDBPyConnection, periferico: Tienda, viejo: dict[str, str]
) -> None:
    """What means the same is left alone, whoever wrote it: not a byte changes."""
    cargar(con, periferico, linea())
    con.execute(f"UPDATE ventas_raw SET {', '.join(f'{c} = {sql}' for c, sql in viejo.items())}")
    antes = con.execute("SELECT * FROM ventas_raw").fetchall()
    assert cargar(con, periferico, linea(), now=T1) == Conteo(extraidos=1, sin_cambio=1)
    assert igualar(con, periferico, linea()) == Conteo(extraidos=1, sin_cambio=1)
    assert con.execute("SELECT * FROM ventas_raw").fetchall() == antes
    assert certificar(con, periferico, linea())


@pytest.mark.parametrize(
    "viejo",
    [
        {"impuesto_total": "'36.856'"},
        {"venta_sin_impuesto": "'0.82'"},
        {"cantidad_vendida": "'nan'"},
        {"venta_total": "NULL"},
        {"fecha_hora_completa": "'N/A'"},
        {"linea": "'1.0'", "tasa_usd": "NULL"},
    ],
    ids=str,
)
def test_what_the_old_pipeline_got_wrong_is_put_right(
    con: DuckDBPyConnection, periferico: Tienda, viejo: dict[str, str]
) -> None:
    """A line that is read again is updated where it says something else: in its place, its other copies' too."""
    cargar(con, periferico, linea())
    bien = con.execute(f"SELECT * EXCLUDE ({STAMPS}) FROM ventas_raw").fetchall()
    con.execute(f"UPDATE ventas_raw SET {', '.join(f'{c} = {sql}' for c, sql in viejo.items())}")
    assert cargar(con, periferico, linea(), now=T1) == Conteo(extraidos=1, actualizados=1)
    assert con.execute(f"SELECT * EXCLUDE ({STAMPS}) FROM ventas_raw").fetchall() == bien


def test_copies_of_a_line_that_is_read_end_up_once(con: DuckDBPyConnection, periferico: Tienda) -> None:
    """Equal ones and different ones; the last stays, so that MAX(fecha_carga) does not go back; others are left."""
    cargar(con, periferico, linea(), linea(linea=2), linea(linea=3))
    otra_vez(con, 2)
    newest = con.execute("SELECT max(fecha_carga) FROM ventas_raw").fetchone()
    con.execute("UPDATE ventas_raw SET linea = '2.0', venta_total = '9' WHERE linea = '2' AND fecha_carga = ?", newest)
    conteo = cargar(con, periferico, linea(), linea(linea=2), now=T1)
    assert conteo == Conteo(extraidos=2, sin_cambio=1, actualizados=1, eliminados=4)
    rows = con.execute("SELECT linea, count(*), max(venta_total) FROM ventas_raw GROUP BY 1 ORDER BY 1").fetchall()
    assert rows == [("1", 1, "0.974138"), ("2", 1, "0.974138"), ("3", 3, "0.974138")]
    assert con.execute("SELECT max(fecha_carga) FROM ventas_raw").fetchone() == newest
    assert cargar(con, periferico, linea(), linea(linea=2), now=T1) == Conteo(extraidos=2, sin_cambio=2)


def test_copies_in_several_stores_at_once(con: DuckDBPyConnection, periferico: Tienda, bosque: Tienda) -> None:
    """Each store's go, and are counted as its own."""
    cargar(con, bosque, linea())
    cargar(con, periferico, linea(), linea(linea=2))
    otra_vez(con, 2)
    lotes = [preparadas(bosque, linea(), now=T1), preparadas(periferico, linea(), linea(linea=2, tasa_usd=1), now=T1)]
    assert ventas.cargar(con, lotes, now=T1) == [
        Conteo(extraidos=1, sin_cambio=1, eliminados=2),
        Conteo(extraidos=2, sin_cambio=1, actualizados=1, eliminados=4),
    ]
    assert con.execute("SELECT count(*) FROM ventas_raw").fetchone() == (3,)


def test_conciliacion_of_a_day_with_copies(con: DuckDBPyConnection, periferico: Tienda, bosque: Tienda) -> None:
    """A day that is there three times over is no reason to refuse it; each copy is recorded with the one that stays."""
    cargar(con, bosque, linea())
    cargar(con, periferico, linea(), linea(linea=2))
    otra_vez(con, 2)
    conteo = igualar(con, periferico, linea())
    assert conteo == Conteo(extraidos=1, sin_cambio=1, eliminados=5)
    recorded = con.execute(
        "SELECT linea, tipo, antes IS NOT NULL, despues IS NOT NULL, count(*) FROM ventas_correcciones GROUP BY ALL"
        " ORDER BY 1"
    ).fetchall()
    assert recorded == [(1, "eliminada", True, True, 2), (2, "eliminada", True, False, 3)]
    assert certificar(con, periferico, linea())
    assert con.execute("SELECT count(*) FROM ventas_raw WHERE ubicacion_id = 'tienda_08'").fetchone() == (3,)


def test_a_day_with_copies_is_not_certified(con: DuckDBPyConnection, periferico: Tienda) -> None:
    """Equal means each line once; a copy that turns up in a certified day reopens it."""
    cargar(con, periferico, linea())
    assert certificar(con, periferico, linea())
    otra_vez(con)
    assert not certificar(con, periferico, linea())
    assert cargar(con, periferico, linea(), now=T1).eliminados == 1
    assert certificados.leer(con)[0].reabierto == T1


def test_half_a_day_is_refused_by_its_lines_not_its_rows(con: DuckDBPyConnection, periferico: Tienda) -> None:
    """Of five lines held, two are too few and three are enough, however often each is there."""
    cargar(con, periferico, *(linea(linea=n) for n in range(1, 6)))
    otra_vez(con, 3)
    with pytest.raises(SnapshotSospechoso, match="5 are held"):
        igualar(con, periferico, linea(), linea(linea=2))
    assert igualar(con, periferico, *(linea(linea=n) for n in range(1, 4))).eliminados == 3 * 3 + 2 * 4


def test_lines_whose_number_is_no_number(con: DuckDBPyConnection, periferico: Tienda) -> None:
    """They are not KLK's: a reading leaves them, and conciliacion deletes and records them; nothing fails."""
    cargar(con, periferico, linea(), linea(linea=2), linea(linea=3))
    con.execute("UPDATE ventas_raw SET linea = 'dos', fecha_hora_completa = '' WHERE linea = '2'")
    con.execute("UPDATE ventas_raw SET linea = NULL WHERE linea = '3'")
    assert cargar(con, periferico, linea(linea=2), now=T1 - timedelta(hours=9)).insertados == 1
    assert igualar(con, periferico, linea(), linea(linea=2)).eliminados == 2
    assert con.execute("SELECT linea FROM ventas_raw ORDER BY 1").fetchall() == [("1",), ("2",)]
    rows = con.execute("SELECT linea, numero_factura, tipo FROM ventas_correcciones").fetchall()
    assert rows == [(None, "C10-01-00008064", "eliminada")] * 2
    assert conciliacion.tardanza(con, periferico, DIA, "r1").lineas == 2


@pytest.mark.parametrize("ultima", ["'9'", "'0.97413800000001'"], ids=["another value", "another text"])
def test_the_last_copy_is_what_is_compared(con: DuckDBPyConnection, periferico: Tienda, ultima: str) -> None:
    """Whatever the ones before it say: recorded as they were, each with the one that stays."""
    cargar(con, periferico, linea(), linea(linea=2))
    con.execute("UPDATE ventas_raw SET venta_total = '7' WHERE linea = '1'")
    otra_vez(con, 1, venta_total=f"CASE linea WHEN '1' THEN {ultima} ELSE venta_total END")
    cambiada = int(ultima == "'9'")
    conteo = igualar(con, periferico, linea(), linea(linea=2))
    assert conteo == Conteo(extraidos=2, actualizados=cambiada, sin_cambio=2 - cambiada, eliminados=2)
    recorded = con.execute(
        "SELECT linea, tipo, fecha, antes ->> 'venta_total', despues ->> 'venta_total' FROM ventas_correcciones"
        " ORDER BY 1, 2"
    ).fetchall()
    texto, bien = ultima.strip("'"), "0.974138"
    assert recorded == [
        *[(1, "actualizada", DIA, texto, bien)] * cambiada,
        (1, "eliminada", DIA, "7", texto),
        (2, "eliminada", DIA, bien, bien),
    ]
    rows = con.execute("SELECT linea, venta_total FROM ventas_raw ORDER BY 1").fetchall()
    assert rows == [("1", bien if cambiada else texto), ("2", bien)]
