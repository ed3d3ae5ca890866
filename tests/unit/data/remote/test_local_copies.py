import threading
import time

import pytest

from workbench.core import locks
from workbench.core.errors import Unavailable
from workbench.data.remote import local_copies
from workbench.data.remote.local_copies import made_once


def slowly(steps, path, before=None):
    """Make a file in steps of 0.1 seconds, perhaps another one first."""

    def make(into):
        if before is not None:
            made_once(before, "before", slowly(steps, before))
        with into.open("wb") as file:
            for _ in range(steps):
                file.write(b"x" * 100)
                file.flush()
                time.sleep(0.1)

    return make


@pytest.mark.parametrize("first", [False, True])
def test_who_waits_for_a_file_waits_as_long_as_it_grows(tmp_path, monkeypatch, first):
    monkeypatch.setattr(locks, "PATIENCE", 0.4)
    monkeypatch.setattr(locks, "ASKED", 0.05)
    path, before = tmp_path / "files/large.tar", tmp_path / "other/large.parquet" if first else None
    others = [] if before is None else [before]
    thread = threading.Thread(target=made_once, args=(path, "it", slowly(10, path, before)), kwargs={"before": others})
    thread.start()
    time.sleep(0.15)
    made_once(path, "it", lambda _: pytest.fail("it is being made"), before=others)
    thread.join()
    assert path.stat().st_size == 1000


def test_who_waits_for_a_file_that_does_not_grow_makes_it_too(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "PATIENCE", 0.3)
    path, made = tmp_path / "files/large.tar", []

    def stuck(into):
        into.write_bytes(b"1")
        time.sleep(1.5)

    thread = threading.Thread(target=made_once, args=(path, "it", stuck))
    thread.start()
    time.sleep(0.15)
    made_once(path, "it", lambda into: made.append(into.write_bytes(b"1")))
    assert made
    thread.join()


def test_a_copy_that_the_disk_has_no_room_for_is_not_begun(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "not/there/yet"))
    local_copies.refuse_larger("it", 1000)
    usage = local_copies.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(local_copies.shutil, "disk_usage", lambda _: usage._replace(free=999))
    with pytest.raises(Unavailable, match=r"it needs 1 MB in .*remote, where there is less room"):
        local_copies.refuse_larger("it", 1000)
