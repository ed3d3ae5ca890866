"""`POST /edits/{name}`: what the page asks about changed images; a prediction waits for nothing long."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workbench.app.page.api.routes import answered
from workbench.app.page.editing import QUESTIONS, key_of

if TYPE_CHECKING:
    from fastapi import FastAPI

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

    app.add_route("/edits/{name}", answered(api, QUESTIONS, ask), methods=["POST"])
