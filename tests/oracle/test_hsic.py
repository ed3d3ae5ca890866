"""HSIC attribution against tr(KHLH) / (n - 1)² in float64, with every matrix written out, and values that are known."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from workbench.attribution.designs import halved_design
from workbench.attribution.methods import explainer
from workbench.attribution.regions import segments
from workbench.models.probe import Probe

FILL = {"black": 0.0, "grey": 0.5, "white": 1.0}


def regions_of(kind, image, side):
    """(H, W) number of each pixel's region."""
    height, width = image.shape[:2]
    if kind == "slic":
        return segments(image, side * side)
    return np.array([[(i * side // height) * side + j * side // width for j in range(width)] for i in range(height)])


def hsic(shown, scores):
    """Of one region: K says where two masks agree, L how near two scores are, H takes out the mean."""
    count, width = len(scores), np.std(scores)
    K = np.array([[float(one == other) for other in shown] for one in shown])
    L = np.array([[np.exp(-((one - other) ** 2) / (2 * width**2)) for other in scores] for one in scores])
    H = np.eye(count) - 1 / count
    return np.trace(K @ H @ L @ H) / (count - 1) ** 2


def replica(case, number, score, kind, side, reference, masks, seed):
    image = case.images[number].astype(np.float64)
    labels = regions_of(kind, image, side)
    design = halved_design(side * side, masks, seed)
    away = np.full_like(image, FILL[reference])
    scores = [case.value(np.where(row[labels][..., None] > 0, image, away), number, score) for row in design]
    return np.array([hsic(design[:, region], scores) for region in range(side * side)])[labels]


@pytest.mark.parametrize(
    ("score", "kind", "side", "reference", "masks", "seed"),
    [
        ("logit", "grid", 3, "black", 40, 0),
        ("probability", "grid", 2, "grey", 11, 3),
        ("contrast", "slic", 3, "white", 30, 1),
    ],
)
def test_every_model(case, agree, score, kind, side, reference, masks, seed):
    how = {"side": side, "reference": reference, "masks": masks, "seed": seed}
    expected = np.stack([replica(case, n, score, kind, **how) for n in range(len(case.images))])
    agree(case.attribute("hsic", score, regions=kind, **how), expected, 1e-4, "hsic")


@pytest.mark.parametrize("masks", [20, 21])
def test_each_region_is_shown_in_half_of_the_masks_each_in_others(masks):
    design = halved_design(9, masks, 4)
    assert (design.sum(axis=0) == masks // 2).all()
    assert len({tuple(column) for column in design.T}) == 9


def test_what_decides_alone_has_all_that_there_can_be_and_what_plays_no_role_nearly_nothing():
    """f = m_0: scores are 0 and 1, their deviation is a half, so that HSIC is (1 - exp(-2)) / 4 (n / (n - 1))²."""
    image = keras.Input((2, 2, 1))
    first = keras.layers.Flatten()(image)[:, :1]
    probe = Probe(keras.Model(image, ops.concatenate([first, -first], axis=1)))
    white = np.ones((1, 2, 2, 1), np.float32)
    known = (1 - np.exp(-2)) / 4
    for masks, chance in ((100, 0.05), (2000, 0.005)):
        values = explainer("hsic")(side=2, masks=masks).attribute(probe, white, np.array([1])).values[0].ravel()
        np.testing.assert_allclose(values[0], known * (masks / (masks - 1)) ** 2, rtol=1e-5)
        assert (values[1:] >= 0).all()
        assert values[1:].max() < chance * known


def test_a_score_that_is_scaled_and_shifted_has_the_same_map(case, agree):
    before = case.model.get_weights()
    values = case.attribute("hsic", masks=50)
    try:
        case.model.set_weights([*before[:-2], 30 * before[-2], 30 * before[-1] + 7])
        agree(case.attribute("hsic", masks=50), values, 1e-4, "hsic, scaled")
    finally:
        case.model.set_weights(before)
