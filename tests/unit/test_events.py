"""Server-sent events: one state for all, computed while somebody listens, and nobody waited for."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from starlette.responses import JSONResponse

from klk_daemon.web import events
from klk_daemon.web.events import MOST_KINDS, MOST_LISTENERS, Hub, event


class State:
    """A number that is computed, and how often it and its texts were."""

    def __init__(self) -> None:
        self.value = 1
        self.computed = 0
        self.rendered: list[str] = []

    async def read(self) -> int:
        """The number."""
        self.computed += 1
        return self.value

    async def text(self, value: int, kind: str) -> str:
        """Its text for a kind of listener."""
        self.rendered.append(f"{kind}{value}")
        return event(kind, str(value))


@pytest.fixture
def state() -> State:
    """A state at 1."""
    return State()


@pytest.fixture
def hub(state: State) -> Hub[int, str]:
    """Its hub."""
    return Hub(state.read, state.text)


async def first(stream: AsyncGenerator[str, None]) -> list[str]:
    """How a stream begins: its retry time, and the state."""
    return [await anext(stream), await anext(stream)]


async def test_the_newest_state_at_once_and_then_what_changes(hub: Hub[int, str], state: State) -> None:
    """A listener gets the state as it is, and each later one that differs."""
    stream = hub._events("a")
    assert await first(stream) == ["retry: 2000\n\n", "event: a\ndata: 1\n\n"]
    state.value = 2
    hub.changed()
    assert await anext(stream) == "event: a\ndata: 2\n\n"
    await stream.aclose()


async def test_once_for_all(hub: Hub[int, str], state: State) -> None:
    """Fifty listeners of one kind cost one computation and one text."""
    streams = [hub._events("a") for _ in range(50)]
    await asyncio.gather(*(first(stream) for stream in streams))
    assert state.rendered == ["a1"]
    assert state.computed <= 2
    for stream in streams:
        await stream.aclose()


async def test_a_listener_that_comes_back_late_gets_the_last_state_alone(hub: Hub[int, str], state: State) -> None:
    """What changed while it was not ready is not kept for it."""
    slow, quick = hub._events("slow"), hub._events("quick")
    await asyncio.gather(first(slow), first(quick))
    for state.value in (2, 3, 4):
        hub.changed()
        assert await anext(quick) == f"event: quick\ndata: {state.value}\n\n"
    assert await anext(slow) == "event: slow\ndata: 4\n\n"
    for stream in (slow, quick):
        await stream.aclose()


async def test_nothing_is_computed_for_nobody(hub: Hub[int, str], state: State) -> None:
    """After the last listener has gone the state is left alone, whatever changes."""
    stream = hub._events("a")
    await first(stream)
    await stream.aclose()
    computed = state.computed
    hub.changed()
    await asyncio.sleep(events.COALESCE_S * 2)
    assert state.computed == computed
    again = hub._events("a")
    assert (await first(again))[1] == "event: a\ndata: 1\n\n"
    await again.aclose()


async def test_heartbeat(hub: Hub[int, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing changes a comment says that the stream lives."""
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.05)
    stream = hub._events("a")
    await first(stream)
    assert await anext(stream) == ": vivo\n\n"
    await stream.aclose()


async def test_their_number_is_bounded(hub: Hub[int, str]) -> None:
    """One too many is refused with 503 and told when to come again; a hub that has closed takes none."""
    streams = [hub._events("a") for _ in range(MOST_LISTENERS)]
    await asyncio.gather(*(anext(stream) for stream in streams))
    refused = hub.response("a")
    assert isinstance(refused, JSONResponse)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")
    hub.close()
    for stream in streams:
        assert [text async for text in stream if text.startswith("retry")] == []
    assert hub.response("a").status_code == 503


async def test_the_number_of_pages_is_bounded(hub: Hub[int, str]) -> None:
    """Each costs a text whenever the state changes: one page too many is refused, one that is listened to is not."""
    streams = [hub._events(f"page {n}") for n in range(MOST_KINDS)]
    await asyncio.gather(*(anext(stream) for stream in streams))
    assert hub.response("another").status_code == 503
    assert hub.response("page 0").status_code == 200
    for stream in streams:
        await stream.aclose()


async def test_a_bug_in_the_state_ends_no_stream(hub: Hub[int, str], state: State) -> None:
    """It is logged, and the next state is told."""
    stream = hub._events("a")
    await first(stream)
    good, hub._state = hub._state, broken
    hub.changed()
    await asyncio.sleep(events.COALESCE_S * 2)
    hub._state = good
    state.value = 2
    hub.changed()
    assert await anext(stream) == "event: a\ndata: 2\n\n"
    await stream.aclose()


async def broken() -> int:
    """A state that cannot be computed."""
    raise RuntimeError("a bug")


def test_an_event_of_many_lines() -> None:
    """Each line of its data is one."""
    assert event("x", "a\nb") == "event: x\ndata: a\ndata: b\n\n"
