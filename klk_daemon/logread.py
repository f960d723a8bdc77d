"""The log files, read: the newest lines, those since an instant, and those that are still to come.

Nothing is held but the lines that are asked for: files are read backwards, block by block, and those of several jobs
are merged as they come. A gzipped file can only be read forwards; of it the last lines are kept.
"""

import gzip
import heapq
import math
import os
import re
import zlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from klk_daemon.errors import ConfigError
from klk_daemon.logline import Line, Wanted

NAME = re.compile(r"klk_(?P<job>[a-z]+)_(?P<day>\d{8})\.log(?P<gz>\.gz)?")
BLOCK = 64 * 1024

# How far each file counts, in bytes; what came later is a follower's.
Ends = Mapping[Path, int]


@dataclass(frozen=True, slots=True)
class LogFile:
    """A job's file of one store-local day."""

    path: Path
    job: str
    day: date

    @property
    def gzipped(self) -> bool:
        """Whether it is, by its name."""
        return self.path.suffix == ".gz"

    @property
    def later(self) -> "LogFile":
        """What it has become when it has been gzipped meanwhile."""
        return LogFile(self.path.with_name(f"{self.path.name}.gz"), self.job, self.day)


def log_files(folder: Path, wanted: Wanted) -> list[LogFile]:
    """The files that may hold wanted lines, oldest first; none where there is no folder.

    Raises:
        ConfigError: the folder cannot be read.
    """
    try:
        names = os.listdir(folder)  # noqa: PTH208 - names are all that is needed, four times a second
    except FileNotFoundError:
        return []
    except OSError as e:
        raise ConfigError(f"logs.dir: {folder} cannot be read ({e.strerror})") from e
    found = []
    for name in names:
        if (match := NAME.fullmatch(name)) is None or wanted.job not in {None, match["job"]}:
            continue
        if match["gz"] and name.removesuffix(".gz") in names:
            continue  # logs.py compresses, then deletes: the plain one holds the same, and may hold more
        try:
            day = datetime.strptime(match["day"], "%Y%m%d").replace(tzinfo=UTC).date()
        except ValueError:
            continue
        if (wanted.first_day or day) <= day <= (wanted.last_day or day):
            found.append(LogFile(folder / name, match["job"], day))
    return sorted(found, key=lambda file: (file.day, file.job))


def newest(folder: Path, wanted: Wanted, how_many: int, ends: Ends | None = None) -> list[Line]:
    """The last wanted lines, in the order of time.

    Raises:
        ConfigError: a file cannot be read.
    """
    if how_many == 0:
        return []
    streams = [_backwards(files, wanted, how_many, ends) for files in _by_job(log_files(folder, wanted))]
    merged = heapq.merge(*streams, key=lambda pair: pair[0], reverse=True)
    lines = [line for _, line in islice(merged, how_many)]
    lines.reverse()
    return lines


def all_of(folder: Path, wanted: Wanted, ends: Ends | None = None) -> Iterator[Line]:
    """Every wanted line, in the order of time.

    Raises:
        ConfigError: a file cannot be read.
    """
    streams = [_forwards(files, wanted, ends) for files in _by_job(log_files(folder, wanted))]
    for _, line in heapq.merge(*streams, key=lambda pair: pair[0]):
        yield line


class Follower:
    """Lines as they are written, from now on, into files that are there and into new ones.

    Args:
        folder: of the log files; need not be there yet.
        wanted: which lines.
    """

    def __init__(self, folder: Path, wanted: Wanted) -> None:
        self._folder = folder
        self._wanted = wanted
        self._read: dict[Path, int] = {}
        for file in self._plain():
            with suppress(FileNotFoundError), _opened(file.path) as stream:  # gzipped meanwhile
                self._read[file.path] = _end_of_lines(stream)

    @property
    def ends(self) -> Ends:
        """How far each file was written at the beginning: whole lines only."""
        return dict(self._read)

    def poll(self) -> list[Line]:
        """The wanted lines that came since the last call, in the order of time."""
        came = [pair for file in self._plain() for pair in self._new(file)]
        return [line for _, line in sorted(came, key=lambda pair: pair[0])]

    def _plain(self) -> list[LogFile]:
        return [file for file in log_files(self._folder, self._wanted) if not file.gzipped]

    def _new(self, file: LogFile) -> Iterator[tuple[float, Line]]:
        done = self._read.get(file.path, 0)
        data = b""
        with suppress(FileNotFoundError):  # gzipped or deleted meanwhile
            size = file.path.stat().st_size
            done = done if done <= size else 0  # somebody emptied it
            if size > done:
                with _opened(file.path) as stream:
                    stream.seek(done)
                    data = stream.read(size - done)
        whole = data.rfind(b"\n") + 1  # the rest of a line may be on its way
        self._read[file.path] = done + whole
        yield from _keyed(iter(data[:whole].split(b"\n")), file.job, self._wanted)


def _by_job(files: Sequence[LogFile]) -> list[list[LogFile]]:
    jobs = dict.fromkeys(file.job for file in files)
    return [[file for file in files if file.job == job] for job in jobs]


def _forwards(files: Sequence[LogFile], wanted: Wanted, ends: Ends | None) -> Iterator[tuple[float, Line]]:
    key = 0.0
    for file in files:
        for at, line in _keyed(_lines(file, ends), file.job, wanted):
            key = max(key, at)
            yield key, line


def _keyed(raws: Iterator[bytes], job: str, wanted: Wanted) -> Iterator[tuple[float, Line]]:
    """A line without a time stays behind the one before it; so does one that another process wrote a moment late."""
    key = 0.0
    for raw in raws:
        if raw and (line := wanted.line(raw, job)) is not None:
            key = max(key, line.at)
            yield key, line


def _backwards(
    files: Sequence[LogFile], wanted: Wanted, how_many: int, ends: Ends | None
) -> Iterator[tuple[float, Line]]:
    key = math.inf
    for file in reversed(files):
        for line in _newest_first(file, wanted, how_many, ends):
            key = min(key, line.at or key)
            yield key, line


def _newest_first(file: LogFile, wanted: Wanted, how_many: int, ends: Ends | None) -> Iterator[Line]:
    if file.gzipped:
        lines = (line for raw in _lines(file, ends) if (line := wanted.line(raw, file.job)) is not None)
        yield from reversed(deque(lines, maxlen=how_many))
        return
    try:
        with _opened(file.path) as stream:
            end = stream.seek(0, os.SEEK_END) if ends is None else ends.get(file.path, 0)
            for raw in _lines_backwards(stream, end):
                if (line := wanted.line(raw, file.job)) is not None:
                    yield line
    except FileNotFoundError:
        yield from _newest_first(file.later, wanted, how_many, ends)


def _lines(file: LogFile, ends: Ends | None) -> Iterator[bytes]:
    """The lines of a file, in order. A gzipped one that is damaged ends where it can be read no further."""
    try:
        with gzip.open(file.path) if file.gzipped else _opened(file.path) as stream:
            left = math.inf if ends is None or file.gzipped else ends.get(file.path, 0)
            for line in stream:
                left -= len(line)
                if left < 0:
                    return
                yield line.rstrip(b"\r\n")
    except FileNotFoundError:
        if not file.gzipped:
            yield from _lines(file.later, ends)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        return
    except OSError as e:
        raise ConfigError(f"{file.path} cannot be read ({e.strerror})") from e


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        raise
    except OSError as e:
        raise ConfigError(f"{path} cannot be read ({e.strerror})") from e
    with stream:
        yield stream


def _lines_backwards(stream: BinaryIO, end: int) -> Iterator[bytes]:
    """The lines before `end`, the last one first."""
    rest = b""
    size = BLOCK
    while end > 0:
        start = max(0, end - size)
        stream.seek(start)
        first, *lines = (stream.read(end - start) + rest).split(b"\n")
        end = start
        size = BLOCK if lines else size * 2  # a line longer than the block
        yield from (line.rstrip(b"\r") for line in reversed(lines) if line)
        rest = first
    if rest:
        yield rest.rstrip(b"\r")


def _end_of_lines(stream: BinaryIO) -> int:
    """Where the last whole line ends."""
    end = stream.seek(0, os.SEEK_END)
    while end > 0:
        start = max(0, end - BLOCK)
        stream.seek(start)
        if (found := stream.read(end - start).rfind(b"\n")) >= 0:
            return start + found + 1
        end = start
    return 0
