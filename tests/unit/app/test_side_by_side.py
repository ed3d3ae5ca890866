"""Benchmarks in processes of their own: each is given as it ends, and none goes on after one failed."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path

import pytest

from workbench.app import side_by_side
from workbench.app.side_by_side import measured
from workbench.core.errors import WorkbenchError
from workbench.core.progress import reporting
from workbench.diagnosis.benchmark import Asked


@pytest.fixture
def go(tmp_path, monkeypatch):
    """A file: as soon as it is there, what is slow ends."""
    monkeypatch.setenv("MADE_BENCHMARKS_GO", str(tmp_path / "go"))
    return tmp_path / "go"


@pytest.fixture
def made(monkeypatch, go):
    """A module that other processes find, too."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2])
    return import_module("made_benchmarks")


def test_each_is_measured_in_a_process_of_its_own_and_given_as_it_ends(made, go):
    said, found = [], []
    with reporting(lambda what, done, total: said.append((what, done, total))):
        for each in measured({"fast": made.Fast, "slow": made.Slow}, Asked(seed=7), 2):
            found.append(each)
            go.touch()
    assert [name for name, _ in found] == ["fast", "slow"] and said == [("slow: Waiting", 1, 2)]
    assert len({each.notes[0] for _, each in found} | {str(os.getpid())}) == 3
    assert {each.notes[1] for _, each in found} == {"7"}


def test_one_after_the_other_the_longest_is_first_and_in_this_process(made, go):
    go.touch()
    found = list(measured({"fast": made.Fast, "slow": made.Slow}, Asked(), 1))
    assert [name for name, _ in found] == ["slow", "fast"]
    assert {each.notes[0] for _, each in found} == {str(os.getpid())}


def test_one_of_parts_is_measured_in_several_processes_and_put_together_in_their_order(made):
    said = []
    with reporting(lambda what, done, total: said.append((what, done, total))):
        ((name, found),) = measured({"divided": made.Divided}, Asked(seed=7), 2)
    rows = [tuple(map(int, note.split())) for note in found.notes]
    assert name == "divided" and [number for number, _, _ in rows] == list(range(5))
    assert {seed for _, _, seed in rows} == {7}
    first, second = rows[0][1], rows[1][1]
    assert [process for _, process, _ in rows] == [first, second, first, second, first]
    assert len({first, second, os.getpid()}) == 3
    assert sorted(said) == [("divided: Parts", number, 5) for number in range(1, 6)]
    ((_, alone),) = measured({"divided": made.Divided}, Asked(seed=7), 1)
    assert [note.split()[::2] for note in alone.notes] == [note.split()[::2] for note in found.notes]
    assert {note.split()[1] for note in alone.notes} == {str(os.getpid())}


def test_processes_share_the_cores_and_what_has_no_parts_is_summed_up(made, monkeypatch):
    monkeypatch.setattr(side_by_side, "cores", lambda: 2)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    found = dict(measured({"threads": made.Threads, "nothing": made.Nothing}, Asked(), 2))
    assert [note.split()[1] for note in found["threads"].notes] == ["1"] * 5 and found["nothing"].notes == ()
    assert os.environ["OPENBLAS_NUM_THREADS"] == "2" and "OMP_NUM_THREADS" not in os.environ


@pytest.mark.parametrize(("kind", "why"), [("Failing", "There is no data"), ("Killed", "failing died, exit status -9")])
def test_one_that_fails_or_dies_is_a_sentence_and_ends_the_others(made, kind, why):
    with pytest.raises(WorkbenchError, match=why):
        list(measured({"failing": getattr(made, kind), "slow": made.Slow}, Asked(), 2))
