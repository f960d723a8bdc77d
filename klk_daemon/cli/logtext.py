"""A log line for people: aligned columns, then what else it says."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from zoneinfo import ZoneInfo

from klk_daemon.cli.paint import Canvas, Piece, Style
from klk_daemon.logline import Line

LEVELS = {
    "debug": ("DEBUG", Style.DIM),
    "info": ("INFO ", Style.GREEN),
    "warning": ("WARN ", Style.YELLOW),
    "error": ("ERROR", Style.RED),
    "critical": ("CRIT ", Style.LOUD),
}
IN_COLUMNS = frozenset({"timestamp", "level", "event", "job", "tienda", "run_id"})
BELOW = ("exception", "stack")
# As wide as `tienda_completada`, which most lines are.
EVENT_WIDTH = 17
NO_TIME = "-" * len("11-23 23:34:37")
INDENT = len("11-23 23:34:37 ")
MOST = 600
WORD = re.compile(r"[^\s\"'=]+")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Columns:
    """How wide the columns are whose width depends on what is shown."""

    job: int
    tienda: int

    @classmethod
    def of(cls, jobs: Sequence[str], tiendas: Sequence[str]) -> Self:
        """As wide as the longest, but a store's id of absurd length does not widen all lines."""
        return cls(max(map(len, jobs)), min(max(map(len, tiendas), default=0), 16))


def render(line: Line, columns: Columns, canvas: Canvas, zona: ZoneInfo) -> str:
    """The line, in as many lines as it needs."""
    if line.data is None:
        return harmless(line.raw.decode("utf-8", "replace"))
    data = line.data
    level, style = LEVELS.get(str(data.get("level")), (f"{harmless(str(data.get('level', '-')))[:5]:5}", Style.PLAIN))
    event_style = style if style in {Style.RED, Style.LOUD} else Style.BOLD
    head: list[Piece] = [
        (_time(line, zona), Style.DIM),
        (" ", Style.PLAIN),
        (level, style),
        (f" {harmless(str(data.get('job') or line.job)):{columns.job}} ", Style.PLAIN),
    ]
    if columns.tienda:
        head.append((f"{harmless(str(data.get('tienda') or '')):{columns.tienda}} ", Style.PLAIN))
    event = harmless(" ".join(str(data.get("event", "")).split()))
    pairs = [(key, value) for key, value in data.items() if key not in IN_COLUMNS and key not in BELOW]
    if "run_id" in data:
        pairs.append(("run", data["run_id"]))
    words: list[list[Piece]] = [
        [(f"{harmless(key)}=", Style.DIM), (_value(value), Style.PLAIN)] for key, value in pairs
    ]
    head += [(event, event_style), (" " * (EVENT_WIDTH - len(event)), Style.PLAIN)]
    below = [f"    {part}" for key in BELOW if data.get(key) for part in harmless(str(data[key])).splitlines()]
    return "\n".join([canvas.flow(head, words, indent=INDENT), *below])


def _time(line: Line, zona: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(line.at, UTC).astimezone(zona):%m-%d %H:%M:%S}" if line.at else NO_TIME


def _value(value: Any) -> str:
    """Text as it is where that is one word, else as JSON; cut where it is very long (`--json` has all of it)."""
    text = value if isinstance(value, str) and WORD.fullmatch(value) else json.dumps(value, ensure_ascii=False)
    return harmless(text if len(text) <= MOST else f"{text[:MOST]}… ({len(text)} characters)")


def harmless(text: str) -> str:
    """Without the control characters by which a text could take over the terminal."""
    return CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
