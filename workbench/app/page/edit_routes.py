"""`POST /edits/{name}`: what the page asks about changed images; a prediction waits for nothing long.

A search ends when the call is closed; `GET /edits/flip/status` says how far it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workbench.app.page.api.replies import json_reply
from workbench.app.page.api.routes import answered
from workbench.app.page.editing import QUESTIONS, key_of
from workbench.app.page.jobs import state_of

if TYPE_CHECKING:
    from fastapi import FastAPI, Request, Response

    from workbench.app.page.api.questions import Api
    from workbench.app.page.desk import Desk
    from workbench.app.page.owners import Caller


def edit_routes(app: FastAPI, desk: Desk, api: Api) -> None:
    """Add `/edits/…`; the guard has read what was sent."""

    async def ask(name: str, sent: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
        question, lane = QUESTIONS[name]
        if not lane:
            return await asyncio.to_thread(question, desk, sent)
        key = await asyncio.to_thread(key_of, name, sent)
        return await api.worked(lane, key, lambda: question(desk, sent), caller)

    async def searched(request: Request) -> Response:
        row = request.query_params.get("row", "")
        place = {"part": request.query_params.get("part"), "row": int(row) if row.isascii() and row.isdigit() else row}
        return json_reply(200, state_of(api.working(QUESTIONS["flip"][1], key_of("flip", place))))

    app.add_route("/edits/flip/status", searched, methods=["GET"])
    app.add_route("/edits/{name}", answered(api, QUESTIONS, ask), methods=["POST"])
