"""One connection to the page's server, which ends where nothing is asked over it."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

SECONDS = 10.0
"""Seconds that the head of a request may take."""
MOST = 512
"""Connections at a time: a process may often have a thousand files open, and the page needs some for itself."""


class Connection(H11Protocol):
    """A connection whose requests have to begin: uvicorn waits for a head without end."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection; where there are too many, the one over which nothing is asked for longest is closed."""
        super().connection_made(transport)
        self._wait()
        if len(self.connections) > MOST:
            idle = [each for each in self.connections if isinstance(each, Connection) and each._due is not None]
            oldest = min(idle, key=lambda each: 0.0 if each._due is None else each._due.when())
            oldest._stop()
            oldest.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Read on; between two requests the clock runs."""
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._wait()
        else:
            self._stop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop()
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
        if self.cycle is None or self.cycle.response_complete:
            self.transport.abort()
