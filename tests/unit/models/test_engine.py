from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf

from workbench.models import engine
from workbench.models.engine import Engine
from workbench.models.turns import FIRST, LAST, NEXT, Turns

ROWS = tf.TensorSpec((None, 2), "float32")


def test_a_question_is_traced_once_for_every_number_of_rows():
    traces, kept = [], Engine()

    def double(rows):
        traces.append(rows.shape)
        return 2 * rows

    for count in (3, 1, 0, 3):
        rows = np.arange(2 * count, dtype=np.float32).reshape(count, 2)
        np.testing.assert_array_equal(kept.compile("double", double, [ROWS])(rows), 2 * rows)
    assert [shape.as_list() for shape in traces] == [[None, 2]]


def test_equal_keys_share_what_was_compiled_first_and_other_keys_do_not():
    kept = Engine()
    rows = np.ones((1, 2), np.float32)
    kept.compile(("a", 1), lambda given: given + 1, [ROWS])
    np.testing.assert_array_equal(kept.compile(("a", 1), lambda given: given + 2, [ROWS])(rows), rows + 1)
    np.testing.assert_array_equal(kept.compile(("a", 2), lambda given: given + 2, [ROWS])(rows), rows + 2)


def test_the_ones_used_last_are_kept(monkeypatch):
    monkeypatch.setattr(engine, "KEEP", 3)
    traces, kept = [], Engine()

    def ask(name):
        def function(rows):
            traces.append(name)
            return rows

        kept.compile(name, function, [ROWS])

    for name in "abcadaba":
        ask(name)
    assert traces == ["a", "b", "c", "d", "b"]  # a was always used since; b was not, when d came


def test_threads_that_ask_the_same_trace_it_once():
    traces, kept, start = [], Engine(), threading.Barrier(4)
    rows = np.ones((1, 2), np.float32)

    def slow(given):
        traces.append(threading.get_ident())
        time.sleep(0.05)
        return 2 * given

    def ask(_):
        start.wait(60)
        return kept.compile("slow", slow, [ROWS])(rows)

    with ThreadPoolExecutor(4) as pool:
        assert [each.tolist() for each in pool.map(ask, range(4))] == [[[2, 2]]] * 4
    assert len(traces) == 1


def test_what_was_dropped_meanwhile_still_runs(monkeypatch):
    monkeypatch.setattr(engine, "KEEP", 1)
    kept, rows = Engine(), np.ones((1, 2), np.float32)
    first = kept.compile("first", lambda given: 3 * given, [ROWS])
    kept.compile("second", lambda given: given, [ROWS])
    np.testing.assert_array_equal(first(rows), 3 * rows)


def test_arrays_take_the_signature_s_precision_and_nests_come_back_as_they_were():
    def parts(rows, classes):
        return rows, {"classes": classes + 1, "sum": (tf.reduce_sum(rows),)}

    signature = [tf.TensorSpec((None, 2), "float64"), tf.TensorSpec((None,), "int64")]
    rows, rest = Engine().compile("parts", parts, signature)(
        np.full((2, 2), 0.5, np.float32), np.array([1, 2], np.int32)
    )
    assert (rows.dtype, rest["classes"].dtype) == (np.float64, np.int64)
    assert rest["classes"].tolist() == [2, 3]
    assert rest["sum"][0] == 2
    assert isinstance(rest["sum"], tuple)


def test_what_does_not_fit_or_fails_leaves_the_next_one_its_turn():
    kept, rows = Engine(), np.ones((1, 2), np.float32)
    double = kept.compile("double", lambda given: 2 * given, [ROWS])
    with pytest.raises(ValueError, match="zip"):
        double(rows, rows)
    with pytest.raises(tf.errors.InvalidArgumentError):
        kept.compile("of eight", lambda given: tf.reshape(given, (8,)), [ROWS])(rows)
    with pytest.raises(ZeroDivisionError):
        kept.compile("broken", lambda given: 1 // 0, [ROWS])
    np.testing.assert_array_equal(double(rows), 2 * rows)


def test_one_function_runs_at_a_time():
    """Also of two engines, since TensorFlow is one."""
    inside, most = [], []

    def watched(rows):
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.005)
        inside.pop()
        return rows

    def wrapped(rows):
        return tf.ensure_shape(tf.numpy_function(watched, [rows], tf.float32), (None, 2))

    runs = [Engine().compile("watched", wrapped, [ROWS]) for _ in range(2)]
    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(runs[n % 2], np.full((1, 2), n, np.float32)) for n in range(12)]
    assert [each.result()[0, 0] for each in done] == [*range(12)]
    assert len(most) == 12 and max(most) == 1


def test_who_is_waited_for_goes_first():
    """While somebody holds a claim of an earlier rank, nobody of a later rank begins anything."""
    turns, order = Turns(), []
    held, release = threading.Event(), threading.Event()

    def holding():
        with turns.claimed(FIRST):
            held.set()
            release.wait(60)
            with turns:
                order.append("first")

    def waiting(rank, name):
        with turns.claimed(rank), turns:
            order.append(name)

    threads = [threading.Thread(target=holding)]
    threads[0].start()
    assert held.wait(60)
    for rank, name in ((LAST, "last"), (NEXT, "next")):
        threads.append(threading.Thread(target=waiting, args=(rank, name)))
        threads[-1].start()
    deadline = time.monotonic() + 60
    while turns._claims != [1, 1, 1]:  # else a later one could begin before the one that goes first has come
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert order == []
    with turns:  # who claims nothing is not kept waiting
        order.append("unclaimed")
    release.set()
    for thread in threads:
        thread.join(60)
    assert order == ["unclaimed", "first", "next", "last"]


def test_work_can_be_ended_between_two_functions():
    turns, done = Turns(), []

    def go_on():
        if len(done) == 2:
            raise InterruptedError

    def work():
        with turns.claimed(LAST, go_on):
            for number in range(5):
                with turns:
                    done.append(number)

    with pytest.raises(InterruptedError):
        work()
    assert done == [0, 1]
    with turns:  # neither the turn nor the claim is held any longer
        pass


def test_a_claim_within_a_claim_gives_the_outer_one_back():
    turns, asked = Turns(), []
    with turns.claimed(LAST, lambda: asked.append("outer")):
        with turns.claimed(FIRST, lambda: asked.append("inner")), turns:
            pass
        with turns:
            pass
    assert asked == ["inner", "outer"]
