"""The cache is lost without harm: full, read-only, damaged, or computed by two pages at once, the answer is given."""

from __future__ import annotations

import os
import subprocess
import threading
import time
import zipfile

import pytest

from tests.patience import PATIENCE
from workbench.core import cache
from workbench.core.cache import load_result, save_result
from workbench.core.locks import lock_of, sharing
from workbench.core.progress import reporting
from workbench.core.result import Result
from workbench.diagnosis import registry
from workbench.diagnosis.opening import open_session

NAME = "most-confused"


@pytest.fixture
def opened(tiny_run, tmp_path, monkeypatch):
    """Opens a session on a cache of its own, as a process that has just begun: nothing is in memory."""
    monkeypatch.setenv("WORKBENCH_RUNS", str(tiny_run.folder))
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    cache._told.clear()

    def begin():
        registry._answers.clear()
        return open_session(model=tiny_run.model, data=tiny_run.data)

    return begin


def path_of(session):
    return registry._Question(session, registry.analysis(NAME), {}).path


def said(caplog):
    return [record.message for record in caplog.records if record.name.startswith("workbench")]


@pytest.mark.parametrize("trouble", ["full", "read-only", "in the way"])
def test_a_cache_that_takes_no_file_costs_one_warning(opened, tmp_path, caplog, trouble):
    folder = tmp_path / "cache"
    if trouble == "in the way":
        folder.touch()
    else:
        folder.mkdir()
        mounted = ["mount", "-t", "tmpfs", "-o", f"size={'4k' if trouble == 'full' else '1m'}", "tmpfs", str(folder)]
        if os.name != "posix" or subprocess.run(mounted, check=False, capture_output=True).returncode:
            pytest.skip("no disk can be mounted here")
    try:
        if trouble == "full":
            (folder / "filler").write_bytes(bytes(4096))
        elif trouble == "read-only":
            subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        session = opened()
        answer = registry.compute(session, NAME)
        assert len(session.embeddings) == 80
        assert registry.compute(opened(), NAME).findings == answer.findings
    finally:
        if trouble != "in the way":
            subprocess.run(["umount", "-l", str(folder)], check=True)
    assert len(said(caplog)) == 1
    assert said(caplog)[0].startswith("Not cached, so computed anew next time: ")


def test_whatever_is_damaged_is_told_and_computed_anew(opened, tmp_path, caplog):
    answer = registry.compute(opened(), NAME)
    files = [path for path in (tmp_path / "cache" / "results").rglob("*.npz") if path.is_file()]
    assert len(files) >= 3  # the scale, the predictions, the answer
    for path in files:
        with zipfile.ZipFile(path) as archive:  # what lies between two members, as times do, says nothing
            largest = max(archive.infolist(), key=lambda member: member.compress_size)
        content = bytearray(path.read_bytes())
        content[largest.header_offset + 30 + len(largest.filename) + largest.compress_size // 2] ^= 4
        path.write_bytes(content)
    again = registry.compute(opened(), NAME)
    assert again.findings == answer.findings
    assert again.tables.keys() == answer.tables.keys()
    for path in files:
        assert sum(f"set aside, and what it held computed anew: {path}" in line for line in said(caplog)) == 1
        assert path.with_name(f"{path.name}.damaged").is_file()
    caplog.clear()
    assert registry.compute(opened(), NAME).findings == answer.findings  # of what was written anew
    assert said(caplog) == []


def test_of_two_pages_on_one_cache_the_second_waits_for_the_first_s_answer(opened):
    session = opened()
    first = registry.compute(session, NAME)
    path, entered, waits, told = path_of(session), threading.Event(), threading.Event(), []
    path.unlink()

    def other():
        """Another page, which is at it already."""
        with sharing(path, NAME):
            entered.set()
            assert waits.wait(PATIENCE)
            save_result(path, Result(notes={"of": "the other page"}, analysis=NAME, class_names=first.class_names))

    def tell(what, *_):
        told.append(what)
        if "waiting for" in what:
            waits.set()

    page = threading.Thread(target=other)
    page.start()
    entered.wait()
    session = opened()
    with reporting(tell):
        answer = registry.compute(session, NAME)
    page.join()
    assert answer.notes == {"of": "the other page"}
    first_wait = next(what for what in told if "waiting for" in what)
    assert first_wait.startswith(f"{NAME}: waiting for process {os.getpid()}, since ")
    assert not lock_of(path).exists()


def test_who_reads_while_another_writes_finds_the_old_answer_or_the_new_one(tmp_path, caplog):
    path, stop, seen, failed = tmp_path / "one.npz", threading.Event(), set(), []
    save_result(path, Result(notes={"number": -1}))

    def read():
        while not stop.is_set():
            found = load_result(path)
            if found is None:
                failed.append("nothing")
            else:
                seen.add(found.notes["number"])

    readers = [threading.Thread(target=read) for _ in range(3)]
    for each in readers:
        each.start()
    for number in range(10_000):
        save_result(path, Result(notes={"number": number}))
        if number >= 60 and len(seen) > 5:
            break
    stop.set()
    for each in readers:
        each.join()
    assert failed == []
    assert len(seen) > 5
    assert caplog.records == []


def test_a_clock_that_is_set_back_makes_nothing_older_than_it_is(opened, tmp_path, monkeypatch, caplog):
    """What is cached has no age; how long a thing took is counted by a clock that nobody sets."""
    answer = registry.compute(opened(), NAME)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - 10 * 365 * 86400)
    monkeypatch.setattr(time, "time_ns", lambda: int((now - 10 * 365 * 86400) * 1e9))
    again = registry.compute(opened(), NAME)
    assert again.context["seconds"] == answer.context["seconds"]  # the same answer, from the cache
    for path in (tmp_path / "cache").rglob("*.npz"):
        path.unlink()
    assert 0 <= registry.compute(opened(), NAME).context["seconds"] < 86400
    assert said(caplog) == []
