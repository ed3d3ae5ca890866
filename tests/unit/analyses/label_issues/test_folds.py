"""Models of the folds on made images: none has seen what it is asked about, and nothing is trained twice."""

import shutil
from functools import partial

import keras
import numpy as np
import pytest
from keras import layers

from analyses.label_issues import folds as module
from analyses.label_issues.folds import fold_probabilities
from analyses.label_issues.out_of_sample import from_folds
from workbench.core.dataset import Dataset
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.progress import reporting
from workbench.diagnosis.opening import open_session
from workbench.shards import store
from workbench.shards.crew import Here
from workbench.shards.lending import Lent, lending
from workbench.statistics.linear_probe import folds_of
from workbench.training.recipes import TrainingJob
from workbench.training.trainer import train


def bars(count, seed, height=12):
    """Three classes told apart by the row of a bright bar."""
    chance = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    images = chance.integers(0, 60, (count, height, 10, 1), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[4 * label : 4 * label + 3] += 150
    return images, labels


@pytest.fixture(scope="module")
def data():
    images, labels = bars(240, 0)
    labels[:6] = (labels[:6] + 1) % 3  # wrong
    return Dataset(images, labels, class_names=("a", "b", "c"), indices=np.arange(240), name="made/train")


@pytest.fixture(scope="module")
def own():
    keras.utils.set_random_seed(2)
    model = keras.Sequential(
        [keras.Input((12, 10, 1)), layers.Conv2D(6, 3, activation="relu"), layers.Flatten(), layers.Dense(3)]
    )
    model(np.zeros((1, 12, 10, 1)))
    return model


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path))
    job = TrainingJob.plan("report", {"validation_split": 0.0, "epochs": 6, "learning_rate": 0.01})
    monkeypatch.setattr(module, "_job", lambda run, seed: job.model_copy(update={"seed": seed}))


def ask(data, own, **more):
    return fold_probabilities(data, 3, run=None, fingerprint="f", load=lambda: own, **more)


def test_each_image_is_judged_by_a_model_that_lacks_it(data, own):
    before = [weights.copy() for weights in own.get_weights()]
    said = ask(data, own)
    assert said.sum(axis=1) == pytest.approx(np.ones(240))
    true = np.arange(240) % 3
    assert (said.argmax(axis=1) == true).all()  # also of those whose label is wrong
    assert (said[np.arange(6), data.labels[:6]] < 0.2).all()
    assert all((one == other).all() for one, other in zip(before, own.get_weights(), strict=True))


def test_stopped_it_goes_on_and_asked_again_it_trains_nothing(data, own, monkeypatch, tmp_path):
    class Stop(BaseException):
        pass

    told = []

    def stop(what, done, total):
        told.append(what)
        if what.startswith("Fold 2, epoch 3"):
            raise Stop

    with reporting(stop), pytest.raises(Stop):
        ask(data, own)
    (folder,) = tmp_path.glob("folds/f/folds")
    assert len(list(folder.glob("*.npz"))) == 1
    again = []
    with reporting(lambda what, done, total: again.append(what)):
        said = ask(data, own)
    assert not any(what.startswith("Fold 1,") for what in again)
    assert not any(what.startswith(("Fold 2, epoch 1", "Fold 2, epoch 2")) for what in again)
    assert any(what.startswith("Fold 2, epoch 3") for what in again)
    assert len(list(folder.iterdir())) == 3  # no checkpoint is left
    monkeypatch.setattr(module, "fit", None)
    assert np.array_equal(ask(data, own), said)


def test_a_model_that_scales_its_input_is_given_what_it_expects(data):
    keras.utils.set_random_seed(4)
    model = keras.Sequential(
        [keras.Input((12, 10, 1)), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(3, activation="softmax")]
    )
    said = ask(data, model, seed=1)
    assert (said.argmax(axis=1) == np.arange(240) % 3).mean() > 0.95
    fold = folds_of(data.labels, 3, 1)
    assert np.bincount(fold).tolist() == [80, 80, 80]


def test_a_run_s_own_architecture_and_recipe_are_used_and_kept_with_it(tmp_path, monkeypatch):
    monkeypatch.undo()
    images, labels = bars(66, 3, height=22)
    np.savez(tmp_path / "bars.npz", x_train=np.repeat(images, 3, 2)[:, :, :22], y_train=labels)
    job = TrainingJob.plan("report", {"epochs": 1, "batch_size": 16}, dataset=str(tmp_path / "bars.npz"), seed=5)
    run = train("r", job=job, folder=tmp_path)
    planned = module._job(run, 7)
    assert planned.architecture == "baseline"
    assert planned.seed == 7
    assert planned.recipe == job.recipe.model_copy(update={"validation_split": 0.0})
    data = Dataset(
        np.repeat(images, 3, 2)[:, :, :22],
        labels,
        class_names=("0", "1", "2"),
        indices=np.arange(66),
        name="made/train",
    )
    said = fold_probabilities(data, 2, run=run, fingerprint="f", load=lambda: None)
    assert said.shape == (66, 3)
    assert len(list((run.path / "folds").glob("*.npz"))) == 2


def test_workers_train_the_models_of_the_folds_that_are_missing(tiny_run, tmp_path, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    alone, divided = (shutil.copytree(tiny_run.folder / tiny_run.name, tmp_path / name) for name in ("one", "two"))
    said = from_folds(open_session(alone), 2, seed=3)
    opener, told = partial(open_session, divided), []
    session = opener()
    folder = divided / "folds"
    folder.mkdir()
    kept = sorted((alone / "folds").glob("*-1-of-2.npz"))
    shutil.copy(kept[0], folder)
    with reporting(lambda *each: told.append(each)), Here() as crew, lending(Lent(session, opener, crew)):
        found = from_folds(session, 2, seed=3)
    assert np.array_equal(found.probabilities, said.probabilities)
    assert found.source == said.source
    trained = {what.partition(",")[0] for what, _, _ in told if what.startswith("Fold ")}
    assert trained == {"Fold 2"}, "what is there is not trained again"
    assert sorted(each.name for each in folder.iterdir()) == sorted(each.name for each in (alone / "folds").iterdir())


def test_a_fold_that_cannot_be_trained_is_named_and_the_others_are_kept(tiny_run, tmp_path, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    run = shutil.copytree(tiny_run.folder / tiny_run.name, tmp_path / "run")
    opener = partial(open_session, run)
    fit = module._fold_logits

    def diverge(checkpoint, *rest):
        if checkpoint.name.endswith("-1-of-2"):
            raise WorkbenchError("Training diverged")
        return fit(checkpoint, *rest)

    monkeypatch.setattr(module, "_fold_logits", diverge)
    session = opener()
    why = r"^The model of fold 1 of 2 could not be trained: Training diverged$"
    with Here() as crew, lending(Lent(session, opener, crew)), pytest.raises(WorkbenchError, match=why):
        from_folds(session, 2)
    assert [each.name[-10:] for each in (run / "folds").glob("*.npz")] == ["2-of-2.npz"]


def test_models_that_workers_trained_where_they_are_not_seen_are_not_trained_once_more(tiny_run, tmp_path, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(store, "LATE", 0.0)
    run = shutil.copytree(tiny_run.folder / tiny_run.name, tmp_path / "run")
    opener = partial(open_session, run)
    monkeypatch.setattr(module.FoldModels, "logits", lambda self, number: None)  # elsewhere, as seen from here
    session, why = opener(), "^Models of the folds were trained by workers whose results are not here"
    with Here() as crew, lending(Lent(session, opener, crew)), pytest.raises(Unavailable, match=why):
        from_folds(session, 2)
