"""Clients take turns on few threads."""

from __future__ import annotations

import threading
import time

import pytest

from tests.patience import PATIENCE
from workbench.app.page.lane import ALL, EACH, Lane
from workbench.app.page.refusals import Busy, TooMany


@pytest.fixture
def lane_of():
    made = []

    def make(workers):
        made.append(Lane("test", workers))
        return made[-1]

    yield make
    for lane in made:
        lane.close()


def wait_until(said):
    deadline = time.monotonic() + PATIENCE
    while not said():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_who_asks_much_waits_for_himself(lane_of):
    lane, order, release = lane_of(1), [], threading.Event()
    lane.submit("much", lambda: release.wait(PATIENCE))
    for number in range(4):
        lane.submit("much", lambda n=number: order.append(f"much {n}"))
    for client in ("some", "other"):
        for number in range(2):
            lane.submit(client, lambda c=client, n=number: order.append(f"{c} {n}"))
    release.set()
    wait_until(lambda: len(order) == 8)
    assert order.index("some 0") < 3 and order.index("other 0") < 3  # not behind all of the other's
    assert [each for each in order if "much" in each] == [f"much {number}" for number in range(4)]
    assert order[-2:] == ["much 2", "much 3"]


def test_a_thread_stays_free_for_another_client(lane_of):
    lane, release, began, other = lane_of(3), threading.Event(), [], threading.Event()
    for _ in range(6):
        lane.submit("much", lambda: (began.append(1), release.wait(PATIENCE)))
    wait_until(lambda: len(began) == 2)
    lane.submit("other", other.set)
    assert other.wait(PATIENCE)
    assert len(began) == 2
    release.set()
    wait_until(lambda: len(began) == 6)


def test_what_one_client_and_all_may_ask_is_bounded(lane_of):
    lane, release, done = lane_of(1), threading.Event(), []
    for _ in range(EACH):
        lane.submit("much", lambda: (release.wait(PATIENCE), done.append(1)))
    with pytest.raises(TooMany, match=f"^{EACH} of your questions wait"):
        lane.submit("much", print)
    for number in range(ALL - EACH):
        lane.submit(f"client {number}", lambda: done.append(1))
    with pytest.raises(Busy, match=f"^{ALL} questions are waiting already; try again"):
        lane.submit("one more", print)
    release.set()
    wait_until(lambda: len(done) == ALL)
    lane.submit("much", lambda: done.append(1))
    wait_until(lambda: len(done) == ALL + 1)
    assert not lane._running and not lane._waiting  # nothing grows with who ever asked


def test_the_page_s_own_work_has_no_bound_of_its_own(lane_of):
    lane, done = lane_of(2), []
    for _ in range(2 * EACH):
        lane.submit("", lambda: done.append(1))
    wait_until(lambda: len(done) == 2 * EACH)


def test_a_closed_one_begins_nothing(lane_of):
    lane = lane_of(1)
    lane.close()
    with pytest.raises(Busy, match="shutting down"):
        lane.submit("any", print)
