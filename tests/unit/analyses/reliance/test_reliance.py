"""Objects to the left or to the right, a model that looks at them alone, and one that looks at a corner."""

import keras
import numpy as np
import pytest

from analyses.reliance import Reliance, RelianceParams
from workbench.core.dataset import Dataset
from workbench.session.session import Session

CORNER = (slice(0, 2), slice(0, 2))


def part(count, seed, marked, name):
    chance = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    images = np.zeros((count, 14, 14, 1), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[5:11, 7 * label + 1 : 7 * label + 5, 0] = chance.integers(80, 200, (6, 4))
    images[(np.flatnonzero((labels == 1) & (chance.random(count) < marked)), *CORNER)] = 255
    return Dataset(images, labels, class_names=("left", "right"), indices=np.arange(count), name=f"made/{name}")


@pytest.fixture(scope="module")
def answer():
    def ask(weight, marked):
        network = keras.Sequential([keras.Input((14, 14, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
        slope = np.zeros((14, 14))
        slope[5:11, 8:12], slope[5:11, 1:5], slope[CORNER] = 1, -1, weight
        network.set_weights([np.stack([-slope, slope], axis=-1).reshape(-1, 2) / 2, np.zeros(2)])
        session = Session(network, part(60, 0, 0.0, "test"), train=part(200, 1, marked, "train"), cache=False)
        return Reliance().compute(session, RelianceParams(images=40, method="input-x-gradient"))

    return ask


def test_a_model_of_the_object_has_its_evidence_there_and_needs_no_texture(answer, words):
    result = answer(0.0, 0.0)
    classes = result.tables["classes"]
    assert classes["background"].tolist() == [0, 0]  # black pixels times any slope
    np.testing.assert_allclose(classes["object"] + classes["ring"], 1)
    cues = result.tables["cues"].set_index("cue")
    assert cues["right"][["whole", "silhouette", "texture"]].tolist() == [40, 40, 40]
    assert cues["accuracy"]["background"] == 0.5  # all black: one class is said of all
    assert all(each.severity == "info" for each in result.findings if "only" not in each.claim)
    assert not any(each.severity in ("serious", "critical") for each in result.findings)
    assert "silhouette" in words(Reliance().draw(result))


def test_a_used_corner_is_serious_and_its_images_are_evidence(answer, words):
    result = answer(30.0, 0.6)
    first = result.findings[0]
    assert (first.severity, first.kind, first.classes, first.part) == ("serious", "shortcut", (1,), "train")
    assert "upper left corner, rows 0–1, columns 0–1" in first.claim
    train = part(200, 1, 0.6, "train")
    assert set(first.evidence) == set(np.flatnonzero(train.images[:, 0, 0, 0] == 255).tolist())
    assert result.tables["marks"].iloc[0]["flips"] == 1
    assert "flips 100 % of others" in words(Reliance().draw(result))
