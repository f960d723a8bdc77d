"""The kinds of text that settings hold, each with its check and the words for what is expected.

A check raises a ValueError whose text, where it may be shown, is the reason; it never repeats a value that
could hold a password.
"""

import re
from typing import Annotated, Final
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Strict

from klk_daemon.settings.cron import check_cron


class Expected(str):
    """Metadata of a field: how an error message names what belongs there."""

    __slots__ = ()


_CLOCK: Final = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d", re.ASCII)
_MEMORY: Final = re.compile(r"\d+(?:\.\d+)?\s*(?:B|[KMGT]i?B)", re.ASCII | re.IGNORECASE)
_QUACK: Final = re.compile(r"quack:(\S+):(\d{1,5})", re.ASCII)
_HERE: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_PORTS: Final = range(1, 65536)
_ID: Final = re.compile(r"[\w.-]+", re.ASCII)
_APPRISE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+", re.ASCII)
_HOST: Final = re.compile(r"[^\s/@?#]+")


def _url_parts(text: str) -> SplitResult:
    """The parts of an http or https URL with a host; ValueError without a reason otherwise."""
    try:
        parts = urlsplit(text)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        # urlsplit quotes the address, credentials and all
        raise ValueError from None
    if not good or any(char.isspace() for char in text):
        raise ValueError
    return parts


def _base_url(text: str) -> str:
    if not text:
        return text
    parts = _url_parts(text)
    if parts.query or parts.fragment:
        raise ValueError("it has a query or a fragment")
    return text.rstrip("/")


def _heartbeat(text: str) -> str:
    if text:
        _url_parts(text)
    return text


def _database(text: str) -> str:
    remote = text.startswith("ducklake:")
    if not text.strip() or "\0" in text or text in {"ducklake:", ":memory:"}:
        raise ValueError
    if not remote and "://" in text:
        raise ValueError("an address is not a file")
    return text


def _folder(text: str) -> str:
    if not text.strip() or "\0" in text:
        raise ValueError
    return text


def _textfile(text: str) -> str:
    # node_exporter reads nothing else in its folder
    if text and (not text.endswith(".prom") or "\0" in text):
        raise ValueError
    return text


def _timezone(text: str) -> str:
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - a few ms that `--help` need not pay

    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        # ZoneInfo's own words are about files; a folder such as "America" is an OSError
        raise ValueError from None
    return text


def _plain(text: str) -> str:
    if not text or text != text.strip():
        raise ValueError("it is empty" if not text.strip() else "it has spaces around it")
    return text


def _matching(pattern: re.Pattern[str], text: str) -> str:
    if not pattern.fullmatch(text):
        raise ValueError
    return text


def _clock(text: str) -> str:
    return _matching(_CLOCK, text)


def _clock_or_none(text: str) -> str:
    return _clock(text) if text else text


def _quiet_hours(hours: tuple[str, ...]) -> tuple[str, ...]:
    if hours and (len(hours) != 2 or hours[0] == hours[1]):  # noqa: PLR2004 - a start and an end
        raise ValueError
    return hours


def _memory(text: str) -> str:
    return _matching(_MEMORY, text)


def _serve(text: str) -> str:
    if not text:
        return text
    found = _QUACK.fullmatch(text)
    if found is None or int(found[2]) not in _PORTS:
        raise ValueError
    if found[1] not in _HERE:
        raise ValueError("it is served unencrypted, hence on loopback alone; for others an SSH tunnel or a TLS proxy")
    return text


def _tienda_id(text: str) -> str:
    return _matching(_ID, text)


def _apprise(text: str) -> str:
    return _matching(_APPRISE, text)


def _host(text: str) -> str:
    return _matching(_HOST, text)


BaseUrl = Annotated[str, AfterValidator(_base_url), Expected("an http:// or https:// URL without a query")]
HeartbeatUrl = Annotated[str, AfterValidator(_heartbeat), Expected('"" or an http:// or https:// URL')]
TimeZone = Annotated[str, AfterValidator(_timezone), Expected('an IANA time zone, such as "America/Caracas"')]
Cron = Annotated[
    str,
    AfterValidator(check_cron),
    Expected("a cron expression of five fields (minute hour day month weekday)"),
]
DatabasePath = Annotated[str, AfterValidator(_database), Expected('a file, or "ducklake:CATALOGUE"')]
Folder = Annotated[str, AfterValidator(_folder), Expected("a folder")]
Textfile = Annotated[str, AfterValidator(_textfile), Expected('"" or a file that ends in .prom')]
MemoryLimit = Annotated[str, AfterValidator(_memory), Expected('a size with its unit, such as "512MB"')]
Serve = Annotated[str, AfterValidator(_serve), Expected('"" or "quack:localhost:PORT"')]
Host = Annotated[str, AfterValidator(_host), Expected("a host name or address")]
Clock = Annotated[str, AfterValidator(_clock)]
ClockOrNone = Annotated[str, AfterValidator(_clock_or_none), Expected('"" or a time "HH:MM"')]
TiendaId = Annotated[str, AfterValidator(_tienda_id), Expected("letters, digits, dots, dashes and underscores")]
Plain = Annotated[str, AfterValidator(_plain), Expected("text as KLK spells it")]

# TOML and JSON have lists; tuples keep the settings immutable and hashable, hence the one lax conversion.
HostList = Annotated[tuple[Host, ...], Strict(strict=False), Expected("a list of host names, without scheme or path")]
ApprisePlaces = Annotated[
    tuple[Annotated[str, AfterValidator(_apprise)], ...],
    Strict(strict=False),
    Expected("a list of Apprise URLs, such as slack://…, mailto://…, tgram://… or ntfy://… (README, Alerts)"),
]
QuietHours = Annotated[
    tuple[Clock, ...],
    Strict(strict=False),
    AfterValidator(_quiet_hours),
    Expected('[] or two different times, ["22:00", "06:00"]'),
]
Almacenes = Annotated[
    tuple[Annotated[str, AfterValidator(_plain)], ...],
    Strict(strict=False),
    Expected("a list of warehouse codes as KLK spells them"),
]
