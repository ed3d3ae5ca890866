"""kill -9 while images are marked, a full disk, a folder that takes nothing, two programs at once: no mark is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from threading import Barrier, Thread

import pytest

from tests.marked import images, key
from tests.patience import PATIENCE
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.workspace import database
from workbench.workspace.database import Database
from workbench.workspace.workspace import Workspace

ROOT = Path(__file__).parents[2]
EACH = 40
"""Images of one change: all of them, or none."""
MOMENTS = 24

MADE = (ROOT / "tests" / "marked.py").read_text() + "\nfrom workbench.workspace import database\n"
MADE += "from workbench.workspace.workspace import Workspace\n"
KILLED = """
import os, random, signal, sys, time

path, each, moments = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
draw = random.Random(0)
for moment in range(moments):
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        with Workspace.open(path, page=str(moment)) as workspace:
            os.write(writes, b"open\\n")
            for step in range(100_000):
                first = (moment * 1000 + step) * each
                what = images(*range(first, first + each))
                if step % 5 == 4:
                    workspace.undo()
                    os.write(writes, b"undone %d\\n" % (step - 1))
                else:
                    workspace.tag(what, f"{moment}-{step}")
                    os.write(writes, b"said %d\\n" % step)
    os.close(writes)
    said, wanted = os.read(reads, 5), draw.randint(0, 12)  # the file is open; what comes then, comes at any moment
    begun = time.monotonic()
    while said.count(b"\\n") <= wanted and (part := os.read(reads, 1 << 16)):
        said += part
    time.sleep(draw.uniform(0, 2 * (time.monotonic() - begun) / (wanted + 1)))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while part := os.read(reads, 1 << 16):
        said += part
    os.close(reads)
    for line in said.decode().splitlines():  # what was acknowledged, whole lines: each is one write
        print(moment, line, flush=True)
"""

WRITING = """
import sys

path, who, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
database.PATIENCE = 600.0
with Workspace.open(path, who=who) as workspace:
    print("ready", flush=True)
    sys.stdin.readline()
    for step in range(count):
        workspace.tag(images(step), f"{who}-{step}")
        workspace.note(images(step), who)
"""


def program(source, *arguments, **settings):
    return subprocess.Popen(
        [sys.executable, "-c", MADE + source, *map(str, arguments)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, **settings,
    )  # fmt: skip


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process is killed in the middle of its work")
def test_kill_9_at_any_moment_loses_no_acknowledged_mark_and_leaves_none_half(tmp_path):
    path = tmp_path / "a.workspace"
    done = program(KILLED, path, EACH, MOMENTS)
    said, _ = done.communicate(timeout=PATIENCE)
    assert done.returncode == 0
    acknowledged, undone, moments = set(), set(), set()
    for line in said.splitlines():
        moment, what, *step = line.split()
        if what == "said":
            acknowledged.add(f"{moment}-{step[0]}")
            moments.add(moment)
        elif what == "undone":
            undone.add(f"{moment}-{step[0]}")
    assert len({line.split()[0] for line in said.splitlines()}) == MOMENTS >= 20
    assert len(moments) > MOMENTS / 2 and undone  # most were killed in the middle of marking
    with Workspace.open(path) as workspace:
        tags = workspace.tags()
        unacknowledged = set(tags) - acknowledged
        assert (acknowledged - undone) - set(tags) <= last_of_each(acknowledged - undone)  # undone, and not yet told
        assert undone & set(tags) == set()
        assert len(unacknowledged) <= MOMENTS  # written, and killed before it was told
        assert set(tags.values()) == {EACH}  # none half
        assert workspace.rebuild()
        assert {each.images for each in workspace.changed_since(0)} == {EACH}


def last_of_each(tags):
    """The last change of each moment, where it is one that the next step undoes."""
    last = {}
    for tag in tags:
        moment, step = map(int, tag.split("-"))
        last[moment] = max(last.get(moment, 0), step)
    return {f"{moment}-{step}" for moment, step in last.items() if step % 5 == 3}


def test_two_programs_at_once_are_both_kept(tmp_path):
    path, count = tmp_path / "a.workspace", 60
    both = [program(WRITING, path, who, count, stdin=subprocess.PIPE) for who in ("ann", "bob")]
    for each in both:
        assert each.stdout.readline() == "ready\n"
    for each in both:
        each.stdin.write("go\n")
        each.stdin.flush()
    for each in both:
        each.communicate(timeout=PATIENCE)
        assert each.returncode == 0
    with Workspace.open(path) as workspace:
        changes = workspace.changed_since(0)
        whose = [each.who for each in changes]
        assert (whose.count("ann"), whose.count("bob")) == (2 * count, 2 * count)
        assert [each.id for each in changes] == list(range(4 * count, 0, -1))
        for step, tags in enumerate(workspace.tags_of([key(each) for each in range(count)])):
            assert tags == (f"ann-{step}", f"bob-{step}")
        assert workspace.rebuild()
    assert [each.name for each in tmp_path.iterdir()] == ["a.workspace"]


def test_a_file_that_several_begin_at_once_is_a_workspace_for_each(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "PATIENCE", PATIENCE)
    refused = []

    def begin(path, start):
        opened = Database(path)
        start.wait()
        try:
            with opened.writing():
                pass
        except WorkbenchError as error:
            refused.append(str(error))
        opened.close()

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # so that each sees many moments of the other's beginning
    try:
        for each in range(300):
            start = Barrier(3)
            several = [Thread(target=begin, args=(tmp_path / f"{each}.workspace", start)) for _ in range(3)]
            for one in several:
                one.start()
            for one in several:
                one.join()
    finally:
        sys.setswitchinterval(before)
    assert refused == []


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if os.name != "posix" or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False)


def test_a_full_disk_is_a_sentence_and_what_was_said_is_there(disk):
    path = disk / "a.workspace"
    with Workspace.open(path) as workspace:
        workspace.tag(images(*range(100)), "before")
        (disk / "filler").write_bytes(bytes(shutil.disk_usage(disk).free - 200_000))
        step = -1
        with pytest.raises(Unavailable) as error:  # noqa: PT012 - which one is the first that has no room
            while step < 100:
                step += 1
                workspace.tag(images(*range(1000)), f"more-{step}")
        assert "takes no change: No space left on device. Nothing was changed" in str(error.value)
        assert step < 50
        tags = {"before": 100, **{f"more-{each}": 1000 for each in range(step)}}
        assert workspace.tags() == tags
        (disk / "filler").unlink()
        workspace.tag(images(5), "after")  # it goes on as soon as there is room
    with Workspace.open(path) as workspace:
        assert workspace.tags() == {**tags, "after": 1}
        assert workspace.rebuild()


def test_a_new_one_on_a_full_disk_is_a_sentence_and_leaves_nothing(disk):
    (disk / "filler").write_bytes(bytes(shutil.disk_usage(disk).free))
    with pytest.raises(Unavailable, match="takes no change: No space left on device"):
        Workspace.open(disk / "new" / "a.workspace").tag(images(0), "x")
    assert [each.name for each in disk.iterdir()] == ["filler"]


def test_a_disk_that_takes_nothing_is_a_sentence(disk):
    path = disk / "a.workspace"
    with Workspace.open(path) as workspace:
        workspace.tag(images(0), "before")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    before = path.read_bytes()
    for place in (path, disk / "new.workspace"):
        with (
            pytest.raises(Unavailable, match="takes no change: Read-only file system"),
            Workspace.open(place) as opened,
        ):
            opened.tag(images(1), "x")
    assert path.read_bytes() == before
    assert [each.name for each in disk.iterdir()] == ["a.workspace"]
