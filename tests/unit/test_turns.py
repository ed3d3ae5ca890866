"""Who goes before whom when compiled functions run one at a time."""

from __future__ import annotations

import threading
import time

import pytest

from workbench.engine import FIRST, LAST, NEXT, Turns


def work(turns, done, name, rank=None, **claim):
    """Run one function in a thread of its own, in a claim if a rank is given."""

    def run():
        if rank is None:
            with turns:
                done.append(name)
        else:
            with turns.claimed(rank, **claim), turns:
                done.append(name)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_one_function_runs_at_a_time():
    turns, inside, most = Turns(), [], []

    def run():
        for _ in range(50):
            with turns:
                inside.append(1)
                most.append(len(inside))
                time.sleep(0)
                inside.pop()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(most) == 200
    assert max(most) == 1


def test_what_may_take_its_time_waits_for_what_is_waited_for():
    turns, done = Turns(), []
    with turns.claimed(FIRST):
        last, following = work(turns, done, "last", LAST), work(turns, done, "next", NEXT)
        time.sleep(0.05)
        assert done == []  # nobody runs a function, and yet they wait
        with turns:
            done.append("first")
    for thread in (last, following):
        thread.join(5)
    assert done[0] == "first"
    assert sorted(done) == ["first", "last", "next"]


def test_between_two_functions_of_a_later_rank_an_earlier_one_goes():
    turns, done, go = Turns(), [], threading.Event()

    def long():
        with turns.claimed(LAST):
            for step in range(2):
                with turns:
                    done.append(step)
                    if step == 0:
                        go.wait(5)

    thread = threading.Thread(target=long, daemon=True)
    thread.start()
    while not done:
        time.sleep(0.001)
    with turns.claimed(NEXT):
        go.set()
        with turns:
            done.append("next")
    thread.join(5)
    assert done == [0, "next", 1]


def test_nobody_is_held_up_by_a_later_rank_or_by_who_claims_nothing():
    turns, done = Turns(), []
    with turns.claimed(LAST):
        work(turns, done, "first").join(5)
    assert done == ["first"]
    work(turns, done, "next", NEXT).join(5)
    assert done == ["first", "next"]


def test_work_that_is_not_wanted_any_more_ends_before_its_next_function():
    turns, done = Turns(), []

    def stop():
        raise TimeoutError

    with pytest.raises(TimeoutError), turns.claimed(LAST, stop), turns:
        done.append("never")
    assert done == []
    work(turns, done, "others").join(5)
    with turns:  # and this thread is free again
        done.append("mine")
    assert done == ["others", "mine"]
