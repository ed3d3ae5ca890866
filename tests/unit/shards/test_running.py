"""Shards done by this process and by local ones: whole, gone on with, and around images that cannot be computed."""

from __future__ import annotations

import errno
import json
import os

import pytest
from shard_tasks import BATCH, IN_A_SHARD, Particular, Squares, Threads, computed, expected, files_of, squares

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.progress import reporting
from workbench.shards import store as store_module
from workbench.shards.crew import Here
from workbench.shards.local import Local
from workbench.shards.plan import Shard
from workbench.shards.running import Work
from workbench.shards.store import Store
from workbench.shards.worker import FullDisk, NotOpen, Order, Worker


def test_in_this_process_every_image_is_computed_once_in_the_batches_of_one_process(tmp_path):
    seen = []
    with reporting(lambda what, done, total: seen.append((what, done, total))), Here() as crew:
        found, without, store = squares(Squares(count=42, log=tmp_path), crew, tmp_path / "shards")
    assert (found, without) == (expected(42), {})
    assert computed(tmp_path) == [list(range(at, min(at + BATCH, 42))) for at in range(0, 42, BATCH)]
    assert files_of(store) == [f"{number:06d}.npz" for number in range(6)]
    manifest = json.loads((store.folder / "manifest.json").read_text())
    assert (manifest["version"], manifest["images"], manifest["shards"], manifest["checksum"]) == (1, 42, 6, store.of)
    shares = [done for what, done, total in seen if what == "Squares" and total == 42]
    assert shares[0] == 0 and shares[-1] == 42 and shares == sorted(shares)


def test_what_is_there_is_not_computed_again_and_what_is_missing_or_damaged_or_of_other_work_is(tmp_path):
    folder, log = tmp_path / "shards", tmp_path / "log"
    log.mkdir()
    with Here() as crew:
        _, _, store = squares(Squares(), crew, folder)
        squares(Squares(log=log), crew, folder)
        assert computed(log) == []
        paths = [store.folder / "000" / f"{number:06d}.npz" for number in range(5)]
        paths[1].unlink()
        content = bytearray(paths[3].read_bytes())
        content[len(content) // 2] ^= 1
        paths[3].write_bytes(content)
        paths[4].write_bytes(paths[4].read_bytes()[:-20])
        found, _, _ = squares(Squares(log=log), crew, folder)
        assert found == expected(40)
        redone = sorted(row for rows in computed(log) for row in rows)
        assert redone == [*range(IN_A_SHARD, 2 * IN_A_SHARD), *range(3 * IN_A_SHARD, 40)]
        squares(Squares(log=log, version=2), crew, folder)
        assert len(computed(log)) == 6 + 10


def test_an_image_that_cannot_be_computed_is_named_and_the_others_of_its_batch_are_computed_together(tmp_path):
    with Here() as crew:
        task = Squares(log=tmp_path, unreadable=frozenset({5, 6, *range(16, 24)}))
        found, without, _ = squares(task, crew, tmp_path / "shards")
    assert found == expected(40, without)
    assert without == {row: f"image {row} is no picture" for row in (5, 6, *range(16, 24))}
    assert [4, 4, 4, 7] in computed(tmp_path)  # a batch of the size that it would have had


def test_where_no_image_can_be_computed_it_is_not_the_images_that_are_wrong(tmp_path):
    with Here() as crew, pytest.raises(WorkbenchError, match="image 0 is no picture"):
        squares(Squares(unreadable=frozenset(range(40))), crew, tmp_path / "shards")


def test_a_folder_that_takes_no_shard_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with Here() as crew, pytest.raises(Unavailable, match="takes no shards: Not a directory"):
        squares(Squares(), crew, tmp_path / "file" / "shards")


def test_a_worker_that_sees_another_folder_is_not_believed(tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "LATE", 0.0)
    with Here() as crew:
        work = Work(Squares(), crew, "Squares")
        store = Store.begin(tmp_path / "shards", work.about.made, 40, 5)
        (store.folder / "manifest.json").unlink()
        with pytest.raises(Unavailable, match="put it on a disk that all workers share"):
            list(work.results(store, work.plan()))


@pytest.mark.parametrize("count", [1, 2])
def test_local_processes_give_what_this_one_gives(tmp_path, count):
    with Local(count) as crew:
        found, without, _ = squares(Squares(count=42, log=tmp_path, company=count), crew, tmp_path / "shards")
    assert (found, without) == (expected(42), {})
    assert sorted(computed(tmp_path)) == [list(range(at, min(at + BATCH, 42))) for at in range(0, 42, BATCH)]
    assert len(list(tmp_path.glob("*.log"))) == count


class OneAtATime(Local):
    """Sees that nobody is given a shard who is at one."""

    def give(self, worker, *rest):
        assert self.at.setdefault(worker, False) is False, "it is at another shard"
        self.at[worker] = True
        super().give(worker, *rest)

    def wait(self, seconds):
        events = super().wait(seconds)
        self.at |= {each.worker: False for each in events if each.news == "done"}
        return events


def test_what_a_late_worker_says_of_one_piece_of_work_is_not_taken_for_the_next(tmp_path):
    with OneAtATime(2) as crew:
        crew.at = {}
        Work(Squares(first=tmp_path / "first", late=0.5), crew, "Early")  # is open when one of them has opened it
        (tmp_path / "log").mkdir()
        task = Squares(count=96, log=tmp_path / "log", company=2, seconds=0.02)
        found, _, _ = squares(task, crew, tmp_path / "shards")
        assert found == expected(96)
        assert sorted(computed(tmp_path / "log")) == [list(range(at, at + BATCH)) for at in range(0, 96, BATCH)]
        assert len(list(crew.workers)) == len(list((tmp_path / "log").glob("*.log"))) == 2


def test_what_the_first_worker_chose_by_itself_the_others_do_alike(tmp_path):
    with Local(2) as crew:
        found, _, store = squares(Squares(log=tmp_path, chooses=True, company=2), crew, tmp_path / "shards")
        assert len(list(crew.workers)) == 2
    assert found == expected(40)
    assert json.loads((store.folder / "manifest.json").read_text())["engine"].startswith("engine of ")


def test_a_worker_that_has_other_data_before_it_is_done_without(tmp_path):
    with Local(2) as crew:
        for number in range(200):  # a busy machine may be done before the second one has opened
            task = Squares(log=tmp_path, version=-1, seconds=0.05)
            assert squares(task, crew, tmp_path / f"shards-{number}")[0] == expected(40)
            if len(list(crew.workers)) == 1:
                break
        assert len(list(crew.workers)) == 1


def test_an_error_of_a_task_arrives_in_its_own_words(tmp_path):
    with Local(1) as crew, pytest.raises(WorkbenchError, match="image 0 is no picture"):
        squares(Squares(unreadable=frozenset(range(40))), crew, tmp_path / "shards")


def test_an_error_whose_class_wants_more_than_a_sentence_arrives_too(tmp_path):
    with Local(1) as crew, pytest.raises(WorkbenchError, match=r"^cat\.png is cut off\.$"):
        squares(Particular(), crew, tmp_path / "shards")


def test_a_note_that_the_disk_does_not_take_is_said_as_a_shard_is(tmp_path, monkeypatch):
    worker = Worker()
    about = worker.open(Squares())
    store = Store.begin(tmp_path / "shards", about.made, 40, 5)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Store, "mark", full)
    with pytest.raises(FullDisk, match=r"000000\.npz on process .* cannot be written: No space left on device"):
        worker.do(Order(store=store, shard=Shard(0, 0, 8), batch=BATCH, marked=True))


def test_what_a_shared_disk_shows_late_is_waited_for(tmp_path, monkeypatch):
    with Here() as crew:
        work = Work(Squares(), crew, "Squares")
        store, plan = Store.begin(tmp_path / "shards", work.about.made, 40, 5), work.plan()
        manifest, late = store.folder / "manifest.json", store.folder / "late"
        manifest.rename(late)
        slept = []

        def sleep(seconds):
            slept.extend([seconds] if seconds else [])  # the task sleeps for no time at all
            if len(slept) == 3 and late.exists():
                late.rename(manifest)

        monkeypatch.setattr(store_module.time, "sleep", sleep)
        assert len(list(work.results(store, plan))) == 5
    assert len(slept) == 3


def test_of_a_shard_that_was_done_anew_a_shared_disk_may_show_the_old_file_for_a_while(tmp_path, monkeypatch):
    with Here() as crew:
        work = Work(Squares(), crew, "Squares")
        store, plan = Store.begin(tmp_path / "shards", work.about.made, 40, 5), work.plan()
        list(work.results(store, plan))
        late = [store.path(plan[1]), store.path(plan[3])]
        content, slept, asked = [path.read_bytes() for path in late], [], []
        do = work.do

        def show_late(store, shards, left_out):
            asked.append([each.number for each in shards])
            do(store, shards)
            for path in late:
                path.write_bytes(b"what it was")

        def sleep(seconds):
            slept.extend([seconds] if seconds else [])
            if slept:
                late[len(slept) // 2 - 1].write_bytes(content[len(slept) // 2 - 1])

        show_late(store, [], None)
        work.do = show_late
        monkeypatch.setattr(store_module.time, "sleep", sleep)
        rows = [row for part in work.results(store, plan) for row in part.kept.tolist()]
    assert (rows, asked) == (list(range(40)), [[], [], [1, 3]])
    assert slept


def test_who_has_no_task_open_computes_nothing_and_names_no_image(tmp_path):
    store = Store.begin(tmp_path / "shards", {}, 40, 5)
    with pytest.raises(NotOpen):
        Worker().do(Order(store=store, shard=Shard(0, 0, 8), batch=BATCH))


def test_what_other_work_has_left_in_the_folder_is_removed(tmp_path):
    with Here() as crew:
        squares(Squares(count=80), crew, tmp_path / "shards")
        _, _, store = squares(Squares(count=16), crew, tmp_path / "shards")
    assert files_of(store) == ["000000.npz", "000001.npz"]


def test_several_shards_that_are_damaged_are_done_at_once(tmp_path):
    with Here() as crew:
        work = Work(Squares(), crew, "Squares")
        store, plan = Store.begin(tmp_path / "shards", work.about.made, 40, 5), work.plan()
        list(work.results(store, plan))
        for shard in (plan[1], plan[3]):
            store.path(shard).write_bytes(b"cut off")
        asked, do = [], work.do
        work.do = lambda store, shards, left_out: (asked.append([each.number for each in shards]), do(store, shards))
        rows = [row for part in work.results(store, plan) for row in part.kept.tolist()]
    assert (rows, asked) == (list(range(40)), [[], [1, 3]])


def test_the_libraries_of_a_process_have_its_share_of_the_cores_from_the_beginning(tmp_path, monkeypatch):
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, "2")
    with Local(1, threads=1) as crew, pytest.raises(WorkbenchError, match=r"^threads: 1$"):
        squares(Threads(), crew, tmp_path / "shards")
    assert (os.environ["OMP_NUM_THREADS"], os.environ["OPENBLAS_NUM_THREADS"]) == ("2", "2")
