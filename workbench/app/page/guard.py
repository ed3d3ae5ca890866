"""What reaches the page at all: its own addresses, asked by its own pages or by programs, with bodies that end.

The outermost layer of the application. A request is answered here with one sentence, or handed on with its body read
whole and its JSON read strictly; what gradio would answer with a traceback never reaches it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from starlette.routing import Match

from workbench.app.page.api.replies import error_reply
from workbench.app.page.gradio_calls import Calls
from workbench.app.page.refusals import TooMany
from workbench.app.page.strict_json import read_json
from workbench.core.errors import WorkbenchError

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOG = logging.getLogger("workbench.app.page")
LARGEST = 32 * 2**20
"""Bytes of a request: an image of 16 MB in base64, and room beside it."""
HELD = 256 * 2**20
"""Bytes of requests that are read at a time."""
SECONDS, PER_SECOND = 10.0, 2**18
"""Seconds that a body may take, and bytes for which it gets another one: a slow line may send a photo, a drip ends."""
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'self'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""`unsafe-eval` is what gradio's HTML component needs; nothing of the data ever stands in a template."""
OF_GRADIO = {
    "GET": re.compile(
        # A name that no file system takes would be an error of the server's.
        r"/|/config|/theme\.css|/favicon\.ico|/(?:static|assets)/[\w./@+-]{1,200}|/gradio_api/(?:info|app_id|queue/data"
        r"|call/(?:v2/)?[^/]+/[^/]+)",
        re.ASCII,
    ),
    "POST": re.compile(r"/gradio_api/(?:queue/join|call/(?:v2/)?[^/]+/?)"),
}
"""What of gradio's addresses the page and gradio's clients use; no other one is answered, uploads for example."""
ITS_OWN = ("page", "deep_link")
"""Names in an address that gradio reads for itself; the page uses none of them."""
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?::(\d{1,5}))?", re.ASCII)
_QUERY = re.compile(rb"[!-~]{,16384}")
_USUAL = {"http": 80, "https": 443}


class Refused(Exception):
    """A request that is not handed on."""

    def __init__(self, status: int, said: object) -> None:
        super().__init__(str(said))
        self.status = status


class Left(Exception):  # no error: nobody is there to be told
    """The client left while its request was read."""


class Guard:
    """An ASGI application around another one.

    Args:
        app: what answers.
        own: routes of the page's own.
        calls: tells which of gradio's calls gradio can answer.
        hosts: names under which the page may be asked for; "*" for any.
    """

    def __init__(self, app: ASGIApp, *, own: Sequence[BaseRoute], calls: Calls, hosts: Sequence[str]) -> None:
        self._app, self._own, self._calls = app, own, calls
        self._hosts = {host.strip("[]").lower() for host in hosts}
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":  # the page has no web sockets
            return await send({"type": "websocket.close", "code": 1000})
        exchange = _Exchange(receive, send)
        try:
            reply = self._look(scope)
            if reply is not None:
                return await reply(scope, exchange.receive, exchange.send)
            body = await self._read(scope, exchange)
            try:
                await self._see_body(scope, body)
                exchange.given = body
                await self._hand_on(scope, exchange)
            finally:
                self._held -= len(body)
        except Refused as refused:
            reply = error_reply(refused.status, refused)
            if not exchange.read:
                if refused.status == 413:
                    await exchange.drain()
                reply.headers["connection"] = "close"
            await reply(scope, exchange.receive, exchange.send)
        except Left:
            return None
        return None

    async def _hand_on(self, scope: Scope, exchange: _Exchange) -> None:
        try:
            with self._calls.listening(scope):
                await self._app(scope, exchange.receive, exchange.send)
        except (Exception, asyncio.CancelledError):
            task = asyncio.current_task()
            if not exchange.left or (task is not None and task.cancelling()):
                raise
            LOG.debug("A client left.", exc_info=True)

    def _look(self, scope: Scope) -> Response | None:
        """Refuse what can be told without the body, or redirect an address that gradio would trip over."""
        headers = _headers(scope)
        method, path = scope["method"], scope["path"]
        host = _HOST.fullmatch(headers.get("host", ""))
        if host is None or not (self._hosts & {"*", host[1].strip("[]").lower()}):
            raise Refused(400, f"The page is not asked for under this name. Ask for {_named(self._hosts)}.")
        if not _QUERY.fullmatch(scope["query_string"]):
            raise Refused(400, "An address must be plain letters; write others as %xx.")
        reads = method in ("GET", "HEAD")
        if not reads and not _of_the_page(headers):
            raise Refused(403, "Another website's page may not ask this; open the workbench's own page.")
        known = OF_GRADIO.get("GET" if reads else method)
        matches = [route.matches(scope)[0] for route in self._own]
        if Match.FULL not in matches and (known is None or not known.fullmatch(path) or ".." in path):
            if Match.PARTIAL in matches or any(each.fullmatch(path) for each in OF_GRADIO.values()):
                raise Refused(405, f"This address does not answer {method}.")
            raise Refused(404, "There is nothing at this address.")
        if reads and path in ("/", "/config"):
            return _without_its_own(scope, path)
        return None

    async def _read(self, scope: Scope, exchange: _Exchange) -> bytes:
        """Return the body, counted while it is read; `_held` grows by its length.

        Raises:
            Refused: if it is too large, too slow, or its length is told in two ways.
            Left: if the client did not wait.
        """
        headers = _headers(scope)
        told = headers.get("content-length")
        if told is not None and "transfer-encoding" in headers:
            raise Refused(400, "A request has either the header `Content-Length` or `Transfer-Encoding`, not both.")
        if told is not None and not (told.isascii() and told.isdigit()):
            raise Refused(400, "The header `Content-Length` must be a whole number.")
        if told is not None and (len(told) > 12 or int(told) > LARGEST):
            raise Refused(413, _too_large(f" This one has {int(told) / 2**20:.0f} MB." if len(told) <= 12 else ""))
        parts, size, began = list[bytes](), 0, time.monotonic()
        try:
            while not exchange.read:
                left = began + SECONDS + size / PER_SECOND - time.monotonic()
                try:
                    message = await asyncio.wait_for(exchange.receive(), max(left, 0))
                except TimeoutError:
                    raise Refused(408, f"The request did not arrive within {SECONDS:.0f} seconds.") from None
                if message["type"] == "http.disconnect":
                    raise Left
                part = message.get("body", b"")
                size += len(part)
                self._held += len(part)
                parts.append(part)
                if size > LARGEST:
                    raise Refused(413, _too_large())
                if self._held > HELD:
                    raise Refused(503, "Too much is being sent at once; try again in a moment.")
        except BaseException:
            self._held -= size
            raise
        return b"".join(parts)

    async def _see_body(self, scope: Scope, body: bytes) -> None:
        """Refuse what is not the JSON that its address takes; what was read stands in `scope["state"]`."""
        try:
            if scope["method"] != "POST":
                self._calls.see_listener(scope)
                return
            kind = _headers(scope).get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/json":
                raise Refused(415, "Send JSON, with the header `Content-Type: application/json`.")
            # A large one takes a while, in which others are answered.
            sent = read_json(body) if len(body) < 2**16 else await asyncio.to_thread(read_json, body)
            if not isinstance(sent, dict):
                raise WorkbenchError(f"Send a JSON object with the parameters by name. Got {type(sent).__name__}.")
            scope.setdefault("state", {})["sent"] = sent
            self._calls.see(scope["path"], sent, client_of(scope))
        except TooMany as error:
            raise Refused(429, error) from None
        except LookupError as error:
            raise Refused(404, error.args[0]) from None
        except WorkbenchError as error:
            raise Refused(400, error) from None


class _Exchange:
    """One request and its answer, and how far they are.

    Attributes:
        given: the body, once it was read; handed on as one part.
        read: whether all of it has come.
        left: whether the client is gone.
    """

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self.given: bytes | None = None
        self.read = self.left = False

    async def receive(self) -> Message:
        """Give the body, then what comes behind it."""
        if self.given is not None:
            body, self.given = self.given, None
            return {"type": "http.request", "body": body, "more_body": False}
        message = await self._receive()
        self.left = self.left or message["type"] == "http.disconnect"
        self.read = self.read or not message.get("more_body", False)
        return message

    async def drain(self) -> None:
        """Let pass what is still sent, a while: who is cut off while sending does not read the answer."""
        passed, until = 0, time.monotonic() + SECONDS
        while not (self.read or self.left) and passed < 4 * LARGEST and time.monotonic() < until:
            with contextlib.suppress(TimeoutError):
                message = await asyncio.wait_for(self.receive(), 1)
                passed += len(message.get("body", b""))

    async def send(self, message: Message) -> None:
        """Send, with the headers that every answer has."""
        if message["type"] == "http.response.start":
            own = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
            message = {**message, "headers": [*message.get("headers", ()), *own]}
        await self._send(message)


def client_of(scope: Scope) -> str:
    """Return the address that a request came from; of a proxy on this machine, the one that it came from there."""
    return scope["client"][0] if scope.get("client") else ""


def _headers(scope: Scope) -> Mapping[str, str]:
    """Return the headers by name; one that stands twice is joined, and so equals nothing that is looked for."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _of_the_page(headers: Mapping[str, str]) -> bool:
    """Say whether a page of the workbench's own sent this, or a program that is no browser."""
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site", "none") in ("same-origin", "none")
    scheme, _, place = origin.partition("://")
    asked, own = _HOST.fullmatch(place), _HOST.fullmatch(headers.get("host", ""))
    if scheme not in _USUAL or asked is None or own is None:
        return False
    # A proxy in front may speak https where the page is asked by http: the scheme is not compared.
    ports = [int(each[2]) if each[2] else _USUAL[scheme] for each in (asked, own)]
    return asked[1].lower() == own[1].lower() and ports[0] == ports[1]


def _without_its_own(scope: Scope, path: str) -> Response | None:
    """Redirect to the same address without what gradio would read in it; an old link's `page` keeps its meaning."""
    from starlette.responses import RedirectResponse

    pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    if not any(name in ITS_OWN for name, _ in pairs):
        return None
    kept = [(name, value) for name, value in pairs if name not in ITS_OWN]
    kept += [("gallery_page", value) for name, value in pairs if name == "page" and value.isdigit()][:1]
    return RedirectResponse(f"{path}?{urlencode(kept)}" if kept else path)


def _too_large(more: str = "") -> str:
    return f"A request may have at most {LARGEST // 2**20} MB.{more}"


def _named(hosts: set[str]) -> str:
    return " or ".join(sorted(hosts)) or "localhost"
