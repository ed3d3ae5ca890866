"""What tests say of time: work is counted, waiting is not, and of a slower processor less is asked."""

import time

import pytest

from tests import patience
from tests.patience import at_once


def work(seconds):
    began = time.thread_time()
    while time.thread_time() - began < seconds:
        pass


def test_work_is_counted_and_waiting_is_not():
    with at_once(0.1):
        time.sleep(0.2)
    said = r"s of work, on a machine that is [\d.]+ times slower than usual"
    with pytest.raises(AssertionError, match=said), at_once(1e-9):
        work(0.01)


def test_a_slower_machine_may_work_longer(monkeypatch):
    monkeypatch.setattr(patience, "_piece_of_work", lambda: 10 * patience.QUIET)
    with at_once(0.01):
        work(0.05)
    with pytest.raises(AssertionError, match=r"10\.0 times slower"), at_once(0.001):
        work(0.05)
