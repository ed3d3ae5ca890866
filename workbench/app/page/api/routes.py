"""The same three questions in one HTTP request each, and what of gradio's own addresses is let through.

`POST /api/predict` takes the parameters as a JSON object and answers with one; an error is {"error": a sentence} with
a status that says whose fault it is. gradio's clients ask in two steps, at /gradio_api/call/…; there, what no public
question is called is turned away here, since gradio would answer it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from workbench.app.page.api.questions import Api
from workbench.app.page.jobs import Bug, Busy
from workbench.core.errors import WorkbenchError, unknown
from workbench.core.params import Params, make

if TYPE_CHECKING:
    from fastapi import FastAPI, Request, Response

LARGEST = 32 * 2**20
"""Bytes of a request: an image of 16 MB in base64, and room beside it."""
LONGEST_ERROR = 600
"""Characters of an error: what was sent is quoted in it, and may be an image."""
_CALLS = re.compile(r"/gradio_api/(?P<how>run|api|call/v2|call)/(?P<name>[^/]*)/?")


def routes(app: FastAPI, api: Api) -> None:
    """Add `POST /api/{name}` and the guard of gradio's addresses."""

    async def answer(request: Request) -> Response:
        name = request.path_params["name"]
        try:
            if name not in api.questions:
                return _error(404, unknown("question", name, api.questions))
            if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
                return _error(415, "Send JSON, with the header `Content-Type: application/json`.")
            return _json(200, await api.answer(name, _object(await request.body())))
        except Busy as error:
            return _error(503, error)
        except WorkbenchError as error:
            return _error(400, error)
        except Bug as error:
            return _error(500, error)

    # A route of FastAPI's own would look for `Request` outside of this function.
    app.add_route("/api/{name}", answer, methods=["POST"])

    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        return await _refusal(request, api) or await call_next(request)


async def _refusal(request: Request, api: Api) -> Response | None:
    if request.method != "POST":
        return None
    length = request.headers.get("content-length", "")
    if not length.isdigit():
        return _error(411, "The request needs the header `Content-Length`.")
    if int(length) > LARGEST:
        size = f"{int(length) / 2**20:.0f} MB"
        return _error(413, f"A request may have at most {LARGEST // 2**20} MB. This one has {size}.")
    called = _CALLS.fullmatch(request.url.path)
    return None if called is None else await _check_call(request, api, called["how"], called["name"])


async def _check_call(request: Request, api: Api, how: str, name: str) -> Response | None:
    """See whether a call by one of gradio's addresses is one that gradio may answer."""
    if name not in api.questions:
        return _error(404, unknown("question", name, api.questions))
    if how in ("run", "api"):
        return _error(404, f"Use one request to /api/{name}, or two to /gradio_api/call/v2/{name}.")
    try:
        _see(how, name, _object(await request.body()), api.questions[name])
    except WorkbenchError as error:
        return _error(400, error)
    return None


def _see(how: str, name: str, sent: Mapping[str, Any], params: type[Params]) -> None:
    """Raise what gradio would answer with a traceback: parameters that are not there, or too few of them."""
    if how == "call/v2":
        make(params, sent)
        return
    got, wanted = len(sent.get("data") or ()), len(params.model_fields)
    if got != wanted:
        raise WorkbenchError(
            f"`data` must hold all {wanted} parameters in order. Got {got}; at /gradio_api/call/v2/{name} they are "
            "named and optional."
        )


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        sent = json.loads(body)
    except ValueError:
        raise WorkbenchError("The request's body is not valid JSON.") from None
    if not isinstance(sent, dict):
        raise WorkbenchError(f"Send a JSON object with the parameters by name. Got {type(sent).__name__}.")
    return sent


def _json(status: int, value: object) -> Response:
    from fastapi import Response

    body = json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
    return Response(body, status, media_type="application/json")


def _error(status: int, error: object) -> Response:
    said = str(error)
    return _json(status, {"error": said if len(said) <= LONGEST_ERROR else f"{said[:LONGEST_ERROR]} …"})
