"""A linear model whose use of a corner is known, so that every count can be said beforehand."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from analyses.reliance.shortcuts import find_shortcuts, sample, shortcut_finding
from workbench.core.dataset import Dataset
from workbench.session.session import Session

CORNER = (slice(0, 2), slice(0, 2))


def made(count, seed, marked):
    """Class 0 is bright on the left, class 1 on the right; some of class 1 have a white corner."""
    chance = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    images = np.zeros((count, 12, 12, 1), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[4:9, 6 * label + 1 : 6 * label + 5, 0] = chance.integers(80, 200, (5, 4))
    rows = np.flatnonzero((labels == 1) & (chance.random(count) < marked))
    images[(rows, *CORNER)] = 255
    return images, labels


def model(weight):
    """f_1 - f_0 is right less left half, and `weight` times the corner."""
    network = keras.Sequential([keras.Input((12, 12, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    slope = np.zeros((12, 12))
    slope[4:, 6:], slope[4:, :6], slope[CORNER] = 1, -1, weight
    network.set_weights([np.stack([-slope, slope], axis=-1).reshape(-1, 2) / 2, np.zeros(2)])
    return network


@pytest.fixture
def opened():
    def build(weight, marked=0.6):
        parts = [
            Dataset(*made(200, seed, share), class_names=("left", "right"), indices=np.arange(200), name=f"made/{name}")
            for seed, share, name in ((0, 0.0, "test"), (1, marked, "train"))
        ]
        return Session(model(weight), parts[0], train=parts[1], cache=False)

    return build


def test_a_mark_that_the_model_uses_wins_all_images_and_its_control_none(opened):
    session = opened(20.0)
    looked = sample(session)
    (found,), _ = find_shortcuts(session, looked, 80, 4)
    assert len(looked) == 200
    assert found.mark.label == 1 and np.argwhere(found.mark.pixels).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert (found.pasted, found.flipped, found.control, found.elsewhere) == (80, 80, 0, 0)
    assert found.used and found.gained > 0.99
    finding = shortcut_finding(found, ("left", "right"), 200, "train")
    assert (finding.severity, finding.kind, finding.classes, finding.part) == ("serious", "shortcut", (1,), "train")
    assert "4 pixels (upper left corner, rows 0–1, columns 0–1) occurs with right" in finding.claim
    assert "it flips 100 % (95 % interval 95.4–100 %) to right" in finding.claim


def test_a_mark_that_the_model_does_not_see_is_mild(opened):
    session = opened(0.0)
    (found,), _ = find_shortcuts(session, sample(session), 80, 4)
    assert (found.pasted, found.flipped, found.lost) == (80, 0, 0)
    assert not found.used
    assert shortcut_finding(found, ("left", "right"), 200, "train").severity == "mild"


def test_without_a_mark_nothing_is_tried(opened):
    session = opened(20.0, marked=0.0)
    assert find_shortcuts(session, sample(session), 80, 4)[0] == []


def test_images_that_are_wrong_for_lack_of_the_mark_are_its_cost(opened):
    session = opened(20.0)
    network = session.model
    kernel, bias = network.get_weights()
    network.set_weights([kernel, np.add(bias, [40.0, 0.0])])  # now only the mark makes it say "right"
    (found,), _ = find_shortcuts(session, sample(session), 80, 4)
    assert sorted(found.harmed) == np.flatnonzero(session.dataset.labels == 1).tolist()
    assert shortcut_finding(found, ("left", "right"), 200, "train").at_stake == 0.5
    assert (found.removed, found.lost) == (found.mark.carrying, found.mark.carrying)


def test_a_class_that_is_lost_without_its_mark_uses_it_though_no_other_is_won(opened):
    session = opened(0.0)
    (found,), _ = find_shortcuts(session, sample(session), 80, 4)
    assert replace(found, removed=60, lost=15).used
    assert not replace(found, removed=60, lost=6).used  # 4.7 % at least, of 10 %
    assert not replace(found, removed=0, lost=0).used
