from types import SimpleNamespace

import numpy as np

from analyses.sanity_check.part_changed import partly_changed
from workbench.core.dataset import Dataset
from workbench.core.predictions import Predictions
from workbench.models.input_variants import conventions
from workbench.models.preprocessing_search import AS_THEY_ARE, correct_on


class Quarters:
    """Says which quarter is bright."""

    def logits(self, images):
        return images.reshape(len(images), 2, 4, 2, 4).mean(axis=(2, 4)).reshape(len(images), 4).astype(np.float32)


def asked(turned):
    chance = np.random.default_rng(0)
    labels = chance.integers(0, 4, 200)
    images = chance.integers(0, 60, (200, 8, 8, 1)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[4 * (label // 2) :, 4 * (label % 2) :][:4, :4] += 150
    images[turned] = np.rot90(images[turned], 2, axes=(1, 2))
    data = Dataset(images, labels, class_names=tuple("abcd"), indices=np.arange(200), name="made/test")
    probe = Quarters()
    said = Predictions(probe.logits(data.floats()), data.labels)
    session = SimpleNamespace(dataset=data, probe=probe, predictions=said)
    rows = np.arange(200)
    ways = {name: way for name, way in conventions((8, 8, 1)).items() if not way.scales}
    right = {name: correct_on(probe, data, rows, way.change) for name, way in ways.items()}
    return partly_changed(session, {AS_THEY_ARE: said.correct, **right}, ways), said


def test_where_half_are_turned_round_it_is_said_which_and_by_how_much():
    turned = np.arange(0, 200, 2)
    (found,), said = asked(turned)
    assert found.kind == "train-test-shift" and "turned by 180°" in found.claim
    assert set(found.evidence) == set(np.flatnonzero(~said.correct)) <= set(turned.tolist())
    assert found.cost.value == (~said.correct).mean() > 0.1


def test_where_none_is_turned_nothing_is_said():
    assert asked(np.zeros(0, int))[0] == []
