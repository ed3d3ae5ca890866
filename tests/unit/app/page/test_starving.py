"""Nobody is kept waiting by what others asked, or by what nobody wants any more: over real connections."""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
import time
import urllib.request
from contextlib import contextmanager

import numpy as np
import pytest

from tests.patience import PATIENCE
from tests.unit.app.page.conftest import LABELS, NAMES, PREDICTED, SURE, predictions
from workbench.app.page import desk as desks
from workbench.app.page.api.questions import Api
from workbench.app.page.application import create_app
from workbench.app.page.desk import Desk
from workbench.app.page.jobs import Job
from workbench.app.page.lane import Lane
from workbench.app.page.page import Panes
from workbench.app.page.server import bind, running, serve
from workbench.core.dataset import Dataset
from workbench.core.progress import report
from workbench.diagnosis.opening import Session

LIMIT = 3.0
"""Seconds that a program's call may take, where that is what is tested."""


def session_without_model():
    dataset = Dataset(
        np.zeros((8, 28, 28, 1), np.uint8), LABELS, class_names=NAMES, indices=np.arange(8), name="made/test"
    )
    session = Session(None, dataset, cache=False)
    session._predictions = predictions(LABELS, PREDICTED, SURE, 3)
    return session


@pytest.fixture(scope="module")
def site():
    """A page of eight images without a model, on which nobody is late, and which takes nobody for gone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workbench.app.page.owners.SHOWN", 2 * PATIENCE)
        with opened(2 * PATIENCE) as there:
            yield there


@contextmanager
def opened(limit):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Desk, "_load", lambda *_: None)
        desk, taken = Desk(session_without_model()), bind("127.0.0.1", 0)
        with running(create_app(desk, background=False, limit=limit), taken):
            yield desk, taken.getsockname()[1]
        desk.close()


class Slow:
    """In place of every analysis: counts, until it is told to end, and notes who began, ended, and was stopped."""

    def __init__(self) -> None:
        self.began, self.stopped, self.release, self.real = [], [], threading.Event(), desks.registry.compute
        self.joined = []

    def compute(self, session, name, values=None):
        asked = json.dumps([name, values])
        self.began.append(asked)
        try:
            while not self.release.wait(0.01):
                report("counting", 1, 10**6)
        except BaseException:
            self.stopped.append(asked)
            raise
        return self.real(session, name, values)


@pytest.fixture
def slow(monkeypatch):
    made, join = Slow(), Job.join
    monkeypatch.setattr(Job, "join", lambda job, owner: (made.joined.append(owner), join(job, owner))[1])
    monkeypatch.setattr(desks.registry, "compute", made.compute)
    yield made
    made.release.set()


def wait_until(said):
    until = time.monotonic() + PATIENCE
    while not said():
        assert time.monotonic() < until
        time.sleep(0.005)


@contextmanager
def asking(port, count, address="127.0.0.1", name="samples"):
    """Ask an analysis without waiting for the answer."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    body = json.dumps({"name": name, "params": {"count": count} if name == "samples" else {}})
    line.request("POST", "/api/analyze", body, {"Content-Type": "application/json", "X-Forwarded-For": address})
    yield line
    line.close()


def answer(line):
    got = line.getresponse()
    return got.status, json.loads(got.read())


def test_what_is_asked_by_who_hangs_up_ends_within_a_second(site, slow):
    with asking(site[1], 1):
        wait_until(lambda: slow.began)
    wait_until(lambda: slow.stopped)
    slow.release.set()
    with asking(site[1], 1) as line:  # nothing half was kept
        assert answer(line)[1]["params"]["count"] == 1


def test_two_who_ask_the_same_share_it_until_both_are_gone(site, slow):
    with asking(site[1], 2) as first:
        wait_until(lambda: slow.began)
        with asking(site[1], 2):
            wait_until(lambda: len(slow.joined) == 1)
        time.sleep(0.6)
        assert (len(slow.began), slow.stopped) == (1, [])
        with asking(site[1], 2) as third:
            wait_until(lambda: len(slow.joined) == 2)
            first.close()
            time.sleep(0.6)
            assert (len(slow.began), slow.stopped) == (1, [])
            slow.release.set()
            assert answer(third)[0] == 200
    slow.release.clear()
    with asking(site[1], 3), asking(site[1], 3):
        wait_until(lambda: len(slow.began) == 2 and len(slow.joined) == 3)
    wait_until(lambda: slow.stopped)
    assert len(slow.began) == 2


def test_what_waits_for_who_is_gone_never_begins(site, slow):
    desk, port = site
    lines = {count: asking(port, count) for count in range(10, 20)}
    for line in lines.values():
        line.__enter__()
    wait_until(lambda: len(slow.began) == 3)  # of four threads, one is left to others
    running = {json.loads(each)[1]["count"] for each in slow.began}

    def for_nobody():
        waiting = [job for job in [*desk.jobs._jobs.values()] if not job._begun and job.owners]
        return [job for job in waiting if all(owner.gone() for owner in job.owners)]

    with asking(port, 1, address="10.0.0.2", name="class-balance"):
        wait_until(lambda: any("class-balance" in each for each in slow.began))
    for count in lines.keys() - running:
        lines[count].__exit__(None, None, None)
    wait_until(lambda: len(for_nobody()) == 7)
    for count in running:
        lines[count].__exit__(None, None, None)
    wait_until(lambda: len(slow.stopped) == len(slow.began))
    time.sleep(0.5)
    assert len(slow.began) == 4


def test_too_much_from_one_address_is_refused_and_others_are_not(site, slow, monkeypatch):
    came, submit = [], Lane.submit
    monkeypatch.setattr(Lane, "submit", lambda lane, client, work: (submit(lane, client, work), came.append(lane))[0])
    lines = [asking(site[1], count, address="10.0.0.3") for count in range(30, 47)]
    opened = [line.__enter__() for line in lines[:16]]
    wait_until(lambda: len(slow.began) == 3)
    wait_until(lambda: sum(each._pool._thread_name_prefix == "workbench-analyze" for each in came) == 16)
    status, said = answer(lines[16].__enter__())
    assert status == 429
    assert said["error"].startswith("16 of your questions wait or are worked on")
    with asking(site[1], 50, address="10.0.0.4"):
        wait_until(lambda: len(slow.began) == 4)
    for line in opened:
        line.close()


def test_what_takes_too_long_ends_with_a_sentence_that_says_what_to_do(slow):
    began = time.monotonic()
    with opened(LIMIT) as (_, port), asking(port, 60) as line:
        status, said = answer(line)
        assert time.monotonic() - began >= LIMIT
        wait_until(lambda: slow.stopped)
    assert status == 400, said
    assert said["error"].startswith("The answer took longer than 3 seconds and was stopped. Ask for less")
    assert "--limit-seconds" in said["error"]


def test_a_page_that_shows_something_else_or_closes_stops_what_it_asked_for(site, slow):
    desk, port = site
    panes = Panes(desk)

    def shows(query, page="a page"):
        panes.look({"view": query}, page)
        return panes.answer(query, page)

    samples = {"section": "samples", "count": "7"}
    assert "data-wait" in str(shows(samples))
    assert "data-wait" in str(shows({**samples, "_colour": "correct"}))  # the same, looked at in another way
    shows(samples, "another page")
    wait_until(lambda: slow.began)
    shows({"section": "errors"})
    time.sleep(0.3)
    assert (len(slow.began), slow.stopped) == (1, [])  # the other page still shows it
    line = http.client.HTTPConnection("127.0.0.1", port)
    line.request("POST", "/left/another%20page", "{}", {"Content-Type": "application/json"})
    assert line.getresponse().status == 200
    wait_until(lambda: slow.stopped)
    assert "data-wait" in str(shows(samples))  # back again: it is begun anew
    wait_until(lambda: len(slow.began) == 2)
    slow.release.set()
    wait_until(lambda: "data-wait" not in str(shows(samples)))


def test_a_page_that_says_nothing_any_more_is_closed(site, slow, monkeypatch):
    desk, port = site
    panes, line = Panes(desk), http.client.HTTPConnection("127.0.0.1", port)
    for number, seconds in enumerate((0.5, 2.0, 8.0)):  # a busy machine may say its words later
        page, query = f"silent-{number}", {"section": "samples", "count": f"{80 + number}"}
        monkeypatch.setattr("workbench.app.page.owners.SHOWN", 2 * PATIENCE)
        panes.look({"view": query}, page)
        panes.answer(query, page)
        wait_until(lambda number=number: len(slow.began) == number + 1)
        monkeypatch.setattr("workbench.app.page.owners.SHOWN", seconds)
        for _ in range(8):
            line.request("GET", f"/status/any?page={page}&hidden=false")
            line.getresponse().read()
            time.sleep(0.3 * seconds)
        goes_on = len(slow.stopped) == number
        wait_until(lambda number=number: len(slow.stopped) == number + 1)
        if goes_on:
            return
    pytest.fail("it was stopped although the page said something now and then")


def test_ctrl_c_lets_the_server_end_in_order_and_with_it_whatever_was_asked(monkeypatch):
    ended, wrong, close = [], [], Api.close
    monkeypatch.setattr(Desk, "_load", lambda *_: None)
    monkeypatch.setattr(Api, "close", lambda api: (ended.append(api), close(api)))
    monkeypatch.setattr(threading, "excepthook", wrong.append)

    # A shell that runs the tests in the background has them ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupt(url):
        def once_it_is_there():
            try:
                urllib.request.urlopen(f"{url}healthz", timeout=PATIENCE).close()
            finally:
                os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=once_it_is_there).start()

    try:
        serve(session_without_model(), port=0, tell=interrupt)
    finally:
        signal.signal(signal.SIGINT, before)
    wait_until(lambda: ended)
    assert len(ended) == 1  # which stops what was asked; a process with work left would not end
    assert not wrong
