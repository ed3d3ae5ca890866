"""Predictions are enough: every analysis answers from scores that were made elsewhere, or says what it lacks."""

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from tests.patience import PATIENCE
from workbench.app.page.desk import Desk
from workbench.app.page.page import Panes
from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.data.saved_predictions import predictions_of
from workbench.diagnosis import opening, registry

ALL = sorted(registry.analyses())
WITHOUT_MODEL = {
    "augmentation-samples", "calibration", "class-balance", "class-groups", "confusion-matrix", "embedding-map",
    "label-issues", "most-confused", "near-duplicates", "neighbours", "outliers", "overview", "per-class",
    "pixel-values", "prototypes", "samples", "sanity-check", "slices", "top-losses", "triage",
}  # fmt: skip
"""What needs the images at most."""
OF_PIXELS = {"augmentation-samples", "near-duplicates", "outliers", "pixel-values", "samples", "slices"}
WITHOUT_IMAGES = WITHOUT_MODEL - OF_PIXELS
CLASSES, COUNT = ("cat", "dog", "owl"), 150


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Scores in a file, the data in another one; 80 % of the predictions are right."""
    chance, folder = np.random.default_rng(5), tmp_path_factory.mktemp("elsewhere")
    labels = np.arange(COUNT) % 3
    logits = chance.normal(size=(COUNT, 3))
    logits[np.arange(COUNT), labels] += 2.2
    images = chance.integers(0, 90, (COUNT, 12, 12, 1), dtype=np.uint8)
    images[:, :, :6] += np.uint8(40) * labels[:, None, None, None].astype(np.uint8)
    np.savez(folder / "scores.npz", logits=logits, labels=labels, class_names=np.array(CLASSES))
    np.savez(folder / "data.npz", x_test=images, y_test=labels, class_names=np.array(CLASSES))
    return folder


@pytest.fixture(scope="module", params=["without images", "with images"])
def session(request, files):
    data = files / "data.npz" if request.param == "with images" else None
    opened = wb.open_session(predictions=files / "scores.npz", data=data)
    opened.cache = False
    return opened


@pytest.mark.parametrize("name", ALL)
def test_it_answers_or_says_what_it_lacks(name, session):
    with_images = session.dataset.has_images
    if name not in (WITHOUT_MODEL if with_images else WITHOUT_IMAGES):
        reason = registry.missing(session, name)
        assert reason is not None
        with pytest.raises(WorkbenchError, match="cannot be answered here"):
            session.analyze(name)
        return
    assert registry.missing(session, name) is None
    result = session.analyze(name, **(registry.analysis(name).quick or {}))
    assert result.findings
    result.draw()


def test_what_follows_from_scores_is_what_the_scores_say(session, files):
    scores = np.load(files / "scores.npz")
    right = scores["logits"].argmax(1) == scores["labels"]
    assert session.predictions.correct.mean() == right.mean()
    cells = session.analyze("confusion-matrix").arrays["counts"]
    np.testing.assert_array_equal(cells, pd.crosstab(scores["labels"], scores["logits"].argmax(1)).to_numpy())
    assert session.name == "scores"
    assert (
        session.model_fingerprint
        != wb.Session(predictions=scores["logits"][::-1], dataset=session.dataset).model_fingerprint
    )


def test_the_diagnosis_asks_what_can_be_asked(session):
    found = wb.diagnose(session, quick=True)
    assert set(found.left_out) <= set(ALL) - WITHOUT_IMAGES
    assert found.findings


def test_the_model_is_asked_for_by_name(session):
    for ask in (lambda: session.attribute("saliency", [0]), lambda: session.probe, lambda: session.model):
        with pytest.raises(WorkbenchError, match=r"no model here, only its predictions|no images here"):
            ask()
    with pytest.raises(WorkbenchError, match="not both"):
        wb.Session("model.keras", session.dataset, predictions=np.eye(3))


def test_the_page_shows_everything_but_maps(session):
    desk = Desk(session)
    desk.start()
    assert desk.loading.done.wait(PATIENCE)
    panes = Panes(desk)
    query = {"section": "errors"}
    shown, _ = panes.look({"view": query})
    assert "cat" in shown["matrix"]
    assert "most confident" in shown["gallery"]
    detail = panes.detail(query)
    assert "only its predictions" in detail
    assert "Classes, %" in detail
    assert "Not available" in panes.answer({"section": "robustness"})
    assert "no model here" not in panes.answer({"section": "start"})  # a diagnosis, which needs none
    for section in ("own", "robustness", "triage", "start"):
        panes.look({"view": {"section": section}})
        assert "should not have" not in panes.answer({"section": section}) + panes.detail({"section": section})
    desk.close()


def test_exchanged_class_names_are_found_without_the_model():
    labels = np.arange(300) % 3
    given = wb.Session(
        predictions=predictions_of(8.0 * np.eye(3)[(labels + 1) % 3], labels, kind="logits"), cache=False
    )
    kinds = [finding.kind for finding in given.analyze("sanity-check").findings]
    assert kinds == ["label-permutation"]


def test_training_images_are_found_by_name():
    labels = np.arange(60) % 3
    names = np.array([f"{part}/{n}.png" for n in range(30) for part in ("train", "test")])
    images, rows = np.zeros((30, 8, 8, 1), np.uint8), np.arange(30)
    train, test = (
        Dataset(images, labels[n::2], class_names=CLASSES, indices=rows, name=f"made/{part}", names=names[n::2])
        for n, part in enumerate(("train", "test"))
    )
    saved = predictions_of(np.eye(3)[labels], names=names)
    session = wb.Session(predictions=saved, dataset=test, train=train, cache=False)
    assert session.training.predictions.correct.all()
    assert wb.Session(predictions=np.eye(3)[labels[1::2]], dataset=test, train=train, cache=False).training is None


def test_parts_of_one_file_are_training_and_test_images(files):
    scores = np.load(files / "scores.npz")
    split = np.array(["train", "test"])[np.arange(COUNT) % 2]
    np.savez(files / "both.npz", logits=scores["logits"], labels=scores["labels"], split=split)
    session = wb.open_session(predictions=files / "both.npz")
    session.cache = False
    assert (len(session.dataset), len(session.train)) == (75, 75)
    right = scores["logits"].argmax(1) == scores["labels"]
    assert session.training.predictions.correct.tolist() == right[split == "train"].tolist()
    assert len(session.analyze("label-issues").tables) == 4
    session.analyze("generalisation").draw()


def test_metadata_of_all_parts_is_read_once(files, tmp_path, monkeypatch):
    scores = np.load(files / "scores.npz")
    split = np.array(["train", "test"])[np.arange(COUNT) % 2]
    np.savez(tmp_path / "both.npz", logits=scores["logits"], labels=scores["labels"], split=split)
    table = tmp_path / "more.csv"
    table.write_text(
        "part,index,age\n"
        + "".join(f"{part},{n},{n + k}\n" for k, part in enumerate(("train", "test")) for n in range(75))
    )
    opened, read = [], opening.read_metadata
    monkeypatch.setattr(opening, "read_metadata", lambda path: (opened.append(path), read(path))[1])
    session = wb.open_session(predictions=tmp_path / "both.npz", metadata=table)
    assert session.train.metadata["age"].tolist() == list(range(75))
    assert session.dataset.metadata["age"].tolist() == list(range(1, 76))
    assert opened == [table]
