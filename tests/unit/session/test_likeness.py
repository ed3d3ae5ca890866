"""Errors of a model that is fooled stand among others of their kind; wrong labels among images of another class."""

import numpy as np
import pytest

from workbench.core.dataset import Dataset
from workbench.core.predictions import Predictions
from workbench.session.likeness import alike


class Seen:
    """Three classes; the pictures show what is there, the embeddings what the model takes it for."""

    def __init__(self, seed, *, labels=None, taken=None):
        chance = np.random.default_rng(seed)
        self.there = there = np.repeat([0, 1, 2], 80)
        labels = there if labels is None else labels(there, chance)
        taken = there if taken is None else taken(there, chance)
        looks = np.random.default_rng(7).integers(40, 216, (9, 8, 8, 1))
        turned = np.where(taken == there, there, there + 3)  # what is turned looks like nothing else
        images = np.clip(looks[turned] + chance.normal(0, 12, (len(there), 8, 8, 1)), 0, 255).astype(np.uint8)
        self.dataset = Dataset(images, labels, class_names=("a", "b", "c"), indices=np.arange(240), name="seen")
        self.embeddings = (np.eye(3)[taken] + chance.normal(0, 0.05, (240, 3))).astype(np.float32)
        self.predictions = Predictions((6 * np.eye(3)[taken]).astype(np.float32), labels)


def some(share):
    return lambda there, chance: np.where(chance.random(len(there)) < share, (there + 1) % 3, there)


@pytest.mark.parametrize("share", [0.05, 0.15])
def test_an_image_with_a_wrong_label_looks_like_its_own_class(share):
    session = Seen(1, labels=some(share))
    errors = np.flatnonzero(~session.predictions.correct)
    assert alike(session, errors).mean() > 0.8


@pytest.mark.parametrize("share", [0.05, 0.15, 0.4])
def test_an_image_that_the_model_alone_takes_for_another_does_not(share):
    session = Seen(2, taken=some(share))
    errors = np.flatnonzero(~session.predictions.correct)
    assert len(errors) > 5 and not alike(session, errors).any()


def test_of_a_few_right_images_nothing_is_told():
    session = Seen(3, taken=lambda there, chance: (there + 1) % 3)
    assert not alike(session, np.arange(240)).any()
    assert alike(session, np.zeros(0, int)).shape == (0,)
