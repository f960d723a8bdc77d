"""The log files, read: order, tails, filters, and lines that are still to come."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klk_daemon import logread
from klk_daemon.errors import ConfigError
from klk_daemon.logline import Line, Wanted, parse, since

NOON = datetime(2025, 11, 17, 16, 0, tzinfo=UTC)  # 12:00 in the stores
ALL = Wanted()


def linea(seconds: float, event: str = "x", **fields: Any) -> str:
    """A line so many seconds after noon."""
    moment = (NOON + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
    return json.dumps({"timestamp": moment, "level": "info", "event": event, **fields}, ensure_ascii=False)


def escribir(folder: Path, job: str, *lines: str, day: str = "20251117", end: str = "\n") -> Path:
    """Appends lines to a job's file."""
    path = folder / f"klk_{job}_{day}.log"
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines[:-1]) + "".join(lines[-1:]) + end)
    return path


def comprimir(path: Path, *, keep: bool = False) -> Path:
    """Gzips a file, as logs.py does."""
    gz = path.with_name(f"{path.name}.gz")
    gz.write_bytes(gzip.compress(path.read_bytes()))
    if not keep:
        path.unlink()
    return gz


def eventos(lines: Any) -> list[str]:
    """What the lines tell of; the line itself where it is no JSON."""
    return [line.data["event"] if line.data else line.raw.decode() for line in lines]


def test_jobs_are_merged_in_the_order_of_time(tmp_path: Path) -> None:
    """The newest three of three jobs and two days, whole seconds beside fractions."""
    escribir(tmp_path, "ventas", linea(-90000, "yesterday"), day="20251116")
    escribir(tmp_path, "ventas", linea(1, "b"), linea(3.5, "e"))
    escribir(tmp_path, "inventario", linea(0, "a"), linea(3, "d"))
    escribir(tmp_path, "daemon", linea(2, "c"))
    assert eventos(logread.newest(tmp_path, ALL, 3)) == ["c", "d", "e"]
    assert eventos(logread.newest(tmp_path, ALL, 99)) == ["yesterday", "a", "b", "c", "d", "e"]
    assert eventos(logread.all_of(tmp_path, ALL)) == ["yesterday", "a", "b", "c", "d", "e"]
    assert eventos(logread.newest(tmp_path, Wanted(job="ventas"), 2)) == ["b", "e"]
    assert logread.newest(tmp_path, ALL, 0) == []


@pytest.mark.parametrize("block", [1, 7, 64, 4096])
def test_the_tail_of_a_file_is_read_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    """Whatever the size of a block: lines longer than one, non-ASCII text, an end without a line break."""
    monkeypatch.setattr(logread, "BLOCK", block)
    escribir(tmp_path, "ventas", *(linea(n, f"ñ{n}" * n) for n in range(1, 30)), linea(99, "último"), end="")
    assert eventos(logread.newest(tmp_path, ALL, 3)) == ["ñ28" * 28, "ñ29" * 29, "último"]
    assert eventos(logread.newest(tmp_path, ALL, 99)) == eventos(logread.all_of(tmp_path, ALL))


def test_the_tail_does_not_read_what_lies_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ten thousand lines, ten are looked at for the last ten."""
    escribir(tmp_path, "ventas", *(linea(n) for n in range(10_000)))
    looked = 0

    def counted(raw: bytes, job: str) -> Line:
        nonlocal looked
        looked += 1
        return parse(raw, job)

    monkeypatch.setattr("klk_daemon.logline.parse", counted)
    assert len(logread.newest(tmp_path, ALL, 10)) == 10
    assert looked <= 11


def test_gzipped_files_are_read(tmp_path: Path) -> None:
    """Older days are gzipped; the tail reaches into them."""
    comprimir(escribir(tmp_path, "ventas", linea(-90001, "a"), linea(-90000, "b"), day="20251116"))
    escribir(tmp_path, "ventas", linea(0, "c"))
    assert eventos(logread.newest(tmp_path, ALL, 2)) == ["b", "c"]
    assert eventos(logread.all_of(tmp_path, ALL)) == ["a", "b", "c"]


def test_a_file_that_is_being_gzipped_counts_once(tmp_path: Path) -> None:
    """Both are there for a moment; so is the part that is not complete."""
    path = escribir(tmp_path, "ventas", linea(0, "a"))
    comprimir(path, keep=True)
    (tmp_path / f"{path.name}.gz.part").write_bytes(b"\x1f\x8b")
    assert eventos(logread.newest(tmp_path, ALL, 9)) == ["a"]


def test_a_file_that_is_gzipped_after_it_was_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is found under its new name."""
    path = escribir(tmp_path, "ventas", linea(0, "a"))
    files = logread.log_files(tmp_path, ALL)
    comprimir(path)
    monkeypatch.setattr(logread, "log_files", lambda *_: files)
    assert eventos(logread.newest(tmp_path, ALL, 9)) == ["a"]
    assert eventos(logread.all_of(tmp_path, ALL)) == ["a"]


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"not gzip" + data])
def test_a_damaged_gzipped_file_does_not_keep_the_others_from_being_read(tmp_path: Path, damage: Any) -> None:
    """What can be read of it is shown, and everything else."""
    gz = comprimir(escribir(tmp_path, "ventas", *(linea(n - 90000) for n in range(500)), day="20251116"))
    gz.write_bytes(damage(gz.read_bytes()))
    escribir(tmp_path, "ventas", linea(0, "good"))
    assert eventos(logread.newest(tmp_path, ALL, 1)) == ["good"]
    assert eventos(logread.newest(tmp_path, ALL, 1000))[-1] == "good"
    assert eventos(logread.all_of(tmp_path, ALL))[-1] == "good"


def test_lines_that_are_no_json_keep_their_place(tmp_path: Path) -> None:
    """A torn line, a number, a list and text stand where they stood."""
    escribir(tmp_path, "ventas", linea(0, "a"), '{"timestamp": "2025', "7", "[1]", "Killed", linea(1, "b"), "", "end")
    escribir(tmp_path, "daemon", linea(0.5, "c"))
    assert eventos(logread.all_of(tmp_path, ALL)) == ["a", '{"timestamp": "2025', "7", "[1]", "Killed", "c", "b", "end"]
    assert set(eventos(logread.newest(tmp_path, ALL, 9))) == set(eventos(logread.all_of(tmp_path, ALL)))
    assert eventos(logread.newest(tmp_path, Wanted(job="ventas"), 3)) == ["Killed", "b", "end"]


def test_filters(tmp_path: Path) -> None:
    """Level, store and time; a word in a line's text is not its level or its store."""
    escribir(
        tmp_path,
        "ventas",
        linea(0, "early", level="error", tienda="tienda_01"),
        linea(10, "said", error_tipo="error", motivo="critical tienda_01"),
        linea(11, "bad", level="error", tienda="tienda_01"),
        linea(12, "other", level="critical", tienda="tienda_010"),
        linea(13, "warned", level="warning", tienda="tienda_01"),
        "no JSON: error tienda_01",
    )
    five = NOON + timedelta(seconds=5)

    def found(wanted: Wanted) -> list[str]:
        lines = eventos(logread.newest(tmp_path, wanted, 9))
        assert lines == eventos(logread.all_of(tmp_path, wanted))
        return lines

    assert found(Wanted(errors=True)) == ["early", "bad", "other"]
    assert found(Wanted(tienda="tienda_01")) == ["early", "bad", "warned"]
    assert found(Wanted(errors=True, tienda="tienda_01", since=five)) == ["bad"]
    assert found(Wanted(since=five)) == ["said", "bad", "other", "warned"]
    assert found(Wanted(first_day=NOON.date() + timedelta(days=1))) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-11-17", datetime(2025, 11, 17, 4, 0, tzinfo=UTC)),
        ("2025-11-17T09:30", datetime(2025, 11, 17, 13, 30, tzinfo=UTC)),
        ("2025-11-17T09:30:15", datetime(2025, 11, 17, 13, 30, 15, tzinfo=UTC)),
        ("2025-11-17T09:30Z", datetime(2025, 11, 17, 9, 30, tzinfo=UTC)),
        ("2h", NOON - timedelta(hours=2)),
        ("1h30m", NOON - timedelta(minutes=90)),
        ("3d", NOON - timedelta(days=3)),
        ("45s", NOON - timedelta(seconds=45)),
        ("1w", NOON - timedelta(weeks=1)),
    ],
)
def test_since(text: str, expected: datetime, zona: ZoneInfo) -> None:
    """Dates and times are the stores'; a span counts back from now."""
    moment, day = since(text, zona=zona, now=NOON)
    assert moment == expected
    assert day == expected.astimezone(zona).date()


@pytest.mark.parametrize("text", ["", "yesterday", "2", "h", "2 h", "-2h", "2025-13-01", "9999999999d", "2y", "٣d"])
def test_since_what_cannot_be_read(text: str, zona: ZoneInfo) -> None:
    """A usage error that says what is expected."""
    with pytest.raises(ConfigError, match="30m, 2h or 3d"):
        since(text, zona=zona, now=NOON)


@given(st.lists(st.tuples(st.sampled_from(["ventas", "daemon", "inventario"]), st.booleans()), max_size=40))
def test_the_tail_is_the_end_of_all(tmp_path_factory: pytest.TempPathFactory, written: list[tuple[str, bool]]) -> None:
    """Reading backwards and reading forwards agree, however lines fall into files, gzipped or not."""
    folder = tmp_path_factory.mktemp("logs")
    for n, (job, late) in enumerate(written):
        escribir(folder, job, linea(n, str(n)), day=f"202511{17 + (n + late) // 10}")
    for path in sorted(folder.glob("*_20251117.log")):
        comprimir(path)
    everything = eventos(logread.all_of(folder, ALL))
    assert everything == [str(n) for n in range(len(written))]
    for how_many in (1, 5, 100):
        assert eventos(logread.newest(folder, ALL, how_many)) == everything[-how_many:]


def test_following(tmp_path: Path) -> None:
    """Each line once: those of files that are there, of the next day's, of another job's; half a line waits."""
    folder = tmp_path / "logs"
    assert logread.Follower(folder, ALL).poll() == []
    folder.mkdir()
    escribir(folder, "ventas", linea(0, "old"), '{"half', end="")
    follower = logread.Follower(folder, ALL)
    assert follower.poll() == []
    escribir(folder, "ventas", ' a line"', linea(1, "new"))
    assert eventos(follower.poll()) == ['{"half a line"', "new"]
    escribir(folder, "ventas", linea(90000, "tomorrow"), day="20251118")
    escribir(folder, "inventario", linea(3, "job"), linea(90001, "last"))
    assert eventos(follower.poll()) == ["job", "tomorrow", "last"]
    assert follower.poll() == []


def test_following_a_file_that_is_emptied_or_gzipped(tmp_path: Path) -> None:
    """An emptied one is read from its start; one that is gzipped was read already."""
    ayer = escribir(tmp_path, "ventas", linea(0, "a"), linea(1, "b"))
    follower = logread.Follower(tmp_path, ALL)
    ayer.write_text(linea(2, "c") + "\n", encoding="utf-8")
    assert eventos(follower.poll()) == ["c"]
    comprimir(ayer)
    assert follower.poll() == []


def test_what_comes_between_the_tail_and_the_following_is_told_once(tmp_path: Path) -> None:
    """The tail ends where following begins, a new file included."""
    escribir(tmp_path, "ventas", linea(0, "a"))
    follower = logread.Follower(tmp_path, ALL)
    ends = follower.ends
    escribir(tmp_path, "ventas", linea(1, "b"))
    escribir(tmp_path, "daemon", linea(2, "c"))
    assert eventos(logread.newest(tmp_path, ALL, 9, ends)) == ["a"]
    assert eventos(logread.all_of(tmp_path, ALL, ends)) == ["a"]
    assert eventos(follower.poll()) == ["b", "c"]


def test_other_files_are_not_ours(tmp_path: Path) -> None:
    """Only the names that logs.py gives, with a day that exists."""
    for name in ("klk_ventas_20251399.log", "klk_ventas.log", "other.log", "klk_ventas_20251117.log.1", ".tidy.lock"):
        (tmp_path / name).write_text(linea(0) + "\n", encoding="utf-8")
    assert logread.log_files(tmp_path, ALL) == []
    assert logread.log_files(tmp_path / "missing", ALL) == []


def test_a_folder_that_cannot_be_read(tmp_path: Path) -> None:
    """One readable message."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"logs\.dir"):
        logread.log_files(tmp_path / "file", ALL)
