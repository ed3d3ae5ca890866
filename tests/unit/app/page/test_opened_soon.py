"""The address answers before the page is built."""

from __future__ import annotations

import subprocess
import sys
import threading

import httpx
import pytest

from workbench.app.page.opened_soon import OpenedSoon
from workbench.app.page.server import bind, running

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
    with running(first, taken), httpx.Client(base_url=f"http://127.0.0.1:{taken.getsockname()[1]}", timeout=60) as asks:
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


def test_what_programs_ask_waits_for_its_answer(soon):
    first, asks = soon
    found: list[str] = []
    waiting = threading.Thread(target=lambda: found.append(asks.get("/api/predict").text))
    waiting.start()
    with asks.stream("GET", "/") as reply:
        next(reply.iter_text())  # the server works
        assert not found
        first.give(lives([]))
    waiting.join(60)
    assert found == ["/api/predict"]


def test_it_ends_with_the_server_whether_the_page_came_or_not():
    for come in (False, True):
        first, taken, told = OpenedSoon(), bind("127.0.0.1", 0), []
        with running(first, taken) as ended:
            if come:
                first.give(lives(told))
                assert httpx.get(f"http://127.0.0.1:{taken.getsockname()[1]}/x", timeout=60).text == "/x"
        assert ended.wait(60)
        assert told == (["lifespan.startup", "lifespan.shutdown"] if come else [])


def test_before_the_server_has_started_there_is_nobody_to_give_it_to():
    with pytest.raises(RuntimeError, match="not started"):
        OpenedSoon().give(lives([]))
