"""The commit receipt: what a database has lost is noticed, whatever a crash did to the notes."""

from dataclasses import replace
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
    recibo.anotar([commit(con, recibo)])
    assert recibo.comparar(con) is None
    commit(con, recibo)
    assert recibo.comparar(con) is None


def test_lost_commits_are_named_once(con: DuckDBPyConnection, tmp_path: Path) -> None:
    """Store and interval of each; afterwards the numbers go on from the newest note."""
    recibo = Recibo(tmp_path)
    recibo.anotar([commit(con, recibo)])
    con.execute("BEGIN")
    notas = [commit(con, recibo), commit(con, recibo, "tienda_08")]
    con.execute("ROLLBACK")  # as a torn write-ahead log does it
    for nota in notas:
        recibo.anotar([nota])
    perdida = recibo.comparar(con)
    assert perdida is not None
    assert perdida.completa
    assert perdida.intervalos() == [
        ("tienda_01", Intervalo(T0 + timedelta(hours=2), T0 + timedelta(hours=3))),
        ("tienda_08", Intervalo(T0 + timedelta(hours=3), T0 + timedelta(hours=4))),
    ]
    assert recibo.comparar(con) is None
    assert commit(con, recibo).numero == 4


def juntas(con: DuckDBPyConnection, recibo: Recibo, tiendas: int) -> list[Nota]:
    """One commit of several stores, sealed but not noted yet."""
    nota = commit(con, recibo)
    return [replace(nota, ubicacion_id=f"tienda_{n:02}") for n in range(tiendas)]


def test_a_lost_commit_of_several_stores(con: DuckDBPyConnection, tmp_path: Path) -> None:
    """It is one commit, and its sales are read again of every store; the number goes on by one."""
    recibo = Recibo(tmp_path)
    recibo.anotar(juntas(con, recibo, 3))
    con.execute("BEGIN")
    for n in (20, 2):
        recibo.anotar(juntas(con, recibo, n))
    con.execute("ROLLBACK")
    perdida = recibo.comparar(con)
    assert perdida is not None
    assert (perdida.completa, perdida.commits, len(perdida.notas)) == (True, 2, 22)
    assert [t for t, _ in perdida.intervalos()] == [f"tienda_{n:02}" for n in (*range(20), *range(2))]
    assert recibo.comparar(con) is None
    assert commit(con, recibo).numero == 4


def test_the_newest_of_large_commits_is_seen(con: DuckDBPyConnection, tmp_path: Path) -> None:
    """Twenty stores each, noted in another order than they were committed."""
    recibo = Recibo(tmp_path)
    antes = [juntas(con, recibo, 20) for _ in range(4)]
    con.execute("BEGIN")
    recibo.anotar(juntas(con, recibo, 20))
    con.execute("ROLLBACK")
    for notas in antes:
        recibo.anotar(notas)
    perdida = recibo.comparar(con)
    assert perdida is not None
    assert (perdida.completa, {n.numero for n in perdida.notas}) == (True, {5})


@pytest.mark.parametrize(("numero", "kept", "completa"), [(0, 12, True), (0, 11, False), (0, 9, False), (2, 6, True)])
def test_notes_that_were_dropped(
    con: DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, numero: int, kept: int, completa: bool
) -> None:
    """Of an old commit all notes are gone, or some: what is left is not all that was lost."""
    recibo = Recibo(tmp_path)
    for _ in range(9):
        recibo.anotar([replace(nota, numero=-1) for nota in juntas(con, recibo, 3)])
    con.execute("UPDATE ultimo_commit SET numero = 0")
    for _ in range(4):
        recibo.anotar(juntas(con, recibo, 3))
    con.execute("UPDATE ultimo_commit SET numero = ?", [numero])
    monkeypatch.setattr("klk_daemon.warehouse.recibo.KEPT", kept)
    recibo.recortar()
    perdida = recibo.comparar(con)
    assert perdida is not None
    assert (perdida.completa, len(perdida.notas)) == (completa, min(kept, 3 * (4 - numero)))


def test_a_note_in_between_that_was_never_written(con: DuckDBPyConnection, tmp_path: Path) -> None:
    """The state directory was full for a moment: what that commit was about cannot be named."""
    recibo = Recibo(tmp_path)
    con.execute("BEGIN")
    recibo.anotar([commit(con, recibo)])
    commit(con, recibo)
    recibo.anotar([commit(con, recibo)])
    con.execute("ROLLBACK")
    perdida = recibo.comparar(con)
    assert perdida is not None
    assert (perdida.completa, perdida.commits) == (False, 2)


def test_notes_of_an_earlier_version(con: DuckDBPyConnection, tmp_path: Path) -> None:
    """They had one note a commit, and did not say so."""
    recibo = Recibo(tmp_path)
    recibo.anotar([commit(con, recibo)])
    path = tmp_path / NAME
    path.write_bytes(path.read_bytes().replace(b',"notas":1', b""))
    con.execute("UPDATE ultimo_commit SET numero = 0")
    perdida = recibo.comparar(con)
    assert perdida is not None
    assert (perdida.completa, perdida.commits) == (True, 1)


def test_notes_of_another_database_say_nothing(con: DuckDBPyConnection, tmp_path: Path) -> None:
    """A new file is no loss."""
    recibo = Recibo(tmp_path)
    recibo.anotar([Nota("another", 99, Job.VENTAS, "tienda_01")])
    assert recibo.comparar(con) is None


@pytest.mark.parametrize("torn", [b'{"base_id": "x", "num', b"\x00\x00"])
def test_a_note_cut_short_is_passed_over(con: DuckDBPyConnection, tmp_path: Path, torn: bytes) -> None:
    """Power failed while it was written."""
    recibo = Recibo(tmp_path)
    recibo.anotar([commit(con, recibo)])
    with (tmp_path / NAME).open("ab") as f:
        f.write(torn)
    assert recibo.comparar(con) is None


@pytest.mark.parametrize("torn", [b'{"base_id": "x", "num', b"\x00\x00"])
def test_a_note_cut_short_does_not_spoil_those_after_it(con: DuckDBPyConnection, tmp_path: Path, torn: bytes) -> None:
    """The commits after the power failure are noted beside it; no run fails for the torn one."""
    recibo = Recibo(tmp_path)
    recibo.anotar([commit(con, recibo)])
    with (tmp_path / NAME).open("ab") as f:
        f.write(torn)
    recibo.anotar([commit(con, recibo)])
    con.execute("UPDATE ultimo_commit SET numero = 1")
    perdida = recibo.comparar(con)
    assert perdida is not None
    assert [n.numero for n in perdida.notas] == [2]
