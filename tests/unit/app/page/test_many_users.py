"""What many pages at once cost: messages, tables and copies that nobody reads are not made, and none are kept."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from tests.patience import PATIENCE
from tests.unit.app.page.test_starving import session_without_model
from workbench.app.markup import Html
from workbench.app.page import blocks
from workbench.app.page.application import create_app
from workbench.app.page.desk import Desk
from workbench.app.page.page import Panes
from workbench.app.page.server import bind, running, serve
from workbench.diagnosis import registry

USERS, KEPT = 12, 3


@pytest.fixture
def crowd(monkeypatch):
    """A page whose `detail` waits; gives what it waits for, gradio's application and the port."""
    gate = threading.Event()
    monkeypatch.setattr(Panes, "detail", lambda self, raw, page="": (gate.wait(PATIENCE), Html("<p>seen</p>"))[1])
    monkeypatch.setattr(blocks, "SESSIONS", KEPT)
    monkeypatch.setattr("workbench.app.page.gradio_calls.FORGOTTEN", PATIENCE)
    desk, taken = Desk(session_without_model()), bind("127.0.0.1", 0)
    app = create_app(desk, background=False)
    (inner,) = (route.app for route in app.routes if hasattr(route, "app") and hasattr(route.app, "state_holder"))
    with running(app, taken):
        yield gate, inner, taken.getsockname()[1]
        gate.set()
    desk.close()


def ask(port, method, path, body=None):
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    line.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
    return line.getresponse()


def test_who_waits_is_told_of_nobody_else_and_what_was_sent_to_many_is_not_kept(crowd):
    gate, inner, port = crowd
    config = json.loads(ask(port, "GET", "/config").read())
    names = {each["id"]: each["props"].get("elem_id") for each in config["components"]}
    (place,) = (
        each["id"]
        for each in config["dependencies"]
        if any(names.get(target) == "detail" and event == "submit" for target, event in each["targets"])
    )
    for number in range(USERS):
        sent = {"data": [{"section": "errors"}], "fn_index": place, "session_hash": f"user{number}", "event_data": None}
        assert ask(port, "POST", "/gradio_api/queue/join", sent).status == 200
    gate.set()
    for number in range(USERS):
        lines = ask(port, "GET", f"/gradio_api/queue/data?session_hash=user{number}").read().decode().splitlines()
        said = [json.loads(line[5:]) for line in lines if line.startswith("data:")]
        words = [each["msg"] for each in said]
        assert words == ["estimation", "process_starts", "process_completed", "close_stream"], number
        assert said[2]["output"]["data"] == ["<p>seen</p>"]
    assert len(inner.state_holder.session_data) <= KEPT
    queue = inner.get_blocks()._queue
    assert len(queue.event_analytics) <= 1
    assert queue.cached_event_analytics_summary == {"functions": {}}


def test_a_figure_of_which_only_the_size_was_asked_is_drawn_once(desk, monkeypatch):
    drawn, draw = [], registry.draw
    monkeypatch.setattr(
        "workbench.diagnosis.registry.draw", lambda result: (drawn.append(result.analysis), draw(result))[1]
    )
    keys = [desk.answer(name, {}, wait=PATIENCE)[0] for name in ("class-balance", "most-confused")]
    first = [desk.figure_size(key) for key in keys]
    assert [desk.figure_size(key) for key in keys] == first
    assert all(first)
    assert drawn == ["class-balance", "most-confused"]


def test_what_an_analysis_lacks_is_looked_up_once_and_again_when_the_model_is_there(desk, monkeypatch):
    asked = []
    monkeypatch.setattr("workbench.diagnosis.registry.missing", lambda session, name: asked.append(name))
    assert [desk.lacks(name) for name in ("filters", "samples", "filters")] == [None, None, None]
    assert asked == ["filters", "samples"]
    monkeypatch.setattr(type(desk.session), "ready", True)
    desk.lacks("filters")
    assert asked == ["filters", "samples", "filters"]


SET_ASIDE = """
import gc
from workbench.app.page import idle

class Link: pass

many = []
for _ in range(50_000):
    one, other = Link(), Link()
    one.other, other.one = other, one
    many.append(one)
idle.set_aside()
fresh = Link()
fresh.itself = fresh
looked = len(gc.get_objects())
del fresh
assert gc.collect() >= 1
print(looked)
"""


def test_what_is_there_at_the_start_is_in_no_later_collection():
    done = subprocess.run([sys.executable, "-c", SET_ASIDE], check=True, capture_output=True, text=True)
    assert int(done.stdout) < 1000


def test_a_server_sets_aside_once_what_is_there_when_it_has_begun(monkeypatch):
    monkeypatch.setattr(Desk, "_load", lambda *_: None)
    monkeypatch.setattr("workbench.app.page.application.warm", lambda _: None)
    monkeypatch.setattr("workbench.app.page.desk.PATIENCE", 0.1)
    monkeypatch.setattr("workbench.app.page.server.LOOK", 0.05)
    calls = []

    def set_aside():
        calls.append(1)
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()

    monkeypatch.setattr("workbench.app.page.server.set_aside", set_aside)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        serve(session_without_model(), port=0, tell=lambda _: None)
    finally:
        signal.signal(signal.SIGINT, before)
    assert calls == [1]
