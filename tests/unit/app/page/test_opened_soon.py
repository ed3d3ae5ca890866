"""The address answers before the page is built."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import webbrowser
from contextlib import suppress

import httpx
import pytest

from tests.patience import PATIENCE
from tests.unit.app.page.test_starving import session_without_model
from workbench.app.page.desk import Desk
from workbench.app.page.guard import HEADERS
from workbench.app.page.opened_soon import OpenedSoon
from workbench.app.page.server import bind, running, serve
from workbench.core.errors import Unavailable

QUIET_IMPORT = """
import ast, inspect, sys
from workbench.app.page.gradio_import import import_gradio

parsed, parse = [], ast.parse

def counted(*given, **named):
    parsed.append(sys._getframe(1).f_globals["__name__"])
    return parse(*given, **named)

ast.parse, before = counted, inspect.getfile
import_gradio()
assert inspect.getfile is before
assert "gradio.component_meta" not in parsed, parsed
import gradio as gr
assert gr.HTML("x").value == "x"
class Own(gr.HTML): pass
"""


def test_of_gradio_nothing_is_written_for_editors():
    done = subprocess.run([sys.executable, "-c", QUIET_IMPORT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.fixture
def soon():
    first, taken = OpenedSoon(), bind("127.0.0.1", 0)
    with (
        running(first, taken),
        httpx.Client(base_url=f"http://127.0.0.1:{taken.getsockname()[1]}", timeout=PATIENCE) as asks,
    ):
        yield first, asks


def lives(told: list[str]):
    """Make an application that answers with its path, and writes down how it lived."""

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            for _ in range(2):
                kind = (await receive())["type"]
                told.append(kind)
                await send({"type": f"{kind}.complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode()})

    return app


def test_the_page_is_said_to_come_and_is_read_when_it_is_there(soon):
    first, asks = soon
    with asks.stream("GET", "/?section=errors") as reply:
        parts = reply.iter_text()
        assert "Opening the workbench…" in next(parts)
        first.give(lives(told := []))
        assert "".join(parts) == '<meta http-equiv="refresh" content="0">'
    assert told == ["lifespan.startup"]
    assert asks.get("/?section=errors").text == "/"


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/predict"), ("POST", "/"), ("HEAD", "/")])
def test_what_programs_ask_waits_for_its_answer(method, path):
    first, taken, arrived, found = OpenedSoon(), bind("127.0.0.1", 0), threading.Event(), []

    async def sees(scope, receive, send):
        if scope["type"] == "http":
            arrived.set()
        await first(scope, receive, send)

    def ask():
        found.append(httpx.request(method, f"http://127.0.0.1:{taken.getsockname()[1]}{path}", timeout=PATIENCE))

    with running(sees, taken):
        waiting = threading.Thread(target=ask)
        waiting.start()
        assert arrived.wait(PATIENCE)
        assert not found
        first.give(lives([]))
        waiting.join(PATIENCE)
    (reply,) = found
    assert (reply.status_code, reply.text) == (200, "" if method == "HEAD" else path)
    assert "content-security-policy" not in reply.headers  # it is the page's answer


def test_it_ends_with_the_server_whether_the_page_came_or_not():
    for come in (False, True):
        first, taken, told = OpenedSoon(), bind("127.0.0.1", 0), []
        with running(first, taken) as ended:
            if come:
                first.give(lives(told))
                assert httpx.get(f"http://127.0.0.1:{taken.getsockname()[1]}/x", timeout=PATIENCE).text == "/x"
        assert ended.wait(PATIENCE)
        assert told == (["lifespan.startup", "lifespan.shutdown"] if come else [])


async def refuses(scope, receive, send):
    """An application that does not start, as Starlette says it."""
    assert scope["type"] == "lifespan"
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "RuntimeError: no more threads"})
    raise RuntimeError("no more threads")


async def breaks(scope, receive, send):
    raise RuntimeError("no more threads")


@pytest.mark.parametrize("app", [refuses, breaks])
def test_a_page_that_does_not_start_is_an_error_and_nobody_waits_for_it(app, caplog):
    first, taken = OpenedSoon(), bind("127.0.0.1", 0)
    with running(first, taken) as ended, pytest.raises(Unavailable, match="did not start; see the lines above"):
        first.give(app)
    assert ended.wait(PATIENCE)
    (said,) = caplog.records
    assert "no more threads" in f"{said.message} {said.exc_text}"


def test_what_is_said_meanwhile_is_shown_to_no_other_page(soon):
    first, asks = soon
    with asks.stream("GET", "/") as reply:
        said = reply.headers
        first.give(lives([]))
    own = [name for name in HEADERS if name != "Content-Security-Policy"]
    assert {name: said[name] for name in own} == {name: HEADERS[name] for name in own}
    assert said["Content-Security-Policy"].startswith("default-src 'none'; ")


def test_a_browser_that_is_waited_for_until_it_is_closed_sees_the_page(monkeypatch):
    monkeypatch.setattr(Desk, "_load", lambda *_: None)
    seen = []

    def browse(url):
        try:
            seen.append(httpx.get(f"{url}healthz", timeout=PATIENCE).json())
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(webbrowser, "open", browse)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with suppress(KeyboardInterrupt):
            serve(session_without_model(), port=0, open_browser=True, tell=lambda _: None)
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [{"ok": True}]


def test_ctrl_c_while_the_page_is_built_ends_the_server_in_order(monkeypatch):
    told = []

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("workbench.app.page.application.create_app", interrupted)
    serve(session_without_model(), port=0, tell=told.append)
    with pytest.raises(httpx.ConnectError):
        httpx.get(told[0], timeout=PATIENCE)


@pytest.mark.parametrize("closes", [False, True])
def test_an_analysis_that_cannot_tell_what_it_lacks_does_not_keep_the_model_from_being_opened(monkeypatch, closes):
    desk, opened = Desk(session_without_model()), []
    monkeypatch.setattr(desk, "_load", lambda _: opened.append(1))
    monkeypatch.setattr("workbench.app.page.desk.PATIENCE", 0.01)

    def lacks(_):
        asked.append(1)
        if closes:
            threading.Thread(target=desk.close).start()
            desk.seen.wait()
        else:
            raise RuntimeError("a broken plug-in")

    asked: list[int] = []
    monkeypatch.setattr(desk, "lacks", lacks)
    desk.start()
    assert desk.begun.wait(60)
    assert (asked, opened) == ([1], [] if closes else [1])


def test_before_the_server_has_started_there_is_nobody_to_give_it_to():
    with pytest.raises(RuntimeError, match="not started"):
        OpenedSoon().give(lives([]))
