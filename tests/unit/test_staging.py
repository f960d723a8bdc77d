"""Rows through their text into a table: what is read is what was packed, whatever it contains."""

import json
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from duckdb import DuckDBPyConnection
from hypothesis import given
from hypothesis import strategies as st

from klk_daemon.warehouse.packing import ASCII, Packed, pack, together
from klk_daemon.warehouse.staging import stage

TEXTO = {"a": "VARCHAR", "b": "VARCHAR", "c": "VARCHAR"}
MARKS = [ASCII.value, ASCII.row, ASCII.missing]
# What DuckDB takes: no half characters.
textos = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from([*MARKS, "\0", "é", "\u0301"]))
celdas = st.none() | textos
filas = st.lists(st.tuples(celdas, celdas, celdas), max_size=5)


def staged(types: dict[str, str], *packed: Packed) -> list[tuple[Any, ...]]:
    """The rows as the table holds them."""
    with duckdb.connect() as con:
        stage(con, "lote", types, *packed)
        return con.execute("SELECT * FROM lote ORDER BY rowid").fetchall()


@given(st.lists(filas, max_size=3))
def test_any_text_comes_through(partes: list[list[tuple[Any, ...]]]) -> None:
    """Missing values, empty ones, marks inside of them, zero bytes; one part or several, or none at all."""
    assert staged(TEXTO, *(pack([*TEXTO], parte) for parte in partes)) == [fila for parte in partes for fila in parte]


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_in_a_value_makes_other_marks(mark: str) -> None:
    """And what goes together is only what has the same."""
    raro, normal = pack(["a"], [(f"x{mark}y",)]), pack(["a"], [("z",), (None,)])
    assert normal.marks == ASCII
    assert not {raro.marks.value, raro.marks.row, raro.marks.missing} & set(MARKS)
    assert [p.count for p in together([normal, normal, pack(["a"], []), raro, normal])] == [4, 1, 2]


def test_kinds() -> None:
    """Each in its column's type, and in a column of text as it is written there."""
    fila = ("x", 7, 0.1, True, "2025-11-17", "10:11:12", "2025-11-17T10:11:12", None)
    kinds = ("VARCHAR", "INTEGER", "DECIMAL(18, 6)", "BOOLEAN", "DATE", "TIME", "TIMESTAMP", "INTEGER")
    types = dict(zip("abcdefgh", kinds, strict=True))
    moment = datetime(2025, 11, 17, 10, 11, 12)  # noqa: DTZ001 - a store's wall clock
    held = ("x", 7, Decimal("0.1"), True, date(2025, 11, 17), time(10, 11, 12), moment, None)
    assert staged(types, pack([*types], [fila])) == [held]
    text = ("x", "7", "0.1", "true", *fila[4:])
    assert staged(dict.fromkeys(types, "VARCHAR"), pack([*types], [fila])) == [text]


def test_what_all_rows_have_in_common() -> None:
    """Is told once, like any other value; rows that have other things in common stay apart."""
    types = {"a": "VARCHAR", "b": "VARCHAR", "c": "DECIMAL(18, 6)", "d": "BOOLEAN"}
    uno = pack(["a"], [("x",), ("y",)], common={"b": False, "c": 1e-3, "d": None, "e": "of no column"})
    otro = pack(["a"], [("z",)], common={"b": None, "c": "N/A", "d": True})
    assert staged(types, uno, otro, uno) == [
        *(uno_mismo := [("x", "false", Decimal("0.001"), None), ("y", "false", Decimal("0.001"), None)]),
        ("z", None, None, True),
        *uno_mismo,
    ]
    assert [p.count for p in together([uno, uno, otro])] == [4, 1]
    assert uno.names == {"a", "b", "c", "d", "e"}


def test_what_a_column_cannot_hold_is_missing() -> None:
    """And takes no other value of its row along."""
    assert staged({"a": "DECIMAL(4, 2)", "b": "DATE"}, pack(["a", "b"], [(1e9, "2025-11-17"), (1.0, "hoy")])) == [
        (None, date(2025, 11, 17)),
        (Decimal(1), None),
    ]


def test_columns_that_the_table_lacks_are_left_out() -> None:
    """Whatever their order."""
    assert staged({"c": "INTEGER", "a": "VARCHAR"}, pack(["a", "b", "c"], [("x", "y", 1)])) == [(1, "x")]


numeros = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
mezcladas = st.lists(st.tuples(celdas, numeros, celdas, numeros), max_size=5)


@given(mezcladas)
def test_figures_come_through(filas: list[tuple[Any, ...]]) -> None:
    """Written apart from the texts, as they are among them: all of their digits, and never an exponent."""
    types = dict.fromkeys("abcd", "VARCHAR")
    held = staged(types, pack([*types], filas, "bd"))
    assert held == staged(types, pack([*types], filas))
    for fila, textos in zip(filas, held, strict=True):
        assert (textos[0], textos[2]) == (fila[0], fila[2])
        for numero, text in zip((fila[1], fila[3]), (textos[1], textos[3]), strict=True):
            assert text is numero is None or float(json.loads(text)) == numero
            assert text is None or text in {"true", "false"} or "e" not in text


@pytest.mark.parametrize("filas", [[], [(1.5,)], [(None,), (2.0,)]])
def test_figures_alone(filas: list[tuple[Any, ...]]) -> None:
    """No text beside them, or no row at all."""
    assert staged({"a": "DOUBLE"}, pack(["a"], filas, ["a"])) == filas


@pytest.mark.parametrize(
    ("numero", "escrito"),
    [(1.0, "1.0"), (-2.5, "-2.5"), (1e-7, "0.0000001"), (-1.5e-9, "-0.0000000015"), (1e16, "10000000000000000")],
)
@pytest.mark.parametrize("figures", ["", "a"])
def test_a_plain_decimal(numero: float, escrito: str, figures: str) -> None:
    """All digits of the float, and no exponent."""
    assert pack("ab", [(numero, "x")], figures).text.split(ASCII.value)["a" in figures] == escrito
    assert float(escrito) == numero


def test_a_lake_takes_no_zero_bytes() -> None:
    """PostgreSQL would refuse them; a file keeps them."""
    packed = pack(["a"], [("x\0y",)])
    assert staged({"a": "VARCHAR"}, packed) == [("x\0y",)]
    with duckdb.connect() as con, pytest.MonkeyPatch.context() as patch:
        patch.setattr("klk_daemon.warehouse.staging.in_lake", _yes)
        stage(con, "lote", {"a": "VARCHAR"}, packed)
        assert con.execute("SELECT a FROM lote").fetchall() == [("xy",)]


def _yes(con: DuckDBPyConnection) -> bool:
    del con
    return True
