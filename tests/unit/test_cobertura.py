"""Watermark and coverage in the tables, in the transaction that holds the rows."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from duckdb import DuckDBPyConnection
from table_rows import leidas
from wire_rows import linea

from klk_daemon.domain import Intervalo, Tienda
from klk_daemon.warehouse import cobertura, ventas
from klk_daemon.warehouse.cobertura import Lectura, Leido

NOW = datetime(2025, 11, 17, 16, 5, tzinfo=UTC)


def hace(horas: float) -> datetime:
    """So many hours before now."""
    return NOW - timedelta(hours=horas)


def leido(
    con: DuckDBPyConnection, tienda: Tienda, desde: datetime, hasta: datetime, *, piso: Any = None, now: datetime = NOW
) -> None:
    """Records one interval."""
    cobertura.registrar(con, [Leido(tienda.id, Intervalo(desde, hasta), piso)], now=now, run_id="r1")


def leer(con: DuckDBPyConnection, tienda: Tienda, zona: ZoneInfo) -> Lectura:
    """What is known of one store."""
    return cobertura.leer(con, [tienda.id], zona=zona, now=NOW)[tienda.id]


def test_nothing_is_known_of_a_new_store(con: DuckDBPyConnection, periferico: Tienda, zona: ZoneInfo) -> None:
    """No watermark, no coverage, no newest line."""
    lectura = leer(con, periferico, zona)
    assert (lectura.marca, lectura.cobertura, lectura.ultima_venta) == (None, (), None)


def test_the_first_reading(con: DuckDBPyConnection, periferico: Tienda, zona: ZoneInfo) -> None:
    """From the plan's floor on the watermark follows; instants are stored in UTC."""
    leido(con, periferico, hace(3), hace(1), piso=hace(3))
    lectura = leer(con, periferico, zona)
    assert (lectura.marca, lectura.cobertura) == (hace(1), (Intervalo(hace(3), hace(1)),))
    assert con.execute("SELECT * FROM etl_marcas").fetchall() == [
        ("ventas", "tienda_01", datetime(2025, 11, 17, 15, 5))  # noqa: DTZ001
    ]
    assert con.execute("SELECT desde_utc, run_id FROM ventas_cobertura").fetchall() == [
        (datetime(2025, 11, 17, 13, 5), "r1")  # noqa: DTZ001
    ]


def test_a_range_by_hand_is_coverage_all_the_same(con: DuckDBPyConnection, periferico: Tienda, zona: ZoneInfo) -> None:
    """It makes no first watermark, leaves one that it does not reach, and moves one that it does."""
    leido(con, periferico, hace(9), hace(8))
    assert leer(con, periferico, zona).marca is None
    leido(con, periferico, hace(5), hace(4), piso=hace(5))
    leido(con, periferico, hace(3), hace(2))
    assert leer(con, periferico, zona).marca == hace(4)
    leido(con, periferico, hace(7), hace(1))
    lectura = leer(con, periferico, zona)
    assert lectura.marca == hace(1)
    assert lectura.cobertura == (Intervalo(hace(9), hace(8)), Intervalo(hace(7), hace(1)))


def test_the_watermark_never_goes_back(con: DuckDBPyConnection, periferico: Tienda, zona: ZoneInfo) -> None:
    """A re-reading of the past changes nothing."""
    leido(con, periferico, hace(3), hace(1), piso=hace(3))
    antes = con.execute("SELECT rowid, * FROM ventas_cobertura").fetchall()
    leido(con, periferico, hace(3), hace(2), piso=hace(3))
    assert leer(con, periferico, zona).marca == hace(1)
    assert con.execute("SELECT rowid, * FROM ventas_cobertura").fetchall() == antes
    assert con.execute("SELECT count(*) FROM etl_marcas").fetchone() == (1,)


def test_coverage_is_merged(con: DuckDBPyConnection, periferico: Tienda, bosque: Tienda) -> None:
    """A day of half hours is one row; another store's rows are its own."""
    for n in range(48):
        leido(con, periferico, hace(25 - n / 2), hace(24 - n / 2), piso=hace(25))
    leido(con, bosque, hace(2), hace(1), piso=hace(2))
    assert con.execute("SELECT count(*) FROM ventas_cobertura WHERE ubicacion_id = 'tienda_01'").fetchone() == (1,)
    assert cobertura.cobertura(con, [bosque.id]) == {bosque.id: [Intervalo(hace(2), hace(1))]}


def test_stores_that_are_recorded_together(con: DuckDBPyConnection, zona: ZoneInfo) -> None:
    """Each as if it were alone: its watermark, its coverage, and what it had to read again; others stay as they are."""
    todas = ["nueva", "al dia", "a mano", "relee", "otra"]
    antes = [Leido(id_, Intervalo(hace(3), hace(2)), hace(3)) for id_ in todas[1:]]
    cobertura.registrar(con, antes, now=NOW, run_id="r1")
    cobertura.releer(con, [("relee", Intervalo(hace(9), hace(7))), ("otra", Intervalo(hace(9), hace(7)))])
    micro = timedelta(microseconds=1)
    juntas = [
        Leido("nueva", Intervalo(hace(2), hace(1) - micro), hace(2)),
        Leido("al dia", Intervalo(hace(2), hace(1)), hace(2)),
        Leido("a mano", Intervalo(hace(3), hace(1)), None, avanza=False),
        Leido("relee", Intervalo(hace(8), NOW), None),
    ]
    cobertura.registrar(con, juntas, now=NOW, run_id="r2")
    lecturas = cobertura.leer(con, todas, zona=zona, now=NOW)
    assert [*lecturas] == todas
    assert {id_: lectura.marca for id_, lectura in lecturas.items()} == {
        "nueva": hace(1) - micro, "al dia": hace(1), "a mano": hace(2), "relee": NOW, "otra": hace(2),
    }  # fmt: skip
    assert {id_: lectura.cobertura for id_, lectura in lecturas.items()} == {
        "nueva": (Intervalo(hace(2), hace(1) - micro),),
        "al dia": (Intervalo(hace(3), hace(1)),),
        "a mano": (Intervalo(hace(3), hace(1)),),
        "relee": (Intervalo(hace(8), NOW),),
        "otra": (Intervalo(hace(3), hace(2)),),
    }
    assert [lecturas[id_].por_releer for id_ in todas] == [
        (), (), (), (Intervalo(hace(9), hace(8)),), (Intervalo(hace(9), hace(7)),),
    ]  # fmt: skip
    assert con.execute("SELECT ubicacion_id FROM ventas_cobertura WHERE run_id = 'r1'").fetchall() == [("otra",)]
    assert con.execute("SELECT count(*) FROM etl_marcas").fetchone() == (5,)


def test_a_store_twice_in_one_call(con: DuckDBPyConnection, periferico: Tienda, zona: ZoneInfo) -> None:
    """One after the other, as in two calls: the second begins at the watermark that the first has moved."""
    leidos = [
        Leido(periferico.id, Intervalo(hace(3), hace(2)), hace(3)),
        Leido(periferico.id, Intervalo(hace(2), hace(1)), None),
        Leido(periferico.id, Intervalo(hace(9), hace(8)), None),
    ]
    cobertura.registrar(con, leidos, now=NOW, run_id="r1")
    lectura = leer(con, periferico, zona)
    assert lectura.marca == hace(1)
    assert lectura.cobertura == (Intervalo(hace(9), hace(8)), Intervalo(hace(3), hace(1)))


def test_what_must_be_read_again_may_overlap(con: DuckDBPyConnection, periferico: Tienda, zona: ZoneInfo) -> None:
    """The same interval was lost twice: read once, it is asked for no more."""
    perdido = (periferico.id, Intervalo(hace(5), hace(4)))
    cobertura.releer(con, [perdido, perdido])
    assert leer(con, periferico, zona).por_releer == (perdido[1], perdido[1])
    leido(con, periferico, hace(5), hace(4))
    assert leer(con, periferico, zona).por_releer == ()


def test_of_no_store_nothing_is_asked(con: DuckDBPyConnection, zona: ZoneInfo) -> None:
    """Every store is another daemon's."""
    cobertura.registrar(con, [], now=NOW, run_id="r1")
    cobertura.releer(con, [])
    assert cobertura.leer(con, [], zona=zona, now=NOW) == {}
    assert cobertura.cobertura(con, []) == {}


def test_what_a_fast_clock_claimed_is_given_up(con: DuckDBPyConnection, periferico: Tienda, zona: ZoneInfo) -> None:
    """Once the clock is right again, coverage ahead of it goes, so that it is read when its time comes."""
    manana = NOW + timedelta(days=1)
    leido(con, periferico, hace(1), manana, piso=hace(1), now=manana)
    leido(con, periferico, hace(1), NOW, piso=hace(1), now=NOW)
    lectura = leer(con, periferico, zona)
    assert lectura.cobertura == (Intervalo(hace(1), NOW),)
    assert lectura.marca == manana


def test_rows_and_watermark_stand_or_fall_together(con: DuckDBPyConnection, periferico: Tienda, zona: ZoneInfo) -> None:
    """After a rollback neither is there."""
    con.execute("BEGIN")
    lote = leidas(linea())
    ahora = NOW.replace(tzinfo=None)
    ventas.cargar(con, [ventas.preparar(periferico, lote, extraida=ahora)], now=ahora)
    leido(con, periferico, hace(3), hace(1), piso=hace(3))
    con.execute("ROLLBACK")
    lectura = leer(con, periferico, zona)
    assert (lectura.marca, lectura.cobertura, lectura.ultima_venta) == (None, (), None)


@pytest.mark.parametrize("tipo", ["TIMESTAMP", "VARCHAR"])
def test_the_newest_line_of_a_store_without_a_watermark(
    con: DuckDBPyConnection, periferico: Tienda, zona: ZoneInfo, tipo: str
) -> None:
    """Also in a legacy file, where it is text, some of it unreadable."""
    con.execute("ALTER TABLE ventas_raw DROP COLUMN fecha_hora_completa")
    con.execute(f"ALTER TABLE ventas_raw ADD COLUMN fecha_hora_completa {tipo}")
    for texto in ("2025-11-17T12:19:56", "2025-11-16T23:00:00", None):
        con.execute(
            "INSERT INTO ventas_raw (ubicacion_id, fecha_hora_completa)"
            " VALUES ('tienda_01', ?), ('otra', '2026-01-01')",
            [texto],
        )
    if tipo == "VARCHAR":
        con.execute("INSERT INTO ventas_raw (ubicacion_id, fecha_hora_completa) VALUES ('tienda_01', 'N/A')")
    assert leer(con, periferico, zona).ultima_venta == datetime(2025, 11, 17, 16, 19, 56, tzinfo=UTC)
    leido(con, periferico, hace(3), hace(1), piso=hace(3))
    assert leer(con, periferico, zona).ultima_venta is None
