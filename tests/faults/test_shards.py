"""Workers that die, disks that are full, work that is killed: every shard is there once in the end."""

from __future__ import annotations

import contextlib
import math
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from shard_tasks import Squares, Unopenable, computed, expected, files_of, squares

from tests.patience import PATIENCE
from workbench.core.errors import Unavailable
from workbench.core.progress import reporting
from workbench.shards import running
from workbench.shards.crew import Event, Here
from workbench.shards.local import Local
from workbench.shards.store import Store

ROOT = Path(__file__).parents[2]
SHARDS = [f"{number:06d}.npz" for number in range(5)]


@pytest.fixture
def log(tmp_path):
    (tmp_path / "log").mkdir()
    return tmp_path / "log"


def kill_one(log):
    """Have a listener of progress that kills, once, the worker that computed something first."""
    killed = []

    def listen(what, done, total):
        if not killed and done and (files := sorted(log.glob("*.log"))):
            killed.append(int(files[0].stem))
            os.kill(killed[0], signal.SIGKILL)

    return killed, listen


def test_what_a_killed_process_was_at_is_done_by_another(tmp_path, log):
    killed, listen = kill_one(log)
    with reporting(listen), Local(2) as crew:
        found, without, store = squares(Squares(log=log, seconds=0.05, company=2), crew, tmp_path / "shards")
    assert killed and (found, without) == (expected(40), {})
    assert files_of(store) == SHARDS
    assert len(list(log.glob("*.log"))) >= 2


def test_an_image_that_kills_its_process_three_times_is_named_and_left_out(tmp_path, log):
    with Local(2) as crew:
        found, without, store = squares(Squares(log=log, deadly=frozenset({13})), crew, tmp_path / "shards")
    assert found == expected(40, {13})
    assert without == {13: "it ended its worker 3 times"}
    assert files_of(store) == SHARDS
    assert sum(13 in rows for rows in computed(log)) == 5  # in its shard, in its batch, and three times alone


class Doomed(Here):
    """A worker that is gone whenever it is at image 13, so many times; its machines too, if they are lost."""

    def __init__(self, times, lost):
        super().__init__()
        self.times, self.lost, self.dead = times, lost, 0

    def give(self, worker, order, call):
        if order.shard.start <= 13 < order.shard.stop and 13 not in order.left_out and self.dead < self.times:
            if order.marked:
                order.store.mark(order.shard, 12, 13 if 12 in order.alone else None)
            self._events.append(Event(0, call, "dead", "it was gone", f"machine {self.dead}"))
            self.dead += 1
        else:
            super().give(worker, order, call)

    def lives(self, node):
        return node != "" and not self.lost


def test_an_image_is_not_blamed_for_machines_that_are_taken_away(tmp_path):
    with Doomed(11, lost=True) as crew:
        found, without, _ = squares(Squares(), crew, tmp_path / "shards")
    assert (crew.dead, found, without) == (11, expected(40), {})
    with Doomed(11, lost=False) as crew:
        _, without, _ = squares(Squares(), crew, tmp_path / "others")
    assert (crew.dead, without) == (5, {13: "it ended its worker 3 times"})


def test_a_process_that_stands_still_is_ended_and_another_one_does_its_shard(tmp_path, monkeypatch, caplog):
    ahead, stands = [], tmp_path / "stands"
    monkeypatch.setattr(running, "CLOCK", lambda: time.monotonic() + sum(ahead))
    monkeypatch.setattr(running, "AWAY", math.inf)

    def listen(what, done, total):
        if stands.is_file() and len(ahead) < 2:  # what it said last may still be on its way at the first time
            ahead.append(2 * running.SILENCE)

    with reporting(listen), Local(1) as crew:
        found, without, _ = squares(Squares(stands=stands), crew, tmp_path / "shards")
    assert (found, without) == (expected(40), {})
    assert "Squares: worker 0 stands still, and is ended." in caplog.text


class Slow(Here):
    """Takes nearly so long as is waited for, again and again, and says that it gets on."""

    def __init__(self):
        super().__init__()
        self.hours, self.signs = 0.0, 0

    def wait(self, seconds):
        self.hours += 0.6
        if self._order is not None and self.signs < 5:
            self.signs += 1
            return [Event(0, self._order[0], "at it", ("epoch 1", self.signs, 5))]
        return super().wait(seconds)

    def kill(self, worker):
        raise AssertionError("it was at it")


def test_who_gets_on_is_not_ended_however_long_it_takes(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(running, "AWAY", math.inf)
    with Slow() as crew:
        monkeypatch.setattr(running, "CLOCK", lambda: crew.hours * running.SILENCE)
        work = running.Work(Squares(count=8), crew, "Squares", tell=lambda *each: told.append(each))
        work.do(Store.begin(tmp_path / "shards", work.about.made, 8, 1), work.plan())
    assert told == [("epoch 1", sign, 5) for sign in range(1, 6)]


class Unheard(Slow):
    """Says nothing for so many hours, in which the process that gives the work was stopped."""

    def wait(self, seconds):
        if self._order is not None and self.hours < 9:
            self.hours += 3
            return []
        return super().wait(seconds)


def test_who_gave_the_work_and_was_stopped_for_hours_does_not_end_its_workers(tmp_path, monkeypatch):
    with Unheard() as crew:
        monkeypatch.setattr(running, "CLOCK", lambda: crew.hours * running.SILENCE)
        found, without, _ = squares(Squares(), crew, tmp_path / "shards")
    assert (found, without) == (expected(40), {})
    assert crew.hours > 9


def test_of_two_deadly_images_of_a_batch_and_one_of_another_each_is_found_and_no_other(tmp_path, log):
    deadly = frozenset({12, 15, 9})
    with Local(2) as crew:
        found, without, _ = squares(Squares(log=log, deadly=deadly), crew, tmp_path / "shards")
    assert found == expected(40, deadly)
    assert without == dict.fromkeys(deadly, "it ended its worker 3 times")


def test_images_that_kill_only_together_are_computed_one_by_one(tmp_path):
    with Local(1) as crew:
        found, without, _ = squares(Squares(together=13), crew, tmp_path / "shards")
    assert (found, without) == (expected(40), {})


def test_a_process_that_dies_while_it_opens_the_task_is_replaced(tmp_path):
    with Local(1) as crew:
        found, _, _ = squares(Squares(unopened=tmp_path / "once"), crew, tmp_path / "shards")
    assert found == expected(40)


def test_processes_that_never_open_the_task_are_not_tried_for_ever(tmp_path):
    with Local(1) as crew, pytest.raises(Unavailable, match=r"It died 3 times before .* was ended by SIGKILL"):
        squares(Unopenable(), crew, tmp_path)


def test_a_worker_whose_disk_is_full_is_done_without(tmp_path, log, caplog):
    with Local(2) as crew:
        task = Squares(log=log, small=tmp_path / "small", company=2, seconds=0.05)
        found, without, store = squares(task, crew, tmp_path / "shards")
        assert len(list(crew.workers)) == 1
    assert (found, without) == (expected(40), {})
    assert files_of(store) == SHARDS  # and nothing half written
    assert re.search(r"Squares: worker [01] is done without\. .*\.npz on process .* cannot be written", caplog.text)


@pytest.mark.parametrize("sound", [0, 2])
def test_a_worker_that_computes_nothing_of_what_another_one_computes_is_done_without(tmp_path, caplog, sound):
    with Local(2) as crew:
        for number in range(200):  # on a busy machine the other one may do all that is left before it is spoilt
            (log := tmp_path / f"log-{number}").mkdir()
            task = Squares(log=log, spoilt=tmp_path / f"spoilt-{number}", sound=sound, company=2, seconds=0.05)
            found, without, store = squares(task, crew, tmp_path / f"shards-{number}")
            assert (found, without) == (expected(40), {})
            assert files_of(store) == SHARDS
            if len(list(crew.workers)) == 1:
                break
        assert len(list(crew.workers)) == 1
    assert re.search(r"worker [01] is done without\. It could compute no image of a shard, of which", caplog.text)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_shard_of_unreadable_images_is_left_out_once_it_was_tried_twice_also_when_it_is_the_last(
    tmp_path, log, workers
):
    task = Squares(count=41, log=log, unreadable=frozenset({40}))
    with Local(workers) as crew:
        _, without, store = squares(task, crew, tmp_path / "shards")
        assert without == {40: "image 40 is no picture"}
        (store.folder / "000" / "000005.npz").unlink()
        before = len(computed(log))
        found, without, _ = squares(task, crew, tmp_path / "shards")
        assert len(list(crew.workers)) == workers
    assert (found, without) == (expected(40), {40: "image 40 is no picture"})
    assert len(computed(log)) - before == 2


def test_a_machine_without_the_images_is_done_without_and_where_no_other_is_left_that_is_said(tmp_path, caplog):
    with Local(2) as crew:
        for number in range(200):  # a busy machine may be done before the first one has said so
            task = Squares(unmounted=tmp_path / f"one-{number}", seconds=0.05)
            found, without, _ = squares(task, crew, tmp_path / f"shards-{number}")
            assert (found, without) == (expected(40), {})
            if len(list(crew.workers)) == 1:
                break
        assert len(list(crew.workers)) == 1
    assert re.search(r"worker [01] is done without\. There is no folder /images", caplog.text)
    with Local(1) as crew, pytest.raises(Unavailable, match="There is no folder /images"):
        squares(Squares(unmounted=tmp_path / "two"), crew, tmp_path / "shards-0")


class Mortal(Here):
    """Two workers, the second of which dies whenever it opens something."""

    def __init__(self):
        super().__init__()
        self.there, self.opened = {0, 1}, []

    @property
    def workers(self):
        return sorted(self.there)

    def open(self, worker, task, call):
        self.opened.append(worker)
        if worker:
            self._events.append(Event(1, call, "dead", "its machine was taken away"))
        else:
            super().open(worker, task, call)

    def dismiss(self, worker):
        self.there.discard(worker)


def test_a_worker_that_dies_three_times_with_nothing_done_is_done_without_and_the_others_go_on(tmp_path, caplog):
    with Mortal() as crew:
        found, without, _ = squares(Squares(), crew, tmp_path / "shards")
    assert (found, without) == (expected(40), {})
    assert (crew.workers, crew.opened) == ([0], [0, 1, 1, 1])
    assert "worker 1 is done without. It died 3 times before it got anything done. The last time: its" in caplog.text


def test_where_no_worker_has_room_that_is_said_and_the_next_run_goes_on(tmp_path, log):
    with Local(1) as crew, pytest.raises(Unavailable, match=r"000000\.npz on process .* File too large"):
        squares(Squares(small=tmp_path / "small"), crew, tmp_path / "shards")
    with Local(1) as crew:
        assert squares(Squares(small=tmp_path / "small"), crew, tmp_path / "shards")[0] == expected(40)


DRIVER = """
import sys
from pathlib import Path
from shard_tasks import Squares, squares

from workbench.shards.local import Local

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    with Local(2) as crew:
        squares(Squares(log=folder / "log", gate=folder / "gate"), crew, folder / "shards")
"""


def test_who_gives_the_work_is_killed_and_the_next_one_does_the_rest(tmp_path, log):
    program = tmp_path / "driver.py"
    program.write_text(DRIVER)
    driver = subprocess.Popen(
        [sys.executable, program, tmp_path], env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT}/tests/workers"}
    )
    until = time.monotonic() + PATIENCE
    while len(list((tmp_path / "shards").rglob("0*.npz"))) < 2 and driver.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    workers = _children(driver.pid)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    (tmp_path / "gate").touch()  # who is at another one ends that
    assert len(workers) >= 2
    while any(_alive(each) for each in workers) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(_alive(each) for each in workers), "workers outlive whom they worked for"
    there = sorted((tmp_path / "shards").rglob("*.npz"))
    assert 2 <= len(there) < 5
    before = len(computed(log))
    with Local(2) as crew:
        found, without, store = squares(Squares(log=log), crew, tmp_path / "shards")
    assert (found, without) == (expected(40), {})
    assert len(computed(log)) - before == 2 * (5 - len([each for each in there if not each.name.startswith(".")]))
    assert files_of(store) == SHARDS


def _children(process):
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int((each / "stat").read_text().rpartition(")")[2].split()[1]) == process:
                found.append(int(each.name))
    return found


def _alive(process):
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
