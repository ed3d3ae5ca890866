"""Work in the background."""

import threading
import time

import pytest

from tests.patience import PATIENCE
from workbench.app.page import jobs
from workbench.app.page.jobs import STOPPED, UNEXPECTED, Jobs
from workbench.core.errors import WorkbenchError
from workbench.core.progress import report


@pytest.fixture
def pool():
    made = Jobs()
    yield made
    made.close()


def test_the_same_key_is_worked_on_once(pool):
    calls, release = [], threading.Event()

    def work():
        calls.append(1)
        report("Grad-CAM", 3, 10)
        release.wait(PATIENCE)
        return "answer"

    job = pool.start("a", work)
    assert pool.start("a", work) is job
    deadline = time.monotonic() + PATIENCE
    while job.share is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert (job.what, job.share) == ("Grad-CAM: 3 of 10", 0.3)
    release.set()
    assert pool.start("a", work, wait=PATIENCE).value == "answer"
    assert calls == [1]


def test_an_error_is_one_sentence_and_a_bug_is_logged_but_not_shown(pool, caplog):
    def wrong():
        raise WorkbenchError("`top` must be at least 1.")

    def bug():
        raise RuntimeError("secret path /srv")

    assert pool.start("wrong", wrong, wait=PATIENCE).error == "`top` must be at least 1."
    assert pool.start("bug", bug, wait=PATIENCE).error == UNEXPECTED
    assert "secret path" in caplog.text


def test_a_failure_is_shown_first_and_tried_again_later(pool, monkeypatch):
    calls = []

    def work():
        calls.append(1)
        raise WorkbenchError("no")

    first = pool.start("a", work, wait=PATIENCE)
    assert pool.start("a", work, wait=PATIENCE) is first
    monkeypatch.setattr(jobs, "RETRY", 0.0)
    assert pool.start("a", work, wait=PATIENCE) is not first
    assert len(calls) == 2


def test_old_answers_are_forgotten_and_running_work_is_not():
    pool, release = Jobs(keep=2), threading.Event()
    running = pool.start("running", lambda: release.wait(PATIENCE))
    for key in "abc":
        pool.start(key, lambda: 1, wait=PATIENCE)
    assert pool.get("running") is running
    assert [key for key in "abc" if pool.get(key)] == ["c"]
    release.set()
    pool.close()


def test_work_that_nobody_wants_any_more_ends_at_its_next_report():
    pool, going, reported = Jobs(), threading.Event(), []

    def endless():
        while True:
            report("on and on", len(reported), 10**9)
            reported.append(1)
            going.set()
            time.sleep(0.001)

    job = pool.start("a", endless)
    assert going.wait(PATIENCE)
    pool.close()
    assert job.done.wait(PATIENCE)
    assert job.error == "Stopped."


def test_who_waits_for_what_was_not_begun_is_told_when_all_ends():
    pool, going, release, waited = Jobs(workers=1), threading.Event(), threading.Event(), []

    def first():
        going.set()
        release.wait(PATIENCE)
        return "answer"

    def wait():
        job = pool.start("second", lambda: "never", wait=2 * PATIENCE)
        waited.append((job.error, job.value))

    running = pool.start("first", first)
    assert going.wait(PATIENCE)
    waiting = threading.Thread(target=wait)
    waiting.start()
    while pool.get("second") is None:
        time.sleep(0.01)
    pool.close()
    waiting.join(PATIENCE)
    assert not running.done.is_set()
    assert waited == [(STOPPED, None)]  # and not in the end
    release.set()
