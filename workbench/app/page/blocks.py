"""What gradio is given: the panes, what a click and an answer call, and what other programs can ask."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from workbench.app.markup import Html
from workbench.app.page.api.questions import Api, description_of
from workbench.app.page.page import QUICK, Panes

ANSWERED = "answer => window.workbench ? window.workbench.reply(answer) : void (window.workbenchFirst = answer)"
"""The first answer may be there before app.js is."""

SESSIONS = 64
"""Pages of browsers of which gradio keeps what it sent last, up to 1 MB each, which nothing reads; it is made anew."""
EVERY = 60.0
"""Seconds after which all who wait are told how long it will take. With "auto" each of N is told N times."""
_STATISTICS = {"GRADIO_ANALYTICS_MAX_EVENTS": "1", "GRADIO_ANALYTICS_CACHE_FREQUENCY": str(10**9)}
"""gradio makes a table of the last 10,000 calls after each of them, for a page of its own that is off here."""


def blocks(panes: Panes, api: Api) -> Any:
    """Build the gradio page, and what other programs can ask."""
    import gradio as gr

    for name, value in _STATISTICS.items():
        os.environ.setdefault(name, value)
    # A pane may be there before app.js or after it: it waits in a list, and calls whoever is there.
    listening = (
        "(window.workbenchPanes = window.workbenchPanes || []).push([element, trigger]);"
        "window.workbench && window.workbench.attach();"
    )
    quiet: dict[str, Any] = {
        "show_progress": "hidden",
        "api_visibility": "private",
        "preprocess": False,
        "postprocess": False,
    }
    with gr.Blocks(title="Workbench", analytics_enabled=False, fill_width=True, delete_cache=(600, 3600)) as page:
        reply, wanted = gr.JSON(visible=False), gr.JSON(visible=False)
        with gr.Column(elem_id="stage"):
            made = {
                name: gr.HTML(js_on_load=listening, elem_id=name, apply_default_css=False)
                for name in (*QUICK, "detail", "answer")
            }
        outputs = [*(made[name] for name in QUICK), reply]

        def look(asked: object, request: gr.Request) -> list[Any]:
            panes_html, answer = panes.look(asked, request.session_hash or "")
            if not answer.get("slow"):
                panes.desk.seen.set()
            return [*(gr.skip() if html is None else str(html) for html in panes_html.values()), answer]

        def first(request: gr.Request) -> list[Any]:
            return look({"view": dict(request.query_params)}, request)

        for asking in (look, first):  # as above
            asking.__annotations__["request"] = gr.Request

        clicked = gr.on(
            [pane.select for pane in made.values()],
            look,
            [wanted],
            outputs,
            js="() => [window.workbench.ask()]",
            trigger_mode="always_last",
            concurrency_limit=8,
            **quiet,
        )
        for event in (clicked, page.load(first, None, outputs, **quiet)):
            event.then(None, reply, None, js=ANSWERED, **quiet)
        for name, pane in (("detail", panes.detail), ("answer", panes.answer)):
            made[name].submit(
                _as_text(panes, pane),
                [wanted],
                made[name],
                js=f"() => [window.workbench.shown('{name}')]",
                trigger_mode="always_last",
                concurrency_limit=4,
                concurrency_id=name,
                **quiet,
            ).then(None, None, None, js=f"() => window.workbench.settled('{name}')", **quiet)
        # Asks nothing: it opens the stream again by which answers come, see `listen` in app.js.
        made["bar"].release(lambda: None, None, None, trigger_mode="multiple", concurrency_limit=None, **quiet)
        for question in api.questions:
            gr.api(
                getattr(api, question),
                api_name=question,
                api_description=description_of(getattr(api, question)),
                concurrency_limit=8,
                concurrency_id="api",
            )
    page.state_session_capacity = SESSIONS
    return page.queue(status_update_rate=EVERY, max_size=None, api_open=False)  # the guard counts


def _as_text(panes: Panes, pane: Callable[[object, str], Html | None]) -> Callable[..., Any]:
    """Make a slow pane return plain text: gradio would call methods of it that escape."""
    import gradio as gr

    def shown(raw: object, request: gr.Request) -> Any:
        html = pane(raw, request.session_hash or "")
        panes.desk.seen.set()
        return gr.skip() if html is None else str(html)

    # gradio looks for the class itself, and cannot resolve a name that is local to this function
    shown.__annotations__["request"] = gr.Request
    return shown
