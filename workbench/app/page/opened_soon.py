"""What answers at the page's address while the page itself is still being built."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING

from workbench.core.errors import Unavailable

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOG = logging.getLogger("workbench.app.page")
SHOWN = b"""<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>Workbench</title>
<style>
  :root { color-scheme: light dark; font: 16px "IBM Plex Sans", Arial, sans-serif }
  body { display: grid; place-items: center; min-height: 90vh; margin: 0; opacity: .8 }
</style>
<p role="status">Opening the workbench\xe2\x80\xa6</p>
"""
THEN = b'<meta http-equiv="refresh" content="0">'
HEADERS = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]


class OpenedSoon:
    """An ASGI application that takes another one's place until that is there.

    A browser that asks for the page is told that it is being opened, and reads it as soon as it is; every other request
    waits, and is answered by the page.
    """

    def __init__(self) -> None:
        self._app: ASGIApp | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._built, self._up = asyncio.Event(), asyncio.Event()
        self._settled = threading.Event()

    def give(self, app: ASGIApp) -> None:
        """Take the application that answers from now on, and wait until it does.

        To be called in another thread than the server's, once that has started.

        Raises:
            Unavailable: if it does not start; why, is in the log.
        """
        if self._loop is None:
            raise RuntimeError("The server has not started.")
        self._app = app
        if not self._settled.is_set():
            self._loop.call_soon_threadsafe(self._built.set)
        self._settled.wait()
        if not self._up.is_set():
            raise Unavailable("The page did not start; see the lines above.")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or live as long as the server does."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        if not self._up.is_set():
            if scope["type"] == "http" and (scope["method"], scope["path"]) == ("GET", "/"):
                await self._wait(send)
                return
            await self._up.wait()
        assert self._app is not None  # noqa: S101  # it is up
        await self._app(scope, receive, send)

    async def _wait(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": SHOWN, "more_body": True})
        await self._up.wait()
        await send({"type": "http.response.body", "body": THEN})

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Start at once, and the other application within it when it comes; both end when the server does."""
        try:
            await self._lives(scope, receive, send)
        except Exception:
            if self._up.is_set():
                raise
            LOG.exception("The page does not start.")  # uvicorn, which has started, would not say so
        finally:
            self._settled.set()

    async def _lives(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = await receive()
        self._loop = asyncio.get_running_loop()
        await send({"type": "lifespan.startup.complete"})
        end = asyncio.ensure_future(receive())
        built = asyncio.ensure_future(self._built.wait())
        await asyncio.wait((end, built), return_when=asyncio.FIRST_COMPLETED)
        built.cancel()
        if self._app is None:
            await send({"type": "lifespan.shutdown.complete"})
            return
        asked = iter((began,))

        async def told() -> Message:
            return next(asked, None) or await end

        async def tells(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                self._up.set()
                self._settled.set()
            elif message["type"] != "lifespan.startup.failed":  # the server has started; what went wrong is raised
                await send(message)

        await self._app(scope, told, tells)
