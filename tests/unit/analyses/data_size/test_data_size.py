"""More data: parts that grow, the law on planted accuracies, and networks whose training goes on."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from analyses import data_size
from analyses.data_size import BROKEN, HELD, UNTOLD, DataSize, DataSizeParams, _findings, trained
from analyses.data_size.growth import growing, quick_predictions, sizes_of
from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.core.progress import reporting
from workbench.diagnosis.opening import open_session
from workbench.training.checkpoint import Checkpoint


def test_every_beginning_has_the_classes_in_their_proportions():
    labels = np.repeat([0, 1, 2], [600, 300, 100])
    order = growing(labels, 3)
    assert sorted(order) == list(range(1000))
    for size in (50, 100, 500):
        assert np.bincount(labels[order[:size]]) == pytest.approx(size * np.array([0.6, 0.3, 0.1]), abs=1.01)
    assert growing(labels, 3).tolist() != growing(labels, 4).tolist()
    assert sizes_of(6000, 10) == [300, 600, 1500, 3000, 6000]
    assert sizes_of(60, 4) == [15, 30, 60]  # of fewer some class would have no two images
    assert sizes_of(3, 2) == []


def table(errors, sizes=(300, 600, 1500, 3000, 6000)):
    accuracy = 1 - np.array(errors)
    return pd.DataFrame({"images": sizes, "accuracy": accuracy})


def test_what_more_images_bring_is_told_only_where_the_law_holds():
    sizes = np.array([300, 600, 1500, 3000, 6000])
    errors = 2.0 * sizes**-0.3 * np.exp([0.01, -0.01, 0.005, -0.005, 0.002])
    (said,), notes, ahead = _findings(table(errors), "networks of mine", 10_000, stand_in=False, seen=False)
    assert notes["law"] == HELD
    assert ahead["images"].tolist() == [12_000, 24_000]
    assert (ahead["accuracy_low"] < ahead["accuracy"]).all()
    assert notes["exponent"] == pytest.approx(0.3, abs=0.01)
    assert said.claim.startswith("With 6,000 training images networks of mine reach 85.3 %; the law gives 88.1 % (95 %")
    assert "Collect more images" in said.advice
    assert said.effect.value == pytest.approx(errors[-1] * (1 - 2**-0.3), abs=2e-3)
    errors[-1] = errors[-2]
    (broken,), notes, ahead = _findings(table(errors), "networks of mine", 10_000, stand_in=False, seen=False)
    assert (notes["law"], len(ahead)) == (BROKEN, 0)
    assert "What more images would bring is not told." in broken.claim
    assert "the smaller parts foretell" in broken.claim


@pytest.mark.parametrize(
    ("sizes", "asked", "seen", "why"),
    [
        ((300, 600, 1500), 1000, False, "3 parts can be learned from, and 4 are needed"),
        ((300, 600, 1500, 3000, 6000), 12, False, "12 images to ask about, and 20 are needed"),
        ((300, 600, 1500, 3000, 6000), 1000, True, "the images under study are the training images"),
    ],
)
def test_nothing_is_told_where_nothing_can_be(sizes, asked, seen, why):
    errors = 2.0 * np.array(sizes) ** -0.3
    (said,), notes, _ = _findings(table(errors, sizes), "networks", asked, stand_in=False, seen=seen)
    assert notes["law"] == UNTOLD
    assert why in said.claim
    same = _findings(table([0.2] * 5), "networks", 1000, stand_in=False, seen=False)[0][0]
    assert "every part gives the same error" in same.claim


def test_the_quick_classifier_learns_from_parts():
    labels = np.arange(400) % 4
    images = np.random.default_rng(0).integers(0, 200, (400, 12, 12), dtype=np.uint8)
    images[np.arange(400)[:, None], 2 + 2 * labels[:, None], np.arange(12)] += 50  # a line that hardly stands out
    names = ("a", "b", "c", "d")
    data = Dataset(images[..., None], labels, class_names=names, indices=np.arange(400), name="made/train")
    asked, found = quick_predictions(data.subset(slice(300)), np.arange(300), data.subset(slice(300, None)))
    assert (len(asked), {size: len(draws) for size, draws in found.items()}) == (
        100,
        {15: 3, 30: 3, 75: 3, 150: 3, 300: 1},
    )
    right = [np.mean([(draw == labels[300:]).mean() for draw in draws]) for draws in found.values()]
    assert right[-1] > 0.9
    assert right[0] < 0.6


def test_networks_are_trained_on_each_part_once_and_read_afterwards(tiny_run, monkeypatch, tmp_path):
    session = open_session(tiny_run.folder / "tiny")
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path))
    run = session.run
    asked = []

    def fitted(checkpoint, state, parts, progress):
        asked.append((len(parts.training), state.job.seed, state.job.recipe.validation_split))
        return state, session.probe.model

    monkeypatch.setattr(trained, "fit", fitted)
    rows, studied = np.arange(200), session.dataset
    first = trained.trained_predictions(run, session.train, rows, studied, 2)
    assert asked == [(size, seed, 0.0) for seed in (0, 1) for size in (10, 20, 50, 100, 200)]
    again = trained.trained_predictions(run, session.train, rows, studied, 2)
    assert len(asked) == 10
    assert all(
        (one == other).all() for size in first[1] for one, other in zip(first[1][size], again[1][size], strict=True)
    )
    (there,) = {path.suffix for path in (tmp_path / "data-size").rglob("*") if path.is_file()}
    assert there == ".npz"
    monkeypatch.setattr(data_size, "trained_predictions", lambda *_: first)
    result = session.analyze("data-size", seeds=2)
    assert result.notes["who"] == "networks of tiny"
    assert result.tables["sizes"]["draws"].tolist() == [2] * 5
    with pytest.raises(WorkbenchError, match="`seeds` needs a run"):
        DataSize().compute(open_session(model=tiny_run.model, data=tiny_run.data), DataSizeParams(seeds=2))


def test_networks_are_really_trained_told_how_far_they_are_and_go_on_where_they_were_stopped(tiny_run, monkeypatch):
    session = open_session(tiny_run.folder / "tiny")
    rows, told, fits, fit = np.arange(60), [], [], trained.fit

    def counted(checkpoint, state, parts, progress):
        fits.append((len(parts.training), state.epochs))
        return fit(checkpoint, state, parts, progress)

    def stops(what, done, total):
        told.append((what, done, total))
        if what.startswith("30 images, seed 0: ") and len(fits) == 2 and state_of_the_second().epochs == 1:
            raise KeyboardInterrupt

    def state_of_the_second():
        part = session.train.subset(np.sort(rows[growing(session.train.labels[rows], 0)[:30]]))
        name = f"{part.fingerprint}-{session.dataset.fingerprint}"
        return Checkpoint(trained._folder(trained._job(session.run, 0)), name).read() or SimpleNamespace(epochs=0)

    monkeypatch.setattr(trained, "fit", counted)
    with pytest.raises(KeyboardInterrupt), reporting(stops):
        trained.trained_predictions(session.run, session.train, rows, session.dataset, 1)
    with reporting(lambda *each: told.append(each)):
        _, found = trained.trained_predictions(session.run, session.train, rows, session.dataset, 1)
    assert fits == [(15, 0), (30, 0), (30, 1), (60, 0)]  # the first is read, the second goes on after its first epoch
    whole = [(done, total) for what, done, total in told if what == trained.ALL]
    assert whole == [(0, 105), (15, 105), (0, 105), (15, 105), (45, 105), (105, 105)]
    labels = session.dataset.labels
    assert set(found) == {15, 30, 60}
    again = trained.trained_predictions(session.run, session.train, rows, session.dataset, 1)[1]
    assert len(fits) == 4
    assert all((found[size][0] == again[size][0]).all() and found[size][0].shape == labels.shape for size in found)
    assert all(predicted.min() >= 0 and predicted.max() < 4 for (predicted,) in found.values())
