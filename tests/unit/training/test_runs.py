import json
import re
import subprocess
import sys
import threading
from pathlib import Path
from random import Random

import numpy as np
import pytest

from workbench.core.dataset import Dataset
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.predictions import Predictions
from workbench.training import runs, saving
from workbench.training.dynamics import Dynamics, read_dynamics
from workbench.training.manifest import Manifest
from workbench.training.runs import list_runs, open_run, runs_folder
from workbench.training.saving import save_run

HISTORY = [
    {
        "epoch": 1,
        "loss": 0.5,
        "accuracy": 0.75,
        "val_loss": float("nan"),
        "val_accuracy": float("nan"),
        "learning_rate": 1e-3,
        "seconds": 2.0,
    }
]


@pytest.fixture(scope="module")
def model():
    import keras

    built = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    built.compile("adam", "mse")
    built.fit(np.zeros((4, 4, 4, 1)), np.zeros((4, 2)), verbose=0)
    return built


@pytest.fixture
def data():
    return Dataset(
        np.zeros((3, 4, 4, 1), np.uint8),
        np.array([0, 1, 1]),
        class_names=("a", "b"),
        indices=np.arange(3),
        name="own/test",
    )


PREDICTIONS = Predictions(np.array([[1, 2 / 3], [3, 4], [5, 6]], np.float32), np.array([0, 1, 1]))


def manifest(name="mine", **changes):
    values = {
        "name": name,
        "architecture": "baseline",
        "recipe": "report",
        "settings": {"epochs": 1},
        "seed": 0,
        "epochs": 1,
        "dataset": "own.npz",
        "dataset_fingerprints": {"test": "f"},
        "class_names": ("a", "b"),
        "image_shape": (4, 4, 1),
        "versions": {},
        "git_revision": None,
        "metrics": {"test": {"accuracy": 1.0}},
        "seconds": 2.0,
        "created": "2026-01-01T00:00:00+00:00",
        "parameters": 34,
    }
    return Manifest(**{**values, **changes})


@pytest.fixture
def saved(tmp_path, model, data):
    return save_run(manifest(), model, history=HISTORY, predictions={"test": (PREDICTIONS, data)}, folder=tmp_path)


def test_round_trip(saved, tmp_path, model, data):
    run = open_run("mine", tmp_path)
    assert run.manifest == saved.manifest
    assert run.manifest.class_names == ("a", "b")
    assert run.history.to_dict("records")[0]["accuracy"] == 0.75
    assert np.isnan(run.history.val_loss[0])
    read = run.predictions("test", data.fingerprint)
    assert np.array_equal(read.logits, PREDICTIONS.logits)
    assert read.logits.dtype == np.float32
    assert read.labels.tolist() == [0, 1, 1]
    assert all(np.array_equal(a, b) for a, b in zip(run.load_model().get_weights(), model.get_weights(), strict=True))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine"]
    assert sorted(path.name for path in run.path.iterdir()) == [
        "history.csv",
        "model.keras",
        "predictions-test.npz",
        "run.json",
    ]


def test_optimizer_is_not_saved(saved, tmp_path, model):
    import h5py

    model.save(tmp_path / "with.keras")
    assert saved.model_path.stat().st_size < (tmp_path / "with.keras").stat().st_size
    import zipfile

    with zipfile.ZipFile(saved.model_path) as archive, archive.open("model.weights.h5") as file:
        assert "optimizer" not in h5py.File(file)
    assert model.optimizer.iterations == 1  # and the model that was given keeps its own


def test_dynamics_lie_beside_the_model_and_a_run_without_opens(saved, tmp_path, model):
    assert read_dynamics(saved.path) is None
    noted = Dynamics(np.array([[0.5, 0.25]], np.float16), np.array([[True, False]]), np.ones(1, "f4"), np.arange(1))
    run = save_run(manifest("with"), model, history=HISTORY, predictions={}, dynamics=noted, folder=tmp_path)
    assert read_dynamics(open_run("with", tmp_path).path).probabilities.tolist() == [[0.5, 0.25]]
    assert (run.path / "dynamics.npz").is_file()


def test_predictions_of_another_dataset_are_none(saved, data):
    assert saved.predictions("test", data.subset([0, 1]).fingerprint) is None
    assert saved.predictions("train", data.fingerprint) is None


def test_unknown_run_lists_those_that_exist(saved, tmp_path, model):
    save_run(manifest("other"), model, history=HISTORY, predictions={}, folder=tmp_path)
    with pytest.raises(WorkbenchError, match=r"There is no run 'mien' in .*. Did you mean 'mine'\? .*mine, other"):
        open_run("mien", tmp_path)
    assert [run.name for run in list_runs(tmp_path)] == ["mine", "other"]
    assert list_runs(tmp_path / "none") == []


def test_open_by_path(saved, tmp_path):
    assert open_run(saved.path).name == "mine"
    assert open_run(str(saved.path), tmp_path / "elsewhere").name == "mine"
    with pytest.raises(WorkbenchError, match="is a model, not a run"):
        open_run(saved.model_path)


def test_half_written_is_never_opened(saved, tmp_path):
    (saved.path / "run.json").unlink()
    with pytest.raises(WorkbenchError, match=r"not a whole run: it has no run.json"):
        open_run("mine", tmp_path)
    assert list_runs(tmp_path) == []
    (tmp_path / ".mine.training").mkdir()
    (tmp_path / ".mine.saving").mkdir()
    assert list_runs(tmp_path) == []


def test_damaged_manifest_names_the_field(saved, tmp_path):
    path = saved.path / "run.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, "seed": "x"}))
    with pytest.raises(WorkbenchError, match=r"run.json is damaged: seed: "):
        open_run("mine", tmp_path)
    path.write_text(path.read_text()[:50])
    with pytest.raises(WorkbenchError, match=r"run.json is damaged: "):
        open_run("mine", tmp_path)


def test_a_damaged_run_is_left_out_of_the_list_and_told(saved, tmp_path, monkeypatch):
    from click.testing import CliRunner

    from workbench.app.cli import main

    monkeypatch.setenv("WORKBENCH_RUNS", str(tmp_path))
    (tmp_path / ".other.training").mkdir()
    (tmp_path / "begun").mkdir()
    assert runs.damaged_runs() == []
    path = saved.path / "run.json"
    path.write_text(path.read_text().replace('"seconds": 2.0', '"seconds": 3.0'))
    (sentence,) = runs.damaged_runs()
    assert f"{path} was changed since it was written" in sentence
    done = CliRunner().invoke(main, ["runs", "--json"])
    assert (done.exit_code, done.stdout.strip()) == (0, "[]")
    assert done.stderr == f"Left out: {sentence}\n"


def test_exchanged_model_is_an_error_naming_it(saved, tmp_path):
    saved.model_path.write_bytes(saved.model_path.read_bytes() + b" ")
    with pytest.raises(WorkbenchError, match=r"model.keras is not the model that run 'mine' was saved with"):
        open_run("mine", tmp_path)
    saved.model_path.unlink()
    with pytest.raises(WorkbenchError, match=r"has no model.keras"):
        open_run("mine", tmp_path)


def test_damaged_predictions_are_named(saved, data):
    path = saved.path / "predictions-test.npz"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(WorkbenchError, match=r"predictions-test.npz is damaged"):
        saved.predictions("test", data.fingerprint)


def kept(name, tmp_path, saved):
    """What is read of a run, for comparing; None for a sentence."""
    try:
        run = open_run(name, tmp_path)
        said = run.predictions("test", saved.manifest.dataset_fingerprints["own"])
        history, noted = run.history, run.dynamics
    except WorkbenchError:
        return None
    return (
        run.manifest.model_dump_json(),
        None if said is None else said.logits.tobytes(),
        None if history is None else history.to_csv(),
        None if noted is None else noted.probabilities.tobytes(),
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory, model):
    """A run with every file that one can have."""
    chance = np.random.default_rng(0)
    labels = np.arange(30) % 2
    own = Dataset(
        np.zeros((30, 4, 4, 1), np.uint8), labels, class_names=("a", "b"), indices=np.arange(30), name="own/test"
    )
    said = Predictions(chance.normal(size=(30, 2)).astype(np.float32), labels)
    noted = Dynamics(chance.random((9, 2)).astype("f2"), chance.random((9, 2)) > 0.5, np.ones(9, "f4"), np.arange(9))
    history = [{**HISTORY[0], "epoch": number, "val_loss": 0.1 / number} for number in (1, 2)]
    told = manifest("whole", epochs=2, dataset_fingerprints={"own": own.fingerprint})
    folder = tmp_path_factory.mktemp("runs")
    return save_run(told, model, history=history, predictions={"test": (said, own)}, dynamics=noted, folder=folder)


@pytest.mark.parametrize("name", ["run.json", "history.csv", "predictions-test.npz", "dynamics.npz", "model.keras"])
def test_no_damage_of_any_file_of_a_run_is_silent(whole, name):
    """60 flipped bits and 60 missing ends for each: a sentence, or what was saved."""
    folder, path, chance = whole.path.parent, whole.path / name, Random(name)
    good, content, told = kept("whole", folder, whole), path.read_bytes(), 0
    assert None not in good
    try:
        for number in range(120):
            damaged = bytearray(content)
            if number % 2:
                damaged[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
            else:
                del damaged[chance.randrange(len(content)) :]
            path.write_bytes(damaged)
            found = kept("whole", folder, whole)
            assert found in (None, good)
            told += found is None
    finally:
        path.write_bytes(content)
    assert told == 120 if name != "run.json" else told > 100  # between its words a space may become a tab


def test_who_edits_run_json_by_hand_is_told_what_to_do(saved, tmp_path):
    path = saved.path / "run.json"
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))
    with pytest.raises(
        WorkbenchError,
        match=r"run\.json was changed since it was written.*\"checksum\": \"[0-9a-f]{16}\" into it, or else train",
    ) as caught:
        open_run("mine", tmp_path)
    right = re.search(r'"checksum": "[0-9a-f]{16}"', str(caught.value))[0]
    path.write_text(re.sub(r'"checksum": "[0-9a-f]{16}"', right, path.read_text()))
    assert open_run("mine", tmp_path).manifest.seed == 1
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values))  # laid out in another way it says the same
    assert open_run("mine", tmp_path).manifest.seed == 1
    del values["checksum"]
    path.write_text(json.dumps(values))
    with pytest.raises(WorkbenchError, match="was changed since it was written"):
        open_run("mine", tmp_path)


def test_a_run_of_an_older_version_has_no_checksums_and_opens(saved, tmp_path, data):
    path = saved.path / "run.json"
    values = json.loads(path.read_text())
    del values["checksum"], values["files"]
    path.write_text(json.dumps(values))
    run = open_run("mine", tmp_path)
    assert len(run.history) == 1
    assert len(run.predictions("test", data.fingerprint)) == 3
    text = (run.path / "history.csv").read_text()
    for other in (text.splitlines()[0] + "\n", text + text.splitlines()[1] + "\n", text.replace("0.75", "0.7x")):
        (run.path / "history.csv").write_text(other)
        with pytest.raises(WorkbenchError, match=r"a row of numbers for each of 1 epoch of run\.json"):
            _ = run.history
    (run.path / "history.csv").unlink()
    assert run.history is None


def test_a_run_that_was_trained_anew_since_it_was_opened_says_so(saved, tmp_path, model, data):
    other = model.from_config(model.get_config())
    save_run(manifest(seed=2), other, history=[{**HISTORY[0], "loss": 0.25}], predictions={}, folder=tmp_path)
    with pytest.raises(WorkbenchError, match=r"history\.csv .*The run was trained anew since it was opened"):
        _ = saved.history
    with pytest.raises(WorkbenchError, match=r"model\.keras .*The run was trained anew since it was opened"):
        saved.load_model()
    assert saved.predictions("test", data.fingerprint) is None  # the new one has none


def test_who_reads_while_another_writes_finds_the_old_run_or_the_new_one(saved, tmp_path, model, monkeypatch):
    stop, failed, seen = threading.Event(), [], set()

    def read():
        while not stop.is_set():
            try:
                seen.add(open_run("mine", tmp_path).manifest.seed)
                assert [run.name for run in list_runs(tmp_path)] in (["mine"], [])
            except Exception as error:  # noqa: BLE001 - whatever it is
                failed.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for each in readers:
        each.start()
    for seed in range(1, 13):
        save_run(manifest(seed=seed), model, history=HISTORY, predictions={}, folder=tmp_path)
    stop.set()
    for each in readers:
        each.join()
    assert failed == []
    assert len(seen) > 3


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "../a", "a b", "a\n", "é", "x" * 101, "<b>"])
def test_names_that_could_be_tricks_are_refused(name, tmp_path, model):
    with pytest.raises(WorkbenchError, match="The name of a run"):
        save_run(manifest(name), model, history=HISTORY, predictions={}, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


class Stop(BaseException):
    """The power fails."""


@pytest.mark.parametrize("calls", range(7))
def test_a_run_is_whole_whenever_it_is_cut_off(saved, model, data, monkeypatch, calls):
    """Cut off before each step that reaches the disk: the old run or the new one opens by its name, whole."""
    tmp_path = saved.path.parent
    steps = iter(range(calls))

    def cut(original):
        def step(*arguments, **options):
            if next(steps, None) is None:
                raise Stop
            return original(*arguments, **options)

        return step

    monkeypatch.setattr(saving, "sync", cut(saving.sync))
    monkeypatch.setattr(Path, "replace", cut(Path.replace))
    new = manifest(seed=7)
    with pytest.raises(Stop):
        save_run(new, model, history=HISTORY, predictions={"test": (PREDICTIONS, data)}, folder=tmp_path)
    assert open_run("mine", tmp_path).manifest.seed == (7 if calls == 6 else 0)
    assert [run.manifest.seed for run in list_runs(tmp_path)] == [7 if calls == 6 else 0]
    monkeypatch.undo()
    save_run(new, model, history=HISTORY, predictions={}, folder=tmp_path)
    assert open_run("mine", tmp_path).manifest.seed == 7
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_full_disk_is_one_sentence_and_loses_nothing(saved, model, data, monkeypatch):
    tmp_path = saved.path.parent

    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runs.np, "savez_compressed", full)
    with pytest.raises(Unavailable, match=r"Run 'mine' could not be saved in .*: No space left on device") as caught:
        save_run(manifest(seed=7), model, history=HISTORY, predictions={"test": (PREDICTIONS, data)}, folder=tmp_path)
    assert "\n" not in str(caught.value)
    assert open_run("mine", tmp_path).manifest.seed == 0
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_folder_that_cannot_be_made(tmp_path, model):
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="could not be saved"):
        save_run(manifest(), model, history=HISTORY, predictions={}, folder=tmp_path / "file")


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A source tree of the workbench that is not the working folder, with no runs yet."""
    for name in ("WORKBENCH_RUNS", "WORKBENCH_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(runs, "__file__", str(tmp_path / "source" / "workbench" / "training" / "runs.py"))
    return tmp_path / "source"


def test_runs_are_written_to_the_working_folder_whatever_lies_beside_the_package(source, monkeypatch):
    assert runs_folder() == Path("saved_models")
    (source / "saved_models").mkdir(parents=True)
    assert runs_folder() == Path("saved_models")
    monkeypatch.setenv("WORKBENCH_HOME", "/home/of/runs")
    assert runs_folder() == Path("/home/of/runs/saved_models")
    monkeypatch.setenv("WORKBENCH_HOME", "~/runs")
    assert runs_folder() == Path.home() / "runs/saved_models"
    monkeypatch.setenv("WORKBENCH_RUNS", "/elsewhere")
    assert runs_folder() == Path("/elsewhere")


@pytest.mark.parametrize("inside", ["saved_models", "workbench/saved_models"])
def test_the_runs_that_come_with_it_are_found_where_the_working_folder_has_none_of_the_name(
    source, model, inside, monkeypatch
):
    """Beside the package in a source tree, in the package where it is installed."""
    shipped = source / inside
    assert list_runs() == []
    save_run(manifest(name="given"), model, history=HISTORY, predictions={}, folder=shipped)
    save_run(manifest(name="both"), model, history=HISTORY, predictions={}, folder=shipped)
    save_run(manifest(name="both", seed=9), model, history=HISTORY, predictions={})
    assert {run.name: run.path for run in list_runs()} == {
        "both": Path("saved_models/both"),
        "given": shipped / "given",
    }
    assert (open_run("both").manifest.seed, open_run("given").path) == (9, shipped / "given")
    before = sorted((path, path.stat().st_mtime_ns) for path in shipped.rglob("*"))
    save_run(manifest(name="given", seed=5), model, history=HISTORY, predictions={})
    assert open_run("given").path == Path("saved_models/given")
    assert sorted((path, path.stat().st_mtime_ns) for path in shipped.rglob("*")) == before
    with pytest.raises(WorkbenchError, match=r"no run 'gven' in saved_models and .*Did you mean 'given'"):
        open_run("gven")
    monkeypatch.setenv("WORKBENCH_RUNS", "saved_models")
    assert [run.name for run in list_runs()] == ["both", "given"]
    monkeypatch.setenv("WORKBENCH_RUNS", "elsewhere")
    assert list_runs() == []


def test_a_damaged_run_of_one_s_own_is_not_passed_over_for_the_one_that_comes_with_it(source, model):
    save_run(manifest(name="given"), model, history=HISTORY, predictions={}, folder=source / "saved_models")
    Path("saved_models/given/checkpoints").mkdir(parents=True)  # a training that was cut off is no run yet
    assert open_run("given").path == source / "saved_models/given"
    Path("saved_models/given/run.json").write_text("{")
    with pytest.raises(WorkbenchError, match=r"saved_models/given/run.json is damaged"):
        open_run("given")


def test_reading_a_run_imports_no_tensorflow(saved, tmp_path, data):
    code = (
        "import sys; from workbench.training.runs import list_runs, open_run\n"
        f"run = open_run('mine', {str(tmp_path)!r})\n"
        f"assert run.history is not None and run.predictions('test', {data.fingerprint!r}) is not None\n"
        "print([name for name in ('tensorflow', 'keras', 'matplotlib', 'gradio') if name in sys.modules])"
    )
    root = Path(runs.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=False)
    assert done.stdout.strip() == "[]", done.stderr
