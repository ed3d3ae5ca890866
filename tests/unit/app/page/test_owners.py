"""Who still wants a piece of work."""

from __future__ import annotations

import pytest

from workbench.app.page import owners
from workbench.app.page.owners import Caller, Listener, Visits, Within
from workbench.core.progress import Stop, check, report, stoppable


@pytest.fixture
def clock(monkeypatch):
    """Seconds, which pass as one says."""
    now = [100.0]
    monkeypatch.setattr(owners.time, "monotonic", lambda: now[0])
    return now


def test_a_caller_is_gone_when_it_hangs_up_or_has_waited_for_too_long(clock):
    caller, patient = Caller("here", 10, since=clock[0]), Caller("here", 0, since=clock[0])
    clock[0] += 10
    assert not caller.gone()
    clock[0] += 1
    assert caller.gone() and caller.late
    assert not patient.gone()
    patient.left = True
    assert patient.gone() and not patient.late


def test_a_page_wants_what_it_shows_as_long_as_it_is_heard_of(clock):
    visits = Visits()
    wish = visits.wish("page", "answer", "samples")
    clock[0] += owners.SHOWN
    assert not wish.gone()
    clock[0] += 0.1
    assert wish.gone()
    visits.hear("page")
    assert not wish.gone()
    visits.hear("page", hidden=True)  # its clocks are slow
    clock[0] += owners.HIDDEN
    assert not wish.gone()
    visits.close("page")
    clock[0] += 0.01
    assert wish.gone()


def test_what_a_page_shows_no_more_is_not_wanted(clock):
    visits = Visits()
    answer, detail = visits.wish("page", "answer", "samples"), visits.wish("page", "detail", "image 3")
    others = visits.wish("other", "answer", "samples")
    visits.look("page", {"answer": "samples", "detail": "image 4"})
    assert (answer.gone(), detail.gone(), others.gone()) == (False, True, False)
    again = visits.wish("page", "answer", "samples")
    assert (answer.gone(), again.gone()) == (True, False)  # it is the newer one's
    visits.look("page", {"answer": "slices"})
    assert again.gone()
    with pytest.raises(Stop):
        again.check()


def test_a_listener_may_begin_late_and_pause_and_is_gone_when_it_hangs_up(clock):
    visits = Visits()
    caller = Listener(client="", visits=visits, session="s", since=clock[0])
    clock[0] += owners.BEGIN - 0.1
    assert not caller.gone()
    with visits.listening("s"):
        clock[0] += 1000
        assert not caller.gone()
        assert (visits.listeners("s"), visits.listeners()) == (1, 1)
    clock[0] += owners.SPELL - 0.1
    assert not caller.gone()
    clock[0] += 0.2
    assert caller.gone()
    assert visits.listeners() == 0
    never = Listener(client="", visits=visits, session="t", since=clock[0])
    clock[0] += owners.BEGIN + 0.1
    assert never.gone()


def test_work_within_work_ends_with_it_and_no_error_of_it_is_caught():
    wanted, within = [True], []

    def outer():
        if not wanted[0]:
            raise Stop

    with stoppable(outer):
        with stoppable(lambda: None):
            within.append(Within("here", check()))
            report("going on", 1, 2)
        assert not within[0].gone()
        wanted[0] = False
        assert within[0].gone()
        with pytest.raises(Stop):
            report("going on", 1, 2)
        assert not issubclass(Stop, Exception)  # what goes on after errors does not go on after it
    report("outside", 1, 2)
