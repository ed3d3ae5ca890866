"""Errors of a model that is fooled stand among others of their kind; wrong labels among images of another class."""

from types import SimpleNamespace

import numpy as np
import pytest

from workbench.core.dataset import Dataset
from workbench.core.predictions import Predictions
from workbench.session import likeness
from workbench.session.likeness import alike, borderline


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


@pytest.mark.parametrize("pairs", [likeness.PAIRS, 30_000], ids=["all vote", "some vote"])
@pytest.mark.parametrize("share", [0.05, 0.15])
def test_an_image_with_a_wrong_label_looks_like_its_own_class(share, pairs, monkeypatch):
    monkeypatch.setattr(likeness, "PAIRS", pairs)
    session = Seen(1, labels=some(share))
    errors = np.flatnonzero(~session.predictions.correct)
    assert alike(session, errors).mean() > 0.8


@pytest.mark.parametrize("pairs", [likeness.PAIRS, 30_000], ids=["all vote", "some vote"])
@pytest.mark.parametrize("share", [0.05, 0.15, 0.4])
def test_an_image_that_the_model_alone_takes_for_another_does_not(share, pairs, monkeypatch):
    monkeypatch.setattr(likeness, "PAIRS", pairs)
    session = Seen(2, taken=some(share))
    errors = np.flatnonzero(~session.predictions.correct)
    assert len(errors) > 5 and not alike(session, errors).any()


def test_of_a_few_right_images_nothing_is_told():
    session = Seen(3, taken=lambda there, chance: (there + 1) % 3)
    assert not alike(session, np.arange(240)).any()
    assert alike(session, np.zeros(0, int)).shape == (0,)


def shades(seed, *, edge):
    """Two classes whose shades of grey overlap; and 30 errors.

    They are bright images labelled dark, or dark ones as bright as the darker of the bright ones, which the model takes
    for these.
    """
    chance = np.random.default_rng(seed)
    there = np.repeat([0, 1], 300)
    shade = chance.normal(3 * there, 1)
    labels, taken = there.copy(), there.copy()
    rows = (0 if edge else 300) + chance.permutation(300)[:30]
    if edge:
        shade[rows], taken[rows] = chance.uniform(1.7, 2.7, 30), 1
    else:
        labels[rows] = 0
    pixels = 80 + 30 * shade[:, None] + chance.normal(0, 1, (600, 16))
    images = np.clip(pixels, 0, 255).astype(np.uint8).reshape(600, 4, 4, 1)
    return SimpleNamespace(
        dataset=Dataset(images, labels, class_names=("dark", "bright"), indices=np.arange(600), name="shades"),
        embeddings=(np.eye(2)[taken] + chance.normal(0, 0.05, (600, 2))).astype(np.float32),
        predictions=Predictions((6 * np.eye(2)[taken]).astype(np.float32), labels),
    )


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_errors_at_the_edge_of_a_class_are_told_from_its_images_with_a_wrong_label(seed):
    for edge in (True, False):
        session = shades(seed, edge=edge)
        errors = np.flatnonzero(~session.predictions.correct)
        passing = errors[alike(session, errors)]
        assert len(passing) > 20
        assert borderline(session, passing) == edge
    assert not borderline(session, np.zeros(0, int))
