"""Sobol attribution against Jansen's estimator, region after region in float64, and indices that are known."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from workbench.attribution.designs import sobol_design
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


def replica(case, number, score, kind, side, reference, designs, seed):
    """S_i = sum over A's rows of (f(A) - f(A with B's i))² / (2 N Var f(A)); f mixes regions with the reference."""
    image = case.images[number].astype(np.float64)
    labels = regions_of(kind, image, side)
    design = sobol_design(side * side, designs, seed).astype(np.float64).reshape(-1, designs, side * side)

    def f(row):
        return case.value(FILL[reference] + (image - FILL[reference]) * row[labels][..., None], number, score)

    first = [f(row) for row in design[0]]
    variance = np.var(first, ddof=1)
    indices = np.zeros(side * side)
    for region in range(labels.max() + 1):
        changed = [f(row) for row in design[region + 1]]
        indices[region] = sum((a - c) ** 2 for a, c in zip(first, changed, strict=True)) / (2 * designs * variance)
    return indices[labels]


@pytest.mark.parametrize(
    ("score", "kind", "side", "reference", "designs", "seed"),
    [
        ("logit", "grid", 3, "black", 8, 0),
        ("probability", "grid", 2, "grey", 4, 3),
        ("contrast", "slic", 3, "white", 8, 1),
    ],
)
def test_every_model(case, agree, score, kind, side, reference, designs, seed):
    how = {"side": side, "reference": reference, "designs": designs, "seed": seed}
    expected = np.stack([replica(case, n, score, kind, **how) for n in range(len(case.images))])
    agree(case.attribute("sobol", score, regions=kind, **how), expected, 1e-4, "sobol")


@pytest.mark.parametrize("seed", [0, 1])
def test_each_column_of_a_design_is_even_and_only_one_column_is_exchanged(seed):
    first, *others = sobol_design(5, 16, seed).reshape(6, 16, 5)
    np.testing.assert_array_equal(np.sort(np.floor(first * 16), axis=0), np.arange(16)[:, None].repeat(5, axis=1))
    for region, other in enumerate(others):
        assert (other[:, region] != first[:, region]).any()
        np.testing.assert_array_equal(np.delete(other, region, axis=1), np.delete(first, region, axis=1))


def test_of_a_linear_model_a_region_has_its_share_of_the_squares():
    """f = sum a_i m_i with even m_i: an index is a_i² / sum a²; nothing interacts, so that they add up to 1."""
    model = keras.Sequential([keras.Input((9, 6, 2)), keras.layers.Flatten(), keras.layers.Dense(3)])
    chance = np.random.default_rng(2)
    model.set_weights([chance.normal(0, 1, each.shape) for each in model.get_weights()])
    images, target = chance.random((2, 9, 6, 2), np.float32), np.array([2, 0])
    values = explainer("sobol")(side=3, designs=256).attribute(Probe(model), images, target).values
    worth = (model.get_weights()[0][:, target].T.reshape(images.shape) * images).sum(axis=-1)
    cells = worth.reshape(2, 3, 3, 3, 2).sum(axis=(2, 4)) ** 2
    known = cells / cells.sum(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(values[:, ::3, ::2], known, atol=0.03)
    np.testing.assert_allclose(values[:, ::3, ::2].sum(axis=(1, 2)), 1, atol=0.05)


def test_of_a_product_both_have_four_sevenths_and_what_plays_no_role_has_nothing():
    """f = m_0 m_1 of even m: V = 1/9 - 1/16, E Var(f | m_1) = 1/3 · 1/12, so that the index is 4/7."""
    image = keras.Input((2, 2, 1))
    flat = keras.layers.Flatten()(image)
    product = flat[:, :1] * flat[:, 1:2]
    probe = Probe(keras.Model(image, ops.concatenate([product, -product], axis=1)))
    white = np.ones((1, 2, 2, 1), np.float32)
    values = explainer("sobol")(side=2, designs=256).attribute(probe, white, np.array([0])).values[0]
    np.testing.assert_allclose(values, [[4 / 7, 4 / 7], [0, 0]], atol=0.03)
