"""Two of one name: the second is told who is at it, and a lock ends with its process, however that ends."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.patience import PATIENCE
from workbench.core import locks
from workbench.core.errors import Unavailable
from workbench.core.locks import Taken, holding, lock_of, sharing
from workbench.core.progress import reporting

CHILD = """
import sys, time
from pathlib import Path
from workbench.core.locks import holding
with holding(Path(sys.argv[1]), "it"):
    print("held", flush=True)
    time.sleep(6000)
"""


@pytest.fixture
def other(tmp_path):
    """Another process that holds a lock, until it is killed."""
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path / "x")], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "held\n"
    yield child
    child.kill()
    child.wait()


def test_the_second_is_told_who_and_since_when_and_a_killed_one_holds_nothing(tmp_path, other):
    said = rf"Run 'x' is being written by process {other.pid}, since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d\S+\. Wait until"
    with pytest.raises(Taken, match=said), holding(tmp_path / "x", "Run 'x'"):
        pass
    os.kill(other.pid, signal.SIGSTOP)  # it still holds it
    with pytest.raises(Taken, match=said), holding(tmp_path / "x", "Run 'x'"):
        pass
    with holding(tmp_path / "y", "another thing"):
        pass
    other.kill()
    other.wait()
    assert lock_of(tmp_path / "x").is_file()  # left behind, and held by nobody
    with holding(tmp_path / "x", "it"):
        assert json.loads(lock_of(tmp_path / "x").read_text())["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_one_of_another_machine_is_named_with_its_host(tmp_path, other):
    lock = lock_of(tmp_path / "x")
    lock.write_text(lock.read_text().replace(socket.gethostname(), "elsewhere"))
    with pytest.raises(Taken, match=rf"process {other.pid} on elsewhere, since "), holding(tmp_path / "x", "it"):
        pass
    lock.write_text("{")
    with pytest.raises(Taken, match=r"by another process\. Wait"), holding(tmp_path / "x", "it"):
        pass


def test_two_threads_are_two_and_the_lock_is_gone_after_an_error(tmp_path):
    path, said = tmp_path / "a" / "b" / "x", f"process {os.getpid()}, since"
    with holding(path, "it"), pytest.raises(Taken, match=said), holding(path, "it"):
        pass
    assert list(tmp_path.iterdir()) == []  # nor are folders left that were made for it
    with pytest.raises(KeyError), holding(tmp_path / "x", "it"):
        raise KeyError
    with holding(tmp_path / "x", "it"):
        (tmp_path / "x").touch()
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_only_one_of_many_at_a_time_while_lock_files_come_and_go(tmp_path):
    inside, most, done, until = [], [], [], time.monotonic() + PATIENCE

    def work():
        for _ in range(10):
            while time.monotonic() < until:
                try:
                    with holding(tmp_path / "x", "it"):
                        inside.append(1)
                        most.append(len(inside))
                        time.sleep(0.0005)
                        inside.pop()
                        done.append(1)
                        break
                except Taken:
                    time.sleep(0.0003)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert max(most) == 1
    assert len(done) == 60
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_takes_no_file_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    said = r"Run 'x' cannot be written in .*file: .* Make room there, or"
    with pytest.raises(Unavailable, match=said), holding(tmp_path / "file" / "x", "Run 'x'"):
        pass


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="this system has links of another kind")
def test_a_planted_link_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("precious")
    lock_of(tmp_path / "x").symlink_to(tmp_path / "precious")
    with pytest.raises(Unavailable), holding(tmp_path / "x", "it"):
        pass
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_disk_without_locks_and_a_clock_that_was_set_back_keep_nobody_from_working(tmp_path, monkeypatch, caplog):
    if sys.platform != "win32":
        monkeypatch.setattr(locks.fcntl, "flock", lambda *_: (_ for _ in ()).throw(OSError(37, "No locks available")))
        with holding(tmp_path / "x", "it"):
            pass
        assert "has no locks (" in caplog.text
        monkeypatch.undo()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    lock_of(tmp_path / "x").write_text(json.dumps({"pid": 1, "host": "h", "since": "2999-01-01 00:00:00"}))
    with holding(tmp_path / "x", "it"):
        pass


def test_who_computes_the_same_for_the_cache_waits_says_so_and_finds_it(tmp_path):
    told, entered, waits, path = [], threading.Event(), threading.Event(), tmp_path / "results" / "one.npz"

    def first():
        with sharing(path, "Predictions"):
            entered.set()
            assert waits.wait(PATIENCE)
            path.write_text("answer")

    thread = threading.Thread(target=first)
    thread.start()
    entered.wait()
    with reporting(lambda what, *_: (told.append(what), waits.set())), sharing(path, "Predictions"):
        assert path.read_text() == "answer"
    thread.join()
    assert re.fullmatch(rf"Predictions: waiting for process {os.getpid()}, since .*", told[0])
    assert [each.name for each in path.parent.iterdir()] == ["one.npz"]


def test_nobody_waits_for_ever_nor_where_no_lock_can_be_had(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "PATIENCE", 0.3)
    entered = []
    with sharing(tmp_path / "x", "it"), sharing(tmp_path / "x", "it"):
        entered.append("after a while")
    (tmp_path / "file").touch()
    with sharing(tmp_path / "file" / "x", "it"), sharing(None, "it"):
        entered.append("at once")
    assert entered == ["after a while", "at once"]

    class Gone(Exception):
        """The client left."""

    def left(*_):
        raise Gone

    monkeypatch.setattr(locks, "PATIENCE", PATIENCE)
    with sharing(tmp_path / "x", "it"), reporting(left), pytest.raises(Gone), sharing(tmp_path / "x", "it"):
        pass
    assert [each.name for each in Path(tmp_path).iterdir()] == ["file"]
