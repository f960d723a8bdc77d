"""Who opened the dashboard through a one-time link: codes that are good once, and the sessions they become.

All of it lives in memory, hashed: it ends with the daemon, and nothing that could be stolen is written down.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

CODE_LIFE = timedelta(minutes=5)
SESSION_LIFE = timedelta(hours=12)
MOST_CODES = 20
MOST_SESSIONS = 200
BYTES = 32


class Sessions:
    """The codes and sessions of one daemon. `now` is UTC throughout."""

    def __init__(self) -> None:
        self._codes: dict[str, datetime] = {}
        self._sessions: dict[str, datetime] = {}

    def new_code(self, now: datetime) -> str:
        """A code that opens one session within five minutes."""
        return _add(self._codes, now + CODE_LIFE, now, MOST_CODES)

    def open(self, code: str, now: datetime) -> str | None:
        """The id of a new session, for a code that is known and not too old; the code is used up. Else None."""
        ends = self._codes.pop(_hash(code), None)
        if ends is None or ends <= now:
            return None
        return _add(self._sessions, now + SESSION_LIFE, now, MOST_SESSIONS)

    def valid(self, session: str, now: datetime) -> bool:
        """Whether a session is open."""
        ends = self._sessions.get(_hash(session))
        return ends is not None and ends > now


def _add(kept: dict[str, datetime], ends: datetime, now: datetime, most: int) -> str:
    """Keeps a new secret until `ends`; what is over goes, and the oldest where there are too many."""
    for key in [key for key, end in kept.items() if end <= now]:
        del kept[key]
    while len(kept) >= most:
        del kept[next(iter(kept))]
    secret = secrets.token_urlsafe(BYTES)
    kept[_hash(secret)] = ends
    return secret


def _hash(secret: str) -> str:
    """What is looked up: how long that takes says nothing about the secret itself."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
