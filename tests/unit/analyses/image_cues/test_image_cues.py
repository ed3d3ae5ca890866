from types import SimpleNamespace

import numpy as np
import pytest

from analyses import image_cues
from analyses.image_cues import ImageCues, ImageCuesParams
from workbench.core.dataset import Dataset
from workbench.core.predictions import Predictions


def dataset(count, seed, name, cast):
    """A bright square on the left or on the right, or none; the third class is redder where there is a cast."""
    chance = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    images = chance.integers(60, 120, (count, 24, 24, 3))
    for image, label in zip(images, labels, strict=True):
        if label < 2:
            image[9:15, 12 * label + 3 : 12 * label + 9] += 110
    images[labels == 2] += np.array([cast, 0, -cast])
    pixels = np.clip(images, 0, 255).astype(np.uint8)
    return Dataset(pixels, labels, class_names=("left", "right", "none"), indices=np.arange(count), name=name)


class Probe:
    """Sees where it is bright; and how red it is, if it was taught so."""

    def __init__(self, colour):
        self.colour = colour

    def logits(self, images):
        halves = 20 * images.reshape(len(images), 24, 2, 12, 3).mean(axis=(1, 3, 4))
        none = halves.mean(axis=1) + 0.3
        red = images[..., 0].mean(axis=(1, 2)) - images[..., 2].mean(axis=(1, 2))
        return np.column_stack([halves, none + self.colour * red]).astype(np.float32)


def asked(colour, cast=40):
    data, train = dataset(240, 1, "made/test", cast), dataset(300, 2, "made/train", cast)
    probe = Probe(colour)
    said = Predictions(probe.logits(data.floats()), data.labels)
    session = SimpleNamespace(dataset=data, train=train, probe=probe, predictions=said, class_names=data.class_names)
    return ImageCues().compute(session, ImageCuesParams(given=100))


def test_a_colour_that_the_model_uses_is_named_with_how_much():
    result = asked(colour=12.0)
    (found,) = result.findings
    assert (found.kind, found.severity, found.classes, found.part) == ("shortcut", "serious", (2,), "train")
    assert found.claim.startswith("The colour cast of an image goes with none")
    assert found.effect.value > 0.5
    assert set(found.evidence) <= set(range(2, 300, 3)) and len(found.evidence) > 90
    line = result.tables["cues"].iloc[0]
    assert (line["statistic"], line["class"], line["control"] < line["flipped"]) == ("colour cast", "none", True)


def test_the_same_colour_is_no_shortcut_where_the_model_does_not_look_at_it():
    (found,) = asked(colour=0.0).findings
    assert found.kind is None and "used as a shortcut" in found.claim


def test_without_a_cast_there_is_none():
    assert asked(colour=12.0, cast=0).findings[0].kind is None


@pytest.mark.parametrize(
    ("counts", "classes"),
    [([12] * 8 + [6] * 60, 8), ([40] * 30, 10), ([30, 30, 4], 2), ([3] * 40, 40)],
    ids=["a long tail", "more classes than images allow", "one is rare", "all are rare"],
)
def test_as_many_classes_are_measured_as_can_have_ten_images_each(counts, classes):
    labels = np.repeat(np.arange(len(counts)), counts)
    rows = image_cues._measured(labels, ImageCuesParams(images=100))
    found, sizes = np.unique(labels[rows], return_counts=True)
    assert len(found) == classes
    assert len(rows) == len(np.unique(rows)) <= 100
    assert (sizes >= 10).all() == (min(counts) >= 10 or classes < len(counts))
