"""Server-sent events: one state, computed once for all who listen, and only while somebody does.

A listener has no queue: it is told that there is a newer state, and is sent the newest when it can take it. One that
takes nothing for ten seconds is dropped by the server (web/server.py); nobody waits for it.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable
from contextlib import aclosing
from typing import Generic, TypeVar

import structlog
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

log = structlog.get_logger()

MOST_LISTENERS = 100
# Each kind of listener costs a text of its own whenever the state changes.
MOST_KINDS = 24
RETRY_AFTER_S = 10
# How often the state is looked at when nothing is heard of: staleness and pauses come with time alone.
TICK_S = 1.0
# Many changes at once, such as four stores that end together, are one.
COALESCE_S = 0.15
HEARTBEAT_S = 15.0
RETRY_MS = 2000

S = TypeVar("S")
K = TypeVar("K", bound=Hashable)


class Hub(Generic[S, K]):
    """The state that listeners share.

    Args:
        state: computes it; equal states are one.
        render: an event's text for a kind of listener, made once for all of that kind.
    """

    def __init__(self, state: Callable[[], Awaitable[S]], render: Callable[[S, K], Awaitable[str]]) -> None:
        self._state = state
        self._render = render
        self._changed = asyncio.Event()
        self._listeners: dict[asyncio.Event, K] = {}
        self._watch: asyncio.Task[None] | None = None
        self._version = 0
        self._current: S | None = None
        self._rendered: dict[K, asyncio.Task[str]] = {}
        self._closed = False

    def changed(self) -> None:
        """Has the state looked at now."""
        self._changed.set()

    def close(self) -> None:
        """Ends all streams: the daemon ends."""
        self._closed = True
        for listener in self._listeners:
            listener.set()

    def response(self, kind: K) -> Response:
        """The stream for one more listener; 503 where there are too many."""
        kinds = {*self._listeners.values(), kind}
        if self._closed or len(self._listeners) >= MOST_LISTENERS or len(kinds) > MOST_KINDS:
            return JSONResponse(
                {"error": f"{MOST_LISTENERS} listeners, of {MOST_KINDS} pages, are all that are served; try later"},
                status_code=503,
                headers={"Retry-After": str(RETRY_AFTER_S)},
            )
        return _Stream(self._events(kind))

    async def _events(self, kind: K) -> AsyncGenerator[str, None]:
        """Texts to send, from the newest state on, until the end of the hub."""
        listener = asyncio.Event()
        self._listeners[listener] = kind
        if self._watch is None:
            self._watch = asyncio.create_task(self._look(), name="events")
        seen = 0
        try:
            yield f"retry: {RETRY_MS}\n\n"
            while not self._closed:
                if self._version > seen and self._current is not None:
                    seen = self._version
                    yield await self._text(kind)
                    continue
                listener.clear()
                try:
                    await asyncio.wait_for(listener.wait(), HEARTBEAT_S)
                except TimeoutError:
                    yield ": vivo\n\n"
        finally:
            del self._listeners[listener]
            if not self._listeners and self._watch is not None:
                self._watch.cancel()
                self._watch, self._current, self._version = None, None, 0
                self._rendered.clear()

    async def _text(self, kind: K) -> str:
        assert self._current is not None  # there is a version
        if (task := self._rendered.get(kind)) is None:
            task = self._rendered[kind] = asyncio.ensure_future(self._render(self._current, kind))
        return await asyncio.shield(task)

    async def _look(self) -> None:
        """Computes the state, and wakes the listeners where it is another."""
        while True:
            self._changed.clear()
            try:
                state = await self._state()
            except Exception:  # a bug here must not end the streams for good
                log.exception("error_interno")
            else:
                if state != self._current:
                    self._current = state
                    self._version += 1
                    self._rendered.clear()
                    for listener in self._listeners:
                        listener.set()
            await asyncio.sleep(COALESCE_S)
            try:
                await asyncio.wait_for(self._changed.wait(), TICK_S - COALESCE_S)
            except TimeoutError:
                continue


class _Stream(Response):
    """An endless response. It ends when its events do, or when nobody is there any more."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[str, None]) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends until there is nothing more, or nobody."""
        first = await anext(self._events)  # without a pause: from here on it is one of the listeners
        sending = asyncio.create_task(self._send(send, first, only_head=scope["method"] == "HEAD"))
        gone = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            if not sending.done():
                sending.cancel()
            await asyncio.wait({sending, gone})
        if not sending.cancelled():
            sending.result()
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, send: Send, first: str, *, only_head: bool) -> None:
        async with aclosing(self._events):
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if only_head:
                return
            await send({"type": "http.response.body", "body": first.encode(), "more_body": True})
            async for text in self._events:
                await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def event(name: str, data: str) -> str:
    """One event; `data` may have lines."""
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"event: {name}\n{lines}\n"
