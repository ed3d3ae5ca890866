import threading
import time

import pytest

from tests.patience import PATIENCE
from workbench.core import locks
from workbench.core.errors import Unavailable
from workbench.data.remote import local_copies
from workbench.data.remote.local_copies import made_once


def slowly(begun, seconds, before=None):
    """Make a file in ten steps of so many seconds, perhaps another one first."""

    def make(into):
        if before is not None:
            made_once(before, "before", slowly(begun, seconds))
        with into.open("wb") as file:
            for _ in range(10):
                file.write(b"x" * 100)
                file.flush()
                begun.set()
                time.sleep(seconds)

    return make


@pytest.mark.parametrize("first", [False, True])
def test_who_waits_for_a_file_waits_as_long_as_it_grows(tmp_path, monkeypatch, first):
    monkeypatch.setattr(locks, "ASKED", 0.05)
    for seconds in (0.4, 2.0, 8.0):  # on a busy machine it may not grow for longer
        monkeypatch.setattr(locks, "PATIENCE", seconds)
        here, begun, twice = tmp_path / f"{seconds}", threading.Event(), []
        path, before = here / "files/large.tar", here / "other/large.parquet" if first else None
        others = [] if before is None else [before]
        given = (path, "it", slowly(begun, seconds / 4, before))
        thread = threading.Thread(target=made_once, args=given, kwargs={"before": others})
        thread.start()
        assert begun.wait(PATIENCE)
        made_once(path, "it", lambda into, twice=twice: twice.append(into.write_bytes(b"x" * 1000)), before=others)
        thread.join()
        assert path.stat().st_size == 1000
        if not twice:
            return
    pytest.fail("it is being made")


def test_who_waits_for_a_file_that_does_not_grow_makes_it_too(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "PATIENCE", 0.3)
    path, made, begun, go_on = tmp_path / "files/large.tar", [], threading.Event(), threading.Event()

    def stuck(into):
        into.write_bytes(b"1")
        begun.set()
        go_on.wait(PATIENCE)

    thread = threading.Thread(target=made_once, args=(path, "it", stuck))
    thread.start()
    assert begun.wait(PATIENCE)
    made_once(path, "it", lambda into: made.append(into.write_bytes(b"1")))
    go_on.set()
    thread.join()
    assert made


def test_a_copy_that_the_disk_has_no_room_for_is_not_begun(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "not/there/yet"))
    local_copies.refuse_larger("it", 1000)
    usage = local_copies.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(local_copies.shutil, "disk_usage", lambda _: usage._replace(free=999))
    with pytest.raises(Unavailable, match=r"it needs 1 MB in .*remote, where there is less room"):
        local_copies.refuse_larger("it", 1000)
