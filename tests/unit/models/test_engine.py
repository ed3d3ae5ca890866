from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf

from tests.patience import PATIENCE
from workbench.core.progress import Stop, stoppable
from workbench.models import engine
from workbench.models import turns as turns_of_models
from workbench.models.engine import Engine, held, in_parts
from workbench.models.turns import FIRST, LAST, NEXT, TURNS, Turns

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
        start.wait(PATIENCE)
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


def test_who_is_waited_for_goes_first(monkeypatch):
    """While somebody holds a claim of an earlier rank, nobody of a later rank begins anything."""
    monkeypatch.setattr(turns_of_models, "AGING", 2 * PATIENCE)
    turns, order = Turns(), []
    held, release = threading.Event(), threading.Event()

    def holding():
        with turns.claimed(FIRST):
            held.set()
            release.wait(PATIENCE)
            with turns:
                order.append("first")

    def waiting(rank, name):
        with turns.claimed(rank), turns:
            order.append(name)

    threads = [threading.Thread(target=holding)]
    threads[0].start()
    assert held.wait(PATIENCE)
    for rank, name in ((LAST, "last"), (NEXT, "next")):
        threads.append(threading.Thread(target=waiting, args=(rank, name)))
        threads[-1].start()
    wait_until(lambda: turns._claims == [1, 1, 1])  # else a later one could begin before the one that goes first
    assert order == []
    with turns:  # who claims nothing is not kept waiting
        order.append("unclaimed")
    release.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert order == ["unclaimed", "first", "next", "last"]


def test_work_can_be_ended_between_two_functions():
    turns, done = Turns(), []

    def check():
        if len(done) == 2:
            raise Stop

    def work():
        with stoppable(check), turns.claimed(LAST):
            for number in range(5):
                with turns:
                    done.append(number)

    with pytest.raises(Stop):
        work()
    assert done == [0, 1]
    with turns:  # neither the turn nor the claim is held any longer
        pass


def test_who_waits_can_be_ended_and_leaves_the_row():
    turns, wanted = Turns(), threading.Event()

    def check():
        if wanted.is_set():
            raise Stop

    def waiting():
        with stoppable(check), pytest.raises(Stop), turns:
            pytest.fail("it was not its turn")

    with turns:
        thread = threading.Thread(target=waiting)
        thread.start()
        wait_until(lambda: turns._waiting)
        wanted.set()
        thread.join(PATIENCE)
        assert not turns._waiting
    with turns:
        pass


def test_who_has_waited_long_goes_before_an_endless_row_of_others(monkeypatch):
    for aging in (0.5, 2.0, 8.0):  # on a busy machine there may be few clicks for longer
        monkeypatch.setattr(turns_of_models, "AGING", aging)
        turns, order, release, until = Turns(), [], threading.Event(), time.monotonic() + PATIENCE

        def late(turns=turns, order=order, release=release):
            with turns.claimed(LAST), turns:
                order.append("late")
                release.set()

        with turns.claimed(FIRST):
            thread = threading.Thread(target=late)
            thread.start()
            while not release.is_set() and time.monotonic() < until:
                with turns:
                    order.append("click")
                    time.sleep(0.001)
            thread.join(PATIENCE)
        assert "late" in order
        if order.index("late") > 20:
            break
    assert order.index("late") > 20  # at first, clicks go before


# ---------------------------------------------------------------- between the parts of one function


def summing(parts, seen):
    """Compile a sum over parts that notes each of them."""

    def note(part):
        seen.append(int(part[0, 0]))
        time.sleep(0.01)
        return part

    def one(part):
        return tf.ensure_shape(tf.numpy_function(note, [part], tf.float32), (1, 2))

    def function(rows):
        return tf.reduce_sum(in_parts(one, rows[:, None], tf.TensorSpec((1, 2), tf.float32)), axis=0)

    return Engine().compile(("summing", parts), function, [ROWS])


def test_a_long_function_lets_others_in_between_its_parts_and_comes_to_the_same():
    short = Engine().compile("short", lambda rows: rows + 1, [ROWS])
    rows = np.arange(128, dtype=np.float32).reshape(64, 2)
    for _ in range(5):  # on a busy machine a thread may begin, or ask, when much is done already
        seen, found = [], []
        long = summing(64, seen)

        def work(long=long, found=found):
            with TURNS.claimed(NEXT):
                found.append(long(rows))

        threads = [threading.Thread(target=work) for _ in range(2)]  # the same function, too
        for thread in threads:
            thread.start()
        wait_until(lambda seen=seen: len(seen) > 3)
        before = len(seen)
        for _ in range(5):
            assert short(np.ones((1, 2), np.float32)).tolist() == [[2, 2]]
        waited = len(seen) - before
        for thread in threads:
            thread.join(PATIENCE)
        assert len(found) == 2
        for each in found:
            np.testing.assert_array_equal(each, rows.sum(axis=0, keepdims=True))
        assert len(seen) == 128
        halves = [seen[:64].count(part) for part in seen[:64]]
        if waited < 40 and 2 in halves:
            break
    assert waited < 40  # of 128: it did not wait for either
    assert 2 in halves  # the two took turns
    assert TURNS._paused == 0


def test_a_long_function_ends_between_two_parts():
    seen = []
    long, rows = summing(64, seen), np.zeros((64, 2), np.float32)

    def check():
        if len(seen) >= 3:
            raise Stop

    with stoppable(check), pytest.raises(Stop):
        long(rows)
    assert 3 <= len(seen) < 8
    seen.clear()
    long(rows)
    assert len(seen) == 64


def test_as_many_may_pause_as_there_are_threads_to_spare():
    turns, order = Turns(), []

    def other():
        with turns:
            order.append("other")

    with turns:
        thread = threading.Thread(target=other)
        thread.start()
        wait_until(lambda: turns._waiting)
        turns.pause(0)
        assert order == []
        turns.pause(1)
        assert order == ["other"]
    thread.join(PATIENCE)


def test_what_is_traced_keeps_nobody_waiting_who_asks_something_else():
    kept, tracing, release = Engine(), threading.Event(), threading.Event()

    def slow(rows):
        tracing.set()
        assert release.wait(PATIENCE)
        return 2 * rows

    thread = threading.Thread(target=lambda: kept.compile("slow", slow, [ROWS]))
    thread.start()
    assert tracing.wait(PATIENCE)
    assert kept.compile("quick", lambda rows: rows + 1, [ROWS])(np.ones((1, 2), np.float32)).tolist() == [[2, 2]]
    release.set()
    thread.join(PATIENCE)


def test_a_large_array_is_given_to_a_function_and_stands_in_no_graph():
    large = np.arange(200_000, dtype=np.float32)
    graphs = []

    def function(rows):
        graphs.append(tf.compat.v1.get_default_graph())
        return rows * tf.gather(held(large), [3, 4])

    assert Engine().compile("held", function, [ROWS])(np.ones((1, 2), np.float32)).tolist() == [[3, 4]]
    assert graphs[0].as_graph_def().ByteSize() < 10_000


def wait_until(said):
    deadline = time.monotonic() + PATIENCE
    while not said():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_batch_is_filled_up_to_one_of_a_few_sizes_and_gives_what_it_gives_alone():
    sizes = []

    def doubled(rows, names, fixed):
        tf.numpy_function(lambda count: sizes.append(int(count)) or np.int32(0), [tf.shape(rows)[0]], tf.int32)
        return 2 * rows, {"sum": tf.reduce_sum(rows, axis=1), "named": names}

    numbers = tf.TensorSpec((None,), tf.int64)
    signature = [ROWS, numbers, tf.TensorSpec((3,), tf.float32)]
    run = Engine().compile("doubled", doubled, signature, by_row=True)
    for count in range(1, 70):
        rows = np.random.default_rng(count).normal(size=(count, 2)).astype(np.float32)
        found, more = run(rows, np.arange(count), np.zeros(3, np.float32))
        np.testing.assert_array_equal(found, 2 * rows)
        np.testing.assert_allclose(more["sum"], rows.sum(axis=1), atol=1e-6)
        assert more["named"].tolist() == list(range(count))
    assert set(sizes) <= {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96}
    empty, _ = run(np.zeros((0, 2), np.float32), np.zeros(0, int), np.zeros(3, np.float32))
    assert empty.shape == (0, 2)
    sizes.clear()
    as_it_is = Engine().compile("doubled", doubled, signature)
    assert as_it_is(np.zeros((5, 2), np.float32), np.arange(7), np.zeros(3, np.float32))[1]["named"].tolist() == [
        *range(7)
    ]
    assert sizes == [5]
