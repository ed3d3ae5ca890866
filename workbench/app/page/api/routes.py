"""The same three questions in one HTTP request each: `POST /api/predict` takes the parameters as a JSON object.

It answers with one; an error is {"error": a sentence} with a status that says whose fault it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from workbench.app.page.api.questions import Api
from workbench.app.page.api.replies import error_reply, json_reply
from workbench.app.page.guard import client_of
from workbench.app.page.jobs import Bug
from workbench.app.page.owners import Caller
from workbench.app.page.refusals import Busy, TooMany
from workbench.core.errors import WorkbenchError, unknown

if TYPE_CHECKING:
    from fastapi import FastAPI, Request, Response


async def _watch(request: Request, caller: Caller) -> None:
    """Note when the client hangs up; its body was read."""
    while not caller.left:
        caller.left = (await request.receive())["type"] == "http.disconnect"


Answer = Callable[[str, "Mapping[str, Any]", Caller], Awaitable["dict[str, Any]"]]
"""Name of the question, what was sent and who asks -> the answer."""


def routes(app: FastAPI, api: Api) -> None:
    """Add `POST /api/{name}`; the guard has read what was sent."""
    # A route of FastAPI's own would look for `Request` outside of this function.
    app.add_route("/api/{name}", answered(api, api.questions, api.answer), methods=["POST"])


def answered(api: Api, questions: Iterable[str], ask: Answer) -> Callable[[Request], Awaitable[Response]]:
    """Build what answers `POST /…/{name}`: with JSON, or an error as a sentence with its status."""

    async def answer(request: Request) -> Response:
        name = request.path_params["name"]
        try:
            if name not in questions:
                return error_reply(404, unknown("question", name, questions))
            caller = api.caller(client_of(request.scope))
            watching = asyncio.create_task(_watch(request, caller))
            try:
                return json_reply(200, await ask(name, request.state.sent, caller))
            finally:
                watching.cancel()
        except TooMany as error:
            return error_reply(429, error)
        except Busy as error:
            return error_reply(503, error)
        except WorkbenchError as error:
            return error_reply(400, error)
        except Bug as error:
            return error_reply(500, error)

    return answer
