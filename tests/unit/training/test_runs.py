import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from workbench.core.dataset import Dataset
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.predictions import Predictions
from workbench.training import runs
from workbench.training.dynamics import Dynamics, read_dynamics
from workbench.training.manifest import Manifest
from workbench.training.runs import list_runs, open_run, runs_folder, save_run

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

    monkeypatch.setattr(runs, "sync", cut(runs.sync))
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
