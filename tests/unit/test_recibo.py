"""The commit receipt: what a database has lost is noticed, whatever a crash did to the notes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from duckdb import DuckDBPyConnection

from klk_daemon.domain import Intervalo, Job
from klk_daemon.warehouse.recibo import NAME, Nota, Recibo

T0 = datetime(2025, 11, 17, 16, 5, tzinfo=UTC)


def commit(con: DuckDBPyConnection, recibo: Recibo, tienda: str = "tienda_01") -> Nota:
    """One commit of an hour of sales, sealed but not noted yet."""
    base_id, numero = recibo.sellar(con)
    return Nota(base_id, numero, Job.VENTAS, tienda, T0 + timedelta(hours=numero), T0 + timedelta(hours=numero + 1))


def test_nothing_is_missing(con: DuckDBPyConnection, tmp_path: Path) -> None:
    """Without notes, with all of them, and with a commit that could not be noted any more."""
    recibo = Recibo(tmp_path)
    assert recibo.comparar(con) is None
    recibo.anotar(commit(con, recibo))
    assert recibo.comparar(con) is None
    commit(con, recibo)
    assert recibo.comparar(con) is None


def test_lost_commits_are_named_once(con: DuckDBPyConnection, tmp_path: Path) -> None:
    """Store and interval of each; afterwards the numbers go on from the newest note."""
    recibo = Recibo(tmp_path)
    recibo.anotar(commit(con, recibo))
    con.execute("BEGIN")
    notas = [commit(con, recibo), commit(con, recibo, "tienda_08")]
    con.execute("ROLLBACK")  # as a torn write-ahead log does it
    for nota in notas:
        recibo.anotar(nota)
    perdida = recibo.comparar(con)
    assert perdida is not None
    assert perdida.completa
    assert perdida.intervalos() == [
        ("tienda_01", Intervalo(T0 + timedelta(hours=2), T0 + timedelta(hours=3))),
        ("tienda_08", Intervalo(T0 + timedelta(hours=3), T0 + timedelta(hours=4))),
    ]
    assert recibo.comparar(con) is None
    assert commit(con, recibo).numero == 4


def test_notes_of_another_database_say_nothing(con: DuckDBPyConnection, tmp_path: Path) -> None:
    """A new file is no loss."""
    recibo = Recibo(tmp_path)
    recibo.anotar(Nota("another", 99, Job.VENTAS, "tienda_01"))
    assert recibo.comparar(con) is None


@pytest.mark.parametrize("torn", [b'{"base_id": "x", "num', b"\x00\x00"])
def test_a_note_cut_short_is_passed_over(con: DuckDBPyConnection, tmp_path: Path, torn: bytes) -> None:
    """Power failed while it was written."""
    recibo = Recibo(tmp_path)
    recibo.anotar(commit(con, recibo))
    with (tmp_path / NAME).open("ab") as f:
        f.write(torn)
    assert recibo.comparar(con) is None


@pytest.mark.parametrize("torn", [b'{"base_id": "x", "num', b"\x00\x00"])
def test_a_note_cut_short_does_not_spoil_those_after_it(con: DuckDBPyConnection, tmp_path: Path, torn: bytes) -> None:
    """The commits after the power failure are noted beside it; no run fails for the torn one."""
    recibo = Recibo(tmp_path)
    recibo.anotar(commit(con, recibo))
    with (tmp_path / NAME).open("ab") as f:
        f.write(torn)
    recibo.anotar(commit(con, recibo))
    con.execute("UPDATE ultimo_commit SET numero = 1")
    perdida = recibo.comparar(con)
    assert perdida is not None
    assert [n.numero for n in perdida.notas] == [2]
