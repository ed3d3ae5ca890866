"""One connection to the page's server, which ends where nothing is asked over it, or nobody reads the answers."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

SECONDS = 10.0
"""Seconds that the head of a request may take."""
UNREAD = 60.0
"""Seconds within which some of an answer has to be read: on a slow line it goes in lumps."""
MOST = 384
"""Connections at a time: a process may often have a thousand files open. Each may be reading another one, a hundred
more are taken before they are counted, and the page needs some for itself."""


class Connection(H11Protocol):
    """A connection whose requests have to begin, and whose answers are read: uvicorn waits for both without end."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._due: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._since = self.loop.time()
        self._cut = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection; where there are too many, the one whose client is waited for longest is closed."""
        super().connection_made(transport)
        self._wait()
        if len(self.connections) > MOST:
            waiting = [each for each in self.connections if isinstance(each, Connection) and each._waits]
            oldest = min(waiting, key=lambda each: each._since)
            oldest._cut = True  # it is lost only a moment later, when more may have come
            oldest.transport.abort()

    @property
    def _waits(self) -> bool:
        """Whether the client is to do something: ask, send the rest of what it asks, or read its answers.

        Who asks on before the answer is there, as no browser does, could keep a connection busy for ever.
        """
        busy = not (self.flow.write_paused or self._idle or self.cycle.more_body or self.conn.trailing_data[0])
        return not (self._cut or busy)

    @property
    def _idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def data_received(self, data: bytes) -> None:
        """Read on; between two requests the clock runs."""
        super().data_received(data)
        if self._idle:
            self._wait()
        else:
            self._stop()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP; the request in which it stands is not answered besides.

        uvicorn would do both, and one of them fails.
        """
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()

    def on_response_complete(self) -> None:
        """Wait for the next request from now on."""
        if not self.flow.write_paused:  # else it is still waited for that this answer is read
            self._since = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Wait until more of the answer is read."""
        super().pause_writing()
        self._since = self.loop.time()
        self._look_whether_it_is_read()

    def resume_writing(self) -> None:
        """Go on, since enough was read."""
        super().resume_writing()
        self._since = self.loop.time()
        if self._unread is not None:
            self._unread.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        self._stop()
        if self._unread is not None:
            self._unread.cancel()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._due is None:
            self._due = self.loop.call_later(SECONDS, self._too_late)

    def _stop(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _too_late(self) -> None:
        self._due = None
        if self._idle:
            self.transport.abort()

    def _look_whether_it_is_read(self, before: float = float("inf")) -> None:
        left = self.transport.get_write_buffer_size()
        if left >= before:
            self.transport.abort()
        else:
            self._unread = self.loop.call_later(UNREAD, self._look_whether_it_is_read, left)
