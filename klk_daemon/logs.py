"""Logs: one JSON object a line, to a file per job and store-local day, and to stderr.

The files are `klk_{inventario,ventas,conciliacion,daemon}_YYYYMMDD.log`. Two processes may write one at once (a
daemon and a trigger): every line is a single append, and a file that is written to is never renamed.
"""

import gzip
import logging
import os
import re
import shutil
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO
from zoneinfo import ZoneInfo

import structlog
from filelock import FileLock, Timeout
from structlog.typing import EventDict, Processor, WrappedLogger

from klk_daemon.domain import Job
from klk_daemon.errors import ConfigError
from klk_daemon.jsontext import json_text
from klk_daemon.lograte import RateLimit

NAME = re.compile(r"klk_[a-z]+_(?P<day>\d{8})\.log(?:\.gz)?")
# Libraries that say too much at INFO.
QUIET = ("httpx", "httpcore", "apscheduler", "asyncio", "filelock", "uvicorn")


def setup(
    folder: Path, *, level: str, zona: ZoneInfo, console: str | None = None, stream: TextIO | None = None
) -> None:
    """Sets logging up for this process.

    Args:
        folder: of the files; made where it is missing.
        level: least severe level written to the files.
        zona: the stores' time zone, by whose days the files are cut.
        console: least severe level on stderr; None for the same as the files.
        stream: stderr unless told otherwise.

    Raises:
        ConfigError: the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise ConfigError(f"logs.dir: {folder} cannot be made ({e.strerror})", hint="name a folder that can") from e
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"logs.dir: {folder} cannot be written to", hint="name a folder that can")
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    bound: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
    ]
    shared: list[Processor] = [*bound, stamp]
    files = DailyFiles(folder, zona)
    files.setFormatter(_formatter(shared, as_json=True, colors=False))
    files.setLevel(level.upper())
    stream = stream or sys.stderr
    terminal = logging.StreamHandler(stream) if stream is not sys.stderr else _Stderr()
    colors = stream.isatty() and "NO_COLOR" not in os.environ
    terminal.setFormatter(_formatter(shared, as_json=not stream.isatty(), colors=colors))
    terminal.setLevel((console or level).upper())
    root = logging.getLogger()
    for handler in [*root.handlers]:
        root.removeHandler(handler)
        handler.close()
    root.addHandler(files)
    root.addHandler(terminal)
    root.setLevel(min(files.level, terminal.level))
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *bound,
            RateLimit(),
            stamp,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def to_stderr() -> None:
    """For a command that has no files of logs: the little that it says belongs on stderr, not among its results."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))


def _formatter(shared: list[Processor], *, as_json: bool, colors: bool) -> logging.Formatter:
    if as_json:
        last: list[Processor] = [
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("event"),
            _key_order,
            structlog.processors.JSONRenderer(_dumps),
        ]
    else:
        last = [structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=24)]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )


def _dumps(event: EventDict, **_: Any) -> str:
    return json_text(event, ensure_ascii=False, default=str)


def _key_order(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Puts what every line has first, for readers of the raw file."""
    first = {key: event[key] for key in ("timestamp", "level", "event", "run_id", "job", "tienda") if key in event}
    return {**first, **event}


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to whatever stderr is at the moment: a progress bar takes its place, to have lines printed above it."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


class DailyFiles(logging.Handler):
    """Appends each line to the file of its job and store-local day."""

    def __init__(self, folder: Path, zona: ZoneInfo) -> None:
        super().__init__()
        self._folder = folder
        self._zona = zona
        self._open: dict[str, tuple[str, int]] = {}
        self._failing = False

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one line. A disk that is full must not stop the work, nor fill stderr: it is told once."""
        day = f"{datetime.fromtimestamp(record.created, UTC).astimezone(self._zona):%Y%m%d}"
        job = _job(record)
        line = (self.format(record) + "\n").encode("utf-8", "backslashreplace")
        try:
            os.write(self._file(job, day), line)
        except OSError as e:
            if not self._failing:
                sys.stderr.write(f"klk-daemon: the logs in {self._folder} cannot be written: {e.strerror}\n")
            self._failing = True
        else:
            self._failing = False

    def _file(self, job: str, day: str) -> int:
        opened_for, fd = self._open.get(job, ("", -1))
        if opened_for == day:
            return fd
        if fd != -1:
            os.close(fd)
        path = self._folder / f"klk_{job}_{day}.log"
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        self._open[job] = (day, fd)
        return fd

    def close(self) -> None:
        """Closes the files."""
        for _, fd in self._open.values():
            os.close(fd)
        self._open.clear()
        super().close()


def _job(record: logging.LogRecord) -> str:
    event: Any = record.msg
    job = str(event.get("job", "")) if isinstance(event, dict) else ""
    return job if job in set(Job) else "daemon"


def tidy(folder: Path, *, today: date, compress_after_days: int, delete_after_days: int) -> None:
    """Gzips and deletes old files. `today` is the stores' date.

    Only one process at a time does it, and never to a file of today.
    """
    try:
        with FileLock(folder / ".tidy.lock", timeout=0, mode=0o600):
            for path in sorted(folder.iterdir()):
                if (name := NAME.fullmatch(path.name)) is None:
                    continue
                try:
                    age = today - date.fromisoformat(name["day"])
                except ValueError:  # somebody else's file
                    continue
                if age > timedelta(days=delete_after_days):
                    path.unlink()
                elif age > timedelta(days=compress_after_days) and path.suffix == ".log":
                    _compress(path)
    except Timeout:
        return


def _compress(path: Path) -> None:
    """Complete before the original goes."""
    partial = path.with_name(path.name + ".gz.part")
    with path.open("rb") as source, gzip.open(partial, "wb") as target:
        shutil.copyfileobj(source, target)
    shutil.copystat(path, partial)
    partial.replace(path.with_name(path.name + ".gz"))
    path.unlink()
