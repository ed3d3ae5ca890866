"""Full disk, a folder that takes no file, Ctrl-C, a second one of the same: of every command, found by discovery.

Each is one sentence on stderr and exit code 2 (130 for Ctrl-C), and what was there before is there as it was.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field

import click
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image

from tests.marked import images
from tests.tiny import HOSTILE, made_images
from workbench.app.cli import main
from workbench.core.locks import holding
from workbench.core.progress import report, reporting
from workbench.diagnosis import registry, selftest, truth
from workbench.diagnosis.advice import asking
from workbench.diagnosis.benchmark import Benchmark, Claim, Measured
from workbench.diagnosis.selftest import Score
from workbench.training import fitting, trainer
from workbench.workspace.exports import exported
from workbench.workspace.workspace import Workspace

FILES = ["--data", "DATA"]  # stands for the small run's data
RUN = ["tiny", *FILES]


@dataclass(frozen=True)
class Writing:
    """A command that writes, and how it is tried.

    Attributes:
        call: its command line; OUT stands for the folder that it writes to.
        again: what is added the second time, so that it writes over what the first one wrote.
        locked: what it holds while it writes, below the folder.
        moment: which of the reports of its progress Ctrl-C comes with; those before it are of what is not written yet.
        first: a command line that makes what it changes.
    """

    call: list[str]
    again: list[str] = field(default_factory=list)
    locked: str = "figures"
    moment: int = 1
    first: list[str] = field(default_factory=list)


TRAINING = ("train", "compare-recipes", "prove")  # they write where runs are
WRITING = {
    "train": Writing(["train", "new", *FILES, "--epochs", "1", "--recipe", "report"], ["--seed", "1"], "runs/new", 5),
    "compare-recipes": Writing(
        ["compare-recipes", "report", "mine.toml", *FILES, "--seeds", "1", "--out", "OUT"],
        ["--first-seed", "1"],
        "runs/compare-report-1",
        5,
    ),
    "prove": Writing(
        ["prove", "TINY", "--corrections", "fix.csv", "--seeds", "2", "--out", "OUT"],
        ["--first-seed", "2"],
        "runs/tiny-before-2",
        9,
    ),
    "diagnose": Writing(["diagnose", *RUN, "--fast", "--out", "OUT"]),
    "report": Writing(
        ["report", *RUN, "--fast", "--method", "saliency", "--out", "OUT/report.html"],
        ["--image", "test/3"],
        "report.html",
    ),
    "check": Writing(
        ["check", *RUN, "--policy", "policy.toml", "--junit", "OUT/check.xml", "--summary", "OUT/check.md"],
        ["--against", "tiny"],
        "",
    ),
    "figures": Writing(["figures", *RUN, "--only", "most-confused,class-balance", "--out", "OUT"], moment=2),
    "advise": Writing(
        ["advise", *RUN, "--images", "12", "--method", "saliency", "--out", "OUT/advice.json"],
        ["--method", "occlusion", "--method", "hires-cam"],
        "",
    ),
    "explain": Writing(
        ["explain", "0", "1", "--run", *RUN, "--method", "saliency", "--no-verdict", "--out", "OUT"], locked=""
    ),
    "maps": Writing(
        ["maps", "saliency", "--run", *RUN, "--out", "OUT/maps.npy"], ["--out", "OUT/others.npy"], "others.npy"
    ),
    "export": Writing(["export", *RUN, "--format", "litert", "--out", "OUT"], locked="model.tflite", moment=4),
    "images": Writing(["images", *RUN, "--out", "OUT/images.csv"], ["--sort", "-confidence"], ""),
    "label-next": Writing(
        ["label-next", *RUN, "--unlabelled", "pool", "--out", "OUT/next.txt"], ["--count", "50"], "", 4
    ),
    "images --tag": Writing(
        ["images", *RUN, "--tag", "check", "--workspace", "OUT/marks.workspace"], ["--note", "look " * 1000], ""
    ),
    "workspace import": Writing(
        ["workspace", "import", "marks.csv", "--workspace", "OUT/marks.workspace"], ["--who", "other"], "", 2
    ),
    "workspace undo": Writing(
        ["workspace", "undo", "--workspace", "OUT/marks.workspace"],
        ["--redo"],
        "",
        first=["workspace", "import", "marks.csv", "--workspace", "OUT/marks.workspace"],
    ),
    "workspace export": Writing(
        ["workspace", "export", "--workspace", "filled.workspace", "--out", "OUT/marks.csv"], ["--journal"], ""
    ),
    "compare": Writing(
        ["compare", "tiny", "tiny", "--maps", "0", "--method", "saliency", "--out", "OUT"], ["--maps", "1"], locked=""
    ),
    "selftest": Writing(["selftest", "--quick", "--only", "nothing", "--out", "OUT"]),
    "truth": Writing(["truth", "--quick", "--out", "OUT"]),
}
READING = {
    "compare --json": ["compare", "tiny", "tiny", "--json"],
    "workspace log": ["workspace", "log", "--workspace", "filled.workspace"],
    "data": ["data", *FILES],
    "runs": ["runs"],
    "evaluate": ["evaluate", *RUN],
    "analyses": ["analyses"],
    "analyze": ["analyze", "most-confused", *RUN],
    "plugin-check": ["plugin-check", "plugins"],
    "shell": ["shell", *RUN],
    "completion": ["completion", "bash"],
    "start": ["start", *RUN, "--port", "0", "--no-browser"],
    "page": ["page", *RUN, "--port", "0", "--no-browser"],
}
"""Commands that write nothing but the cache. `start` trains the baseline where there is none, as `train` does."""


@pytest.fixture
def here(tmp_path, tiny_run, monkeypatch):
    """A working folder with a run."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("WORKBENCH_RUNS", str(tiny_run.folder))
    (folder / "pool").mkdir()
    for number, picture in enumerate(made_images(60, 3)[0]):  # whose names take some room
        Image.fromarray(picture).save(folder / "pool" / f"{'long' * 50} {number}.png")
    (folder / "fix.csv").write_text(f'name,label\ntrain/0,"{HOSTILE[1]}"\n')
    (folder / "policy.toml").write_text("".join(f'[[slices]]\nwhere="loss>-{n}"\nmin-accuracy=0\n' for n in range(99)))
    (folder / "mine.toml").write_text('based-on = "report"\nepochs = 1\n')
    with Workspace.open(folder / "filled.workspace", who="me", page="command line") as workspace:
        workspace.tag(images(*range(200)), "check", source="a test")
        (folder / "marks.csv").write_text(exported(workspace))
    return folder


def network(shape, classes):
    """A network that is quickly built; what is tried here is where it is written."""
    import keras

    images = keras.Input(shape)
    return keras.Model(images, keras.layers.Dense(classes, "softmax")(keras.layers.Flatten()(images)))


def score(case, quick, networks):
    return Score(
        **dict.fromkeys(("world", "fault", "expected", "severity"), ""),
        **dict.fromkeys(("rank", "classes", "recall", "precision")),
        seed=0,
        accuracy=1.0,
        first=(),
        alarms=(),
    )


class Made(Benchmark):
    """Is what is said true?"""

    title = "Made"

    def measure(self, asked):
        for done in range(3):
            report("Worlds", done, 3)
        table = pd.DataFrame({"method": ["ours"], "share": [0.5]})
        claims = (Claim(said="it is so", right=3, of=4, wanted=0.5),)
        return Measured(tables={"Shares": table}, claims=claims, records={"kept.json": {"share": 0.5}})


@pytest.fixture
def call(here, tiny_run, monkeypatch):
    some = {name: registry.analysis(name) for name in ("class-balance", "most-confused", "per-class", "calibration")}
    monkeypatch.setattr(registry, "analyses", lambda: some)
    monkeypatch.setattr(selftest, "_score", score)
    monkeypatch.setattr(truth, "benchmarks", lambda: {"made": Made})
    monkeypatch.setattr(asking, "architecture_class", lambda _: "")  # no network is trained to be asked
    for module in (trainer, fitting):
        monkeypatch.setattr(module, "architectures", lambda: {"baseline": network})

    def run(arguments, out=None):
        places = {"DATA": str(tiny_run.data), "TINY": str(tiny_run.folder / "tiny")}
        placed = [places.get(each, each.replace("OUT", str(out))) for each in arguments]
        if arguments[0] in TRAINING:
            monkeypatch.setenv("WORKBENCH_RUNS", str(out / "runs"))
        return CliRunner().invoke(main, placed)

    return run


@pytest.fixture(scope="module")
def disks(tmp_path_factory):
    """Mount small disks; gone at the end."""
    made = []

    def disk(size):
        folder = tmp_path_factory.mktemp("disk")
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        if os.name != "posix" or subprocess.run(command, check=False, capture_output=True).returncode:
            pytest.skip("no disk can be mounted here")
        made.append(folder)
        return folder

    yield disk
    for folder in made:
        subprocess.run(["umount", "-l", str(folder)], check=False)


@pytest.fixture(scope="module")
def wrote(tiny_run, tmp_path_factory):
    """What each command writes where nothing is in its way: computed once."""
    known = {}

    def result(name, call):
        if name not in known:
            folder = tmp_path_factory.mktemp("wrote") / "out"
            for each in (WRITING[name].first, WRITING[name].call):
                done = call(each, folder) if each else None
                assert done is None or done.exit_code == 0, done.output
            assert snapshot(folder), f"{name} is listed as writing, and wrote nothing"
            known[name] = folder
        return known[name]

    return result


def snapshot(folder):
    """Content of every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def is_one_sentence(done):
    said = done.stderr.strip().splitlines()
    assert done.exit_code == 2, done.output
    assert said[-1].startswith("Error: ")
    assert sum(line.startswith("Error: ") for line in said) == 1
    assert "Traceback" not in done.output
    assert "bug in the workbench" not in done.output
    return said[-1]


def test_every_command_stands_in_one_of_the_tables():
    commands = dict(each for name, command in main.commands.items() for each in with_its_own(name, command))
    tried = {name.partition(" --")[0] for name in [*WRITING, *READING]}
    assert sorted(tried) == sorted(commands)
    for name, command in commands.items():
        if any(isinstance(each, click.Option) and "--out" in each.opts for each in command.params):
            assert name in WRITING


def with_its_own(name, command):
    """A command, or those of a group that has a fixed list of them."""
    if getattr(command, "commands", None):
        return [(f"{name} {inner}", each) for inner, each in command.commands.items()]
    return [(name, command)]


@pytest.mark.parametrize("name", READING)
def test_what_is_said_to_write_nothing_writes_nothing(name, here, call, monkeypatch, tiny_run):
    from workbench.app.cli.commands import start

    monkeypatch.setattr(start, "_serve", lambda *_: None)
    monkeypatch.setattr("builtins.input", lambda *_: (_ for _ in ()).throw(EOFError))
    (here / "plugins" / "properties").mkdir(parents=True)
    before, runs = snapshot(here), snapshot(tiny_run.folder)
    done = call(READING[name])
    assert done.exit_code == (2 if name == "plugin-check" else 0), done.output  # there is none in the folder
    assert snapshot(here) == before
    assert snapshot(tiny_run.folder) == runs


@pytest.mark.parametrize("name", WRITING)
def test_a_full_disk_is_one_sentence_and_nothing_old_is_lost(name, here, call, wrote, disks):
    old = wrote(name, call)
    disk = disks("64m")
    shutil.copytree(old, disk / "out")
    before = snapshot(disk / "out")
    fill(disk, room=sum(map(len, before.values())) // 2)
    done = call([*WRITING[name].call, *WRITING[name].again], disk / "out")
    said = is_one_sentence(done)
    assert "No space left on device" in said
    assert str(disk) in said
    after = snapshot(disk / "out")
    assert {name: after.get(name) for name in before} == before
    for path in set(after) - set(before):
        if path.endswith(("-wal", "-shm")):  # SQLite's own, which it takes away when there is room
            continue
        assert path.rpartition("/")[2].startswith(".") or name in (*TRAINING, "maps"), path


def fill(disk, room):
    """Leave so many bytes."""
    with (disk / "filler").open("wb", buffering=0) as file:
        file.write(bytes(max(shutil.disk_usage(disk).free - room - 4096, 0)))


@pytest.mark.parametrize("name", WRITING)
def test_a_folder_that_takes_no_file_is_told_and_nothing_is_changed(name, here, call, wrote, disks):
    old = wrote(name, call)
    disk = disks("64m")
    shutil.copytree(old, disk / "out")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    before = snapshot(disk / "out")
    said = is_one_sentence(call([*WRITING[name].call, *WRITING[name].again], disk / "out"))
    assert "Read-only file system" in said
    assert str(disk) in said
    assert snapshot(disk / "out") == before


@pytest.mark.parametrize("name", [name for name, each in WRITING.items() if each.locked])
def test_the_second_one_is_told_who_is_at_it(name, here, call, wrote):
    old = wrote(name, call)
    shutil.copytree(old, here / "out")
    before = snapshot(here / "out")
    with holding(here / "out" / WRITING[name].locked, "it"):
        said = is_one_sentence(call([*WRITING[name].call, *WRITING[name].again], here / "out"))
    assert f"is being written by process {os.getpid()}, since " in said
    assert snapshot(here / "out") == before


@pytest.mark.parametrize("name", WRITING)
def test_ctrl_c_is_130_and_leaves_nothing_half(name, here, call, wrote, monkeypatch):
    old = wrote(name, call)
    shutil.copytree(old, here / "out")
    before, reports = snapshot(here / "out"), []

    def stop(what, done, total):
        reports.append(what)
        if len(reports) == WRITING[name].moment:
            raise KeyboardInterrupt

    with reporting(stop):
        done = call([*WRITING[name].call, *WRITING[name].again], here / "out")
    assert (done.exit_code, done.stderr.strip().splitlines()[-1]) == (130, "Stopped."), done.output
    after = snapshot(here / "out")
    assert {path: after.get(path) for path in before} == before
    assert not [path for path in after if path.endswith(".lock")]
