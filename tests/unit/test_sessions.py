"""One-time links (contract, "HTTP"): a code is good once and for five minutes, a session for half a day."""

from datetime import UTC, datetime, timedelta

from klk_daemon.web.sessions import CODE_LIFE, MOST_CODES, MOST_SESSIONS, SESSION_LIFE, Sessions

NOW = datetime(2025, 11, 17, 16, tzinfo=UTC)
A_SECOND = timedelta(seconds=1)


def test_a_code_is_good_once() -> None:
    """It opens one session, whose id is another secret; the second time it opens none."""
    sessions = Sessions()
    code = sessions.new_code(NOW)
    session = sessions.open(code, NOW)
    assert session is not None
    assert session != code
    assert sessions.valid(session, NOW)
    assert sessions.open(code, NOW) is None


def test_secrets_are_long() -> None:
    """Code and session have 256 bits, and no two are the same."""
    sessions = Sessions()
    codes = {sessions.new_code(NOW) for _ in range(10)}
    assert len(codes) == 10
    assert all(len(code) >= 43 for code in codes)


def test_both_end() -> None:
    """A code after five minutes, a session after twelve hours; neither a second before."""
    sessions = Sessions()
    early, late = sessions.new_code(NOW), sessions.new_code(NOW)
    session = sessions.open(early, NOW + CODE_LIFE - A_SECOND)
    assert session is not None
    assert sessions.open(late, NOW + CODE_LIFE) is None
    began = NOW + CODE_LIFE - A_SECOND
    assert sessions.valid(session, began + SESSION_LIFE - A_SECOND)
    assert not sessions.valid(session, began + SESSION_LIFE)


def test_their_number_is_bounded() -> None:
    """The oldest go first; nothing that is not a secret passes."""
    sessions = Sessions()
    codes = [sessions.new_code(NOW) for _ in range(MOST_CODES + 1)]
    assert sessions.open(codes[0], NOW) is None
    opened = [sessions.open(sessions.new_code(NOW), NOW) for _ in range(MOST_SESSIONS + 1)]
    assert opened[0] is not None
    assert opened[-1] is not None
    assert not sessions.valid(opened[0], NOW)
    assert sessions.valid(opened[-1], NOW)
    assert sessions.open("", NOW) is None
    assert not sessions.valid("\udcff", NOW)
