"""RISE against equation 6 of arXiv:1806.07421 in float64, with the documented draw of grids and offsets."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from workbench.attribution.masks import random_masks
from workbench.attribution.methods import explainer
from workbench.models.probe import Probe


def enlarged(grid, height, width):
    """Bilinear with half-pixel centres, pixel by pixel: (g, g) to (height, width)."""
    large = np.zeros((height, width))
    for i in range(height):
        for j in range(width):
            y = min(max((i + 0.5) * grid.shape[0] / height - 0.5, 0), grid.shape[0] - 1)
            x = min(max((j + 0.5) * grid.shape[1] / width - 0.5, 0), grid.shape[1] - 1)
            top, left = int(y), int(x)
            below, right = min(top + 1, grid.shape[0] - 1), min(left + 1, grid.shape[1] - 1)
            upper = grid[top, left] * (1 - (x - left)) + grid[top, right] * (x - left)
            lower = grid[below, left] * (1 - (x - left)) + grid[below, right] * (x - left)
            large[i, j] = upper * (1 - (y - top)) + lower * (y - top)
    return large


def mask_of(grid, offset, height, width):
    """A grid made ((g + 1) ceil(H / g)) high and as much wide, and cut to (H, W) at its offset."""
    side = len(grid)
    large = enlarged(grid, (side + 1) * -(-height // side), (side + 1) * -(-width // side))
    return large[offset[0] : offset[0] + height, offset[1] : offset[1] + width]


def replica(case, number, score, masks, grid, probability, normalised, seed):
    """S = sum_i s(x o m_i) m_i / (N p), or / sum_i m_i, or that less the mean of s(x o m_i)."""
    image = case.images[number].astype(np.float64)
    drawn = random_masks(image.shape, masks, grid, probability, seed)
    total, seen, scores = np.zeros(image.shape[:2]), np.zeros(image.shape[:2]), []
    for cells, offset in zip(drawn.grids.astype(np.float64), drawn.offsets, strict=True):
        mask = mask_of(cells, offset, *image.shape[:2])
        scores.append(case.value(image * mask[..., None], number, score))
        total += scores[-1] * mask
        seen += mask
    paper, own = total / (masks * probability), total / seen
    return {"paper": paper, "self": own, "centred": own - np.mean(scores)}[normalised]


@pytest.mark.parametrize(
    ("score", "masks", "grid", "probability", "normalised", "seed"),
    [
        ("logit", 40, 7, 0.5, "paper", 0),
        ("probability", 25, 3, 0.3, "self", 4),
        ("contrast", 30, 4, 0.7, "centred", 1),
        ("logit", 30, 12, 0.5, "self", 2),  # more cells than pixels
    ],
)
def test_every_model(case, agree, score, masks, grid, probability, normalised, seed):
    params = {"masks": masks, "grid": grid, "probability": probability, "normalised": normalised, "seed": seed}
    expected = np.stack([replica(case, number, score, **params) for number in range(len(case.images))])
    agree(case.attribute("rise", score, **params), expected, 1e-4, "rise")


@pytest.mark.parametrize(("normalised", "tolerance"), [("self", 1e-6), ("centred", 1e-6), ("paper", 0.2)])
def test_a_constant_model_has_a_constant_map(normalised, tolerance):
    """Exactly, if the masks that were drawn are divided by; the paper's division is right on average only."""
    model = keras.Sequential([keras.Input((14, 11, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    model.set_weights([np.zeros((14 * 11 * 3, 2)), np.array([3.7, -1.3])])
    images = np.random.default_rng(0).random((2, 14, 11, 3), np.float32)
    values = (
        explainer("rise")(masks=300, normalised=normalised).attribute(Probe(model), images, np.array([0, 1])).values
    )
    expected = np.array([0, 0] if normalised == "centred" else [3.7, -1.3])[:, None, None]
    deviation = np.abs(values - expected).max() / 3.7
    assert deviation < tolerance
    assert normalised != "paper" or deviation > 1e-3  # the sum of masks is not even


def test_what_a_model_looks_at_is_what_its_map_shows():
    """The score is one pixel's brightness, on white: M is E[m(l) m(p)] / E[m(l)], largest at p and p elsewhere."""
    model = keras.Sequential([keras.Input((21, 21, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    kernel = np.zeros((21 * 21, 2))
    kernel[21 * 6 + 14, 0] = 1
    model.set_weights([kernel, np.zeros(2)])
    white = np.ones((1, 21, 21, 1), np.float32)
    values = explainer("rise")(masks=4000).attribute(Probe(model), white, np.array([0])).values[0]
    top = np.unravel_index(values.argmax(), values.shape)
    assert np.abs(np.array(top) - [6, 14]).max() <= 1
    far = np.hypot(*np.mgrid[-6:15, -14:7]) > 9
    assert np.abs(values[far] - 0.5).max() < 0.06  # of two cells apart: E[m(l)] E[m(p)] / E[m(l)] = p
    assert values[6, 14] > 0.65


@pytest.mark.parametrize("floats", ["float32", "float64"])
def test_the_masks_are_those_of_a_bilinear_resize(floats):
    drawn = random_masks((30, 23, 3), 6, 5, 0.5, 9)
    masks = np.asarray(drawn.at(np.arange(6), floats))[..., 0]
    assert masks.dtype == floats
    for mask, grid, (top, left) in zip(masks, drawn.grids, drawn.offsets, strict=True):
        np.testing.assert_allclose(mask, mask_of(grid.astype(np.float64), (top, left), 30, 23), atol=1e-6)
        large = tf.image.resize(grid[..., None], (6 * 6, 6 * 5)).numpy()[..., 0]
        np.testing.assert_allclose(mask, large[top : top + 30, left : left + 23], atol=1e-6)
