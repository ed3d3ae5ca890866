"""Images go to other tools with what is known of them; each with the real package, where it is installed."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import workbench as wb
from workbench.core.attribution import Attribution
from workbench.core.dataset import Dataset
from workbench.core.errors import Unavailable
from workbench.data.saved_predictions import predictions_of
from workbench.diagnosis.opening import Session


@pytest.fixture
def images(tmp_path):
    """Sixty pictures of two kinds; ten are labelled as the other kind, and the model knows better."""
    chance = np.random.default_rng(0)
    kinds = np.arange(60) % 2
    pixels = (kinds[:, None, None, None] * 150 + chance.integers(0, 60, (60, 12, 12, 1))).astype(np.uint8)
    labels = np.where(np.arange(60) < 10, 1 - kinds, kinds)
    logits = np.where(kinds[:, None] == np.arange(2), 4.0, -4.0) + chance.normal(size=(60, 2))
    data = Dataset(pixels, labels, class_names=("dark", "bright"), indices=np.arange(60), name="made/test")
    session = Session(None, data, predictions=predictions_of(logits, kind="logits"), workspace=tmp_path / "w.workspace")
    session.images[:2].tag("check")
    return session.images


def test_hugging_face_gets_pictures_labels_names_and_tags(images):
    datasets = pytest.importorskip("datasets")
    made = images.where("label:bright").to_datasets()
    assert isinstance(made, datasets.Dataset) and len(made) == 30
    assert made.features["label"].names == ["dark", "bright"] and set(made["label"]) == {1}
    row = images.where("label:bright")[0]
    assert (np.asarray(made[0]["image"])[..., :1] == images.session.dataset.images[row]).all()
    assert made[0]["name"] == f"test/{row}" and made[0]["tags"] == ["check"]
    assert made[0]["confidence"] == pytest.approx(images.session.predictions.confidence[row])


def test_datalab_finds_the_labels_that_are_wrong(images):
    pytest.importorskip("datasets")
    lab = images.to_datalab()
    issues = lab.get_issues("label")
    assert np.flatnonzero(issues["is_label_issue"]).tolist() == list(range(10))


def test_fiftyone_gets_samples_with_predictions_and_maps(images, tmp_path):
    fo = pytest.importorskip("fiftyone")
    some = images[:3]
    maps = Attribution(
        np.arange(12, dtype=np.float32).reshape(3, 2, 2),
        target=np.zeros(3, int),
        score="logit",
        signed=False,
        method="grad-cam",
        params={},
        layer="conv",
        image_size=(12, 12),
        unit="logit",
    )
    samples = some.to_fiftyone(tmp_path / "pictures", maps)
    first = samples[0]
    assert isinstance(first, fo.Sample) and set(first.tags) == {"test", "check"}
    assert (first["label"].label, first["prediction"].label) == ("bright", "dark")
    assert first["name"] == "test/0" and first["grad_cam"].range == [0.0, 3.0]
    assert np.asarray(Image.open(first.filepath)).shape[:2] == (12, 12)


def test_without_the_package_it_is_one_sentence(images, monkeypatch, tmp_path):
    for name, ask in (("datasets", images.to_datasets), ("fiftyone", lambda: images.to_fiftyone(tmp_path))):
        monkeypatch.setitem(__import__("sys").modules, name, None)
        with pytest.raises(Unavailable, match="It is not installed: pip install"):
            ask()


def test_they_come_back_as_a_table_of_names_and_labels(images, tmp_path):
    from workbench.workspace.identities import Identities
    from workbench.workspace.imports import import_file

    (tmp_path / "theirs.csv").write_text("name,label,tags\ntest/0,dark,reviewed\ntest/11,bright,reviewed\n")
    data = images.session.dataset
    import_file(images.session.workspace, tmp_path / "theirs.csv", lambda: Identities.of(data), source="their tool")
    assert images.where("tag:reviewed") == (0, 11)
    assert images.where('correction:"relabel dark"') == (0,)
    assert wb.__version__
