"""Trainings by workers: the runs that one process would make, one that fails is named, one that was killed goes on."""

from __future__ import annotations

import numpy as np
import pytest
from training_tasks import KilledOnce

from workbench.core.checksum import record_checksum
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.locks import Taken, holding
from workbench.core.progress import reporting
from workbench.shards import pieces, store, trainings
from workbench.shards.crew import Here
from workbench.shards.local import Local
from workbench.shards.pieces import Pieces
from workbench.shards.running import Work
from workbench.shards.store import Store
from workbench.shards.task import Task
from workbench.shards.trainings import TrainingsTask, trainings_by
from workbench.training.recipes import TrainingJob
from workbench.training.runs import list_runs, open_run
from workbench.training.several_trainings import train_each

SETTINGS = {"batch_size": 16, "learning_rate": 3e-3}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def jobs(tiny_npz):
    """Two recipes of one epoch, the second of which mirrors images."""
    return {
        name: TrainingJob.plan("report", {"epochs": 1, **SETTINGS, **more}, dataset=str(tiny_npz))
        for name, more in (("plain", {}), ("mirrored", {"flip": True}))
    }


def train(jobs, folder, crew=None, seeds=(0,), **told):
    divide = None if crew is None else trainings_by(crew)
    return train_each(jobs, seeds, called=lambda name, seed: f"{name}-{seed}", folder=folder, divide=divide, **told)


def difference(one, other):
    """The largest difference of any weight of two runs, and of any score of their test images."""
    weights = [each.load_model().get_weights() for each in (one, other)]
    known = one.manifest.dataset_fingerprints["test"]
    assert other.manifest.dataset_fingerprints["test"] == known
    logits = [each.predictions("test", known).logits for each in (one, other)]
    assert {each.dtype for each in (*weights[0], *logits)} == {np.dtype(np.float32)}
    return (
        max(float(np.abs(a - b).max()) for a, b in zip(*weights, strict=True)),
        float(np.abs(logits[0] - logits[1]).max()),
    )


def test_a_worker_makes_the_runs_of_one_process_to_the_bit(jobs, tmp_path, cache):
    with Here() as crew:
        divided = train(jobs, tmp_path / "divided", crew)
    alone = train(jobs, tmp_path / "alone")
    assert [(each.recipe, each.seed) for each in divided] == [(each.recipe, each.seed) for each in alone]
    for name in ("plain-0", "mirrored-0"):
        assert difference(open_run(name, tmp_path / "divided"), open_run(name, tmp_path / "alone")) == (0, 0)
    assert not list(cache.glob("shards/*")), "nothing is left of what told of them"
    assert [each.name for each in (tmp_path / "divided").glob(".*")] == []


@pytest.mark.slow
def test_two_processes_train_what_one_of_as_many_threads_does(jobs, tmp_path):
    seen, told = [], []
    with reporting(lambda what, done, total: seen.append((what, done, total))):
        for count in (1, 2):
            with Local(count, threads=1) as crew:
                on_run = lambda *each: told.append(each)  # noqa: E731
                train(jobs, tmp_path / str(count), crew, on_run=on_run, progress=lambda *each: seen.append(each))
    for name in ("plain-0", "mirrored-0"):
        assert difference(*(open_run(name, tmp_path / count) for count in "12")) == (0, 0)
    assert told[:2] == [("plain-0", True), ("mirrored-0", True)]
    assert any(what.startswith("plain-0: epoch 1/1") for what, _, _ in seen), "workers say how far they are"
    assert {done for what, done, total in seen if what == "all trainings" and total == 2} == {0, 1, 2}


@pytest.fixture
def failing(jobs):
    """With a recipe that does not go with the network."""
    wrong = TrainingJob.plan("report", {"epochs": 1, **SETTINGS, "frozen_epochs": 1}, dataset=jobs["plain"].dataset)
    return {"wrong": wrong, "plain": jobs["plain"]}


@pytest.mark.parametrize("kind", [Here, lambda: None])
def test_a_training_that_fails_is_named_and_the_others_are_there(failing, tmp_path, kind):
    why, crew = {}, kind()
    trained = train(failing, tmp_path / "runs", crew, on_failure=lambda *each: why.update([each]))
    assert [(each.recipe, each.seed) for each in trained] == [("plain", 0)]
    assert list(why) == ["wrong-0"]
    assert why["wrong-0"].startswith("`frozen_epochs` freezes the layer called ")
    assert [each.name for each in list_runs(tmp_path / "runs")] == ["plain-0"]
    # Asked again, what is missing is tried once more, and nothing else.
    begun = []
    train(failing, tmp_path / "runs", crew, on_failure=lambda *each: None, on_run=lambda *each: begun.append(each))
    assert begun == [("wrong-0", True), ("plain-0", False)]


def test_where_nobody_is_told_of_failures_the_first_one_is_the_error(failing, tmp_path):
    with Here() as crew, pytest.raises(WorkbenchError, match=r"^Run 'wrong-0' could not be trained: `frozen_epochs` "):
        train(failing, tmp_path / "runs", crew)
    assert [each.name for each in list_runs(tmp_path / "runs")] == ["plain-0"]


@pytest.mark.slow
def test_a_training_whose_process_is_killed_goes_on_in_another_one(tiny_npz, tmp_path, monkeypatch):
    job = TrainingJob.plan("report", {"epochs": 3, **SETTINGS}, dataset=str(tiny_npz))
    with Local(1, threads=1) as crew:
        train({"long": job}, tmp_path / "whole", crew)
        monkeypatch.setattr(trainings, "TrainingsTask", KilledOnce)
        train({"long": job}, tmp_path / "runs", crew)
    assert (tmp_path / "runs.killed").is_file()
    one, other = (open_run("long-0", tmp_path / name) for name in ("runs", "whole"))
    assert difference(one, other) == (0, 0)
    assert list(one.history["epoch"]) == [1, 2, 3]


def test_a_run_that_a_worker_saved_where_this_process_does_not_see_it_is_not_trained_once_more(
    jobs, tmp_path, monkeypatch
):
    monkeypatch.setattr(store, "LATE", 0.0)
    monkeypatch.setattr(TrainingsTask, "_train", lambda self, name: None)  # elsewhere, as seen from here
    with Here() as crew, pytest.raises(Unavailable, match=r"-0 was trained by a worker, and is not here: put it on a"):
        train(jobs, tmp_path / "runs", crew)
    assert list_runs(tmp_path / "runs") == []


def test_data_that_is_another_than_asked_for_is_noticed_before_anything_is_trained(jobs, tmp_path):
    with Here() as crew, pytest.raises(WorkbenchError, match="A worker has another data than this process"):
        train(jobs, tmp_path / "runs", crew, fingerprints={"train": "of old", "test": "of old"})
    assert list_runs(tmp_path / "runs") == []


def test_a_second_process_with_the_same_trainings_is_refused_in_a_sentence(jobs, tmp_path, monkeypatch):
    held = []
    monkeypatch.setattr(pieces, "holding", lambda path, what: held.append(path) or holding(path, what))
    with Here() as crew:
        train(jobs, tmp_path / "runs", crew)
        said = r"The record of all trainings is being written by process \d+, since .*\. Wait until that is done, or"
        for each in jobs:
            (tmp_path / "runs" / f"{each}-0" / "run.json").unlink()
        with holding(held[0], "It"), pytest.raises(Taken, match=said):
            train(jobs, tmp_path / "runs", crew)


class Odd(Task):
    """Three pieces: one is done, one is wrong, and one cannot be done here."""

    def open(self):
        return Pieces(("fine", "wrong", "elsewhere"), {"task": "odd"}, self.do)

    def do(self, name):
        if name == "wrong":
            raise WorkbenchError("it is wrong")
        if name == "elsewhere":
            raise Unavailable("it is elsewhere")


def test_what_is_wrong_with_a_piece_is_not_tried_again_and_what_may_be_the_worker_is(monkeypatch, cache):
    tried = []
    do = Odd.do
    monkeypatch.setattr(Odd, "do", lambda self, name: tried.append(name) or do(self, name))
    why = {"wrong": "it is wrong", "elsewhere": "it is elsewhere"}
    with Here() as crew:
        assert pieces.divided(Odd(), crew, "odd", {"task": "odd"}) == why
        assert sorted(tried) == ["elsewhere", "elsewhere", "fine", "wrong"]
        # What a run left that was killed says nothing of what is there now.
        work = Work(Odd(), crew, "odd")
        store = Store.begin(cache / "shards" / record_checksum({"task": "odd"}), work.about.made, 3, 3)
        assert len(list(work.results(store, work.plan()))) == 3
        tried.clear()
        assert pieces.divided(Odd(), crew, "odd", {"task": "odd"}) == why
        assert "fine" in tried
