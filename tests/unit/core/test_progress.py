from __future__ import annotations

import contextlib
import threading

from workbench.core.progress import report, reporting, silent


def test_what_is_reported_inside_arrives_and_outside_it_does_not():
    heard = []
    report("before", 0, 1)
    with reporting(lambda *said: heard.append(said)):
        report("Grad-CAM", 256, 10_000)
    report("after", 1, 1)
    assert heard == [("Grad-CAM", 256, 10_000)]
    assert silent("nothing", 0, 0) is None


def test_the_inner_listener_takes_over_and_hands_back_also_after_an_error():
    outer, inner = [], []
    with reporting(lambda what, *_: outer.append(what)):
        with contextlib.suppress(RuntimeError), reporting(lambda what, *_: inner.append(what)):
            report("one", 0, 1)
            raise RuntimeError
        report("two", 0, 1)
    assert (outer, inner) == (["two"], ["one"])


def test_each_thread_hears_its_own_work():
    heard = {"main": [], "other": []}

    def other():
        report("to nobody", 0, 1)
        with reporting(lambda what, *_: heard["other"].append(what)):
            report("to the other", 0, 1)

    with reporting(lambda what, *_: heard["main"].append(what)):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        report("to the main", 0, 1)
    assert heard == {"main": ["to the main"], "other": ["to the other"]}
