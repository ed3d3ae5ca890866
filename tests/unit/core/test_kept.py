"""Bounded mappings and locks: nothing is forgotten too early, and nothing is kept for ever."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import numpy as np
import pytest

from tests.patience import PATIENCE
from workbench.core.image_set import ImageSet
from workbench.core.kept import Kept, bytes_held
from workbench.core.key_locks import KeyLocks


def test_what_was_used_longest_ago_is_forgotten():
    kept = Kept(2)
    kept.put("a", 1)
    kept.put("b", 2)
    assert kept.get("a") == 1
    assert kept.put("c", 3) == 3
    assert [kept.get(key) for key in "abc"] == [1, None, 3]
    assert len(kept) == 2
    kept.put("a", 4)  # now the one used last
    kept.put("d", 5)
    assert [kept.get(key) for key in "acd"] == [4, None, 5]
    kept.clear()
    assert len(kept) == 0
    assert kept.get("a") is None


def test_what_is_kept_can_be_bounded_by_its_size():
    kept = Kept(5, size=len)
    for key in ("aa", "bb"):
        kept.put(key, key)
    assert (kept.get("aa"), len(kept)) == ("aa", 2)
    kept.put("cc", "cc")
    assert [kept.get(key) for key in ("aa", "bb", "cc")] == ["aa", None, "cc"]
    kept.put("aa", "a")  # smaller than before: there is room again
    kept.put("dd", "dd")
    assert [kept.get(key) for key in ("aa", "cc", "dd")] == ["a", "cc", "dd"]
    assert kept.put("all", "eleven long") == "eleven long"
    assert len(kept) == 0  # it was larger than all that is kept
    kept.put("aa", "aa")
    assert kept.get("aa") == "aa"


def test_small_values_are_bounded_by_their_number_besides():
    kept = Kept(100, size=len, most=2)
    for key in ("aa", "bb", "cc"):
        kept.put(key, key)
    assert [kept.get(key) for key in ("aa", "bb", "cc")] == [None, "bb", "cc"]
    kept.put("dd", "d" * 98)
    assert [kept.get(key) is None for key in ("bb", "cc", "dd")] == [True, False, False]


def test_the_bytes_of_a_record_are_those_of_all_its_arrays():
    @dataclass
    class Record:
        pixels: np.ndarray
        others: tuple
        name: str = "text"

    inner = Record(np.zeros(3, np.uint8), ())
    assert bytes_held(Record(np.zeros((4, 5), np.float32), (inner, {"a": [np.zeros(2)]}, None, Record))) == 80 + 3 + 16
    assert bytes_held((ImageSet(range(5)), ImageSet([2**31]))) == 5 * 4 + 8
    assert bytes_held("text") == bytes_held(None) == bytes_held(7) == 0


def test_large_images_are_kept_by_their_bytes():
    kept = Kept(4 * 2**20, bytes_held, most=512)
    for key in range(100):
        kept.put(key, (np.zeros((256, 256, 3), np.uint8), np.zeros((256, 256), np.float32)))
    assert len(kept) == 4 * 2**20 // (256 * 256 * 7)
    for key in range(100, 1000):
        kept.put(key, (np.zeros((28, 28, 1), np.uint8),))
    assert len(kept) == 512


def test_threads_do_not_make_it_grow():
    kept, start = Kept(10), threading.Barrier(8)

    def work(number):
        start.wait()
        for key in range(500):
            kept.put((number, key), key)
            kept.get((number, key - 3))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(kept) == 10


def test_one_thread_at_a_time_is_in_with_a_key_and_no_lock_is_left():
    """Threads come and go, so that a lock that were dropped while somebody waits would let two in."""
    locks, inside, most, entered = KeyLocks(), dict.fromkeys("ab", 0), [], []
    start = threading.Barrier(8)

    def work(key):
        start.wait()
        for _ in range(40):
            with locks.held(key):
                inside[key] += 1
                most.append(inside[key])
                time.sleep(0.0005)
                entered.append(key)
                inside[key] -= 1

    threads = [threading.Thread(target=work, args=("ab"[number % 2],)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert (max(most), len(entered)) == (1, 320)
    assert len(locks) == 0


def test_another_key_does_not_wait_and_an_error_lets_the_next_one_in():
    locks = KeyLocks()
    with locks.held("a"), locks.held("b"):
        assert len(locks) == 2
    with pytest.raises(ZeroDivisionError), locks.held("a"):
        _ = 1 / 0
    with locks.held("a"):
        assert len(locks) == 1
    assert len(locks) == 0


def test_a_lock_is_not_forgotten_while_somebody_waits_for_it():
    locks, order, waiting = KeyLocks(), [], threading.Event()

    def second():
        waiting.set()
        with locks.held("a"):
            order.append("second")

    thread = threading.Thread(target=second)
    with locks.held("a"):
        thread.start()
        assert waiting.wait(PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while locks._locks["a"].users < 2:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        order.append("first")
    thread.join(PATIENCE)
    assert order == ["first", "second"]
    assert len(locks) == 0
