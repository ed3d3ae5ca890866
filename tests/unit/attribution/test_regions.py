"""Regions of an image: cells, segments, and what is painted on them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from workbench.attribution.regions import Regions, most_regions, regions_of, segments


def cells(shape, side):
    return np.asarray(regions_of("grid", np.zeros((1, *shape), np.float32), side).labels)


def test_cells_by_hand():
    np.testing.assert_array_equal(cells((3, 4, 1), 2), [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3]])


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (5, 33, 3), (224, 224, 3)])
@pytest.mark.parametrize("side", [2, 7, 20])
def test_no_cell_is_empty_and_all_are_alike(shape, side):
    """Also where there are fewer pixels than cells were asked for."""
    labels = cells(shape, side)
    sizes = np.bincount(labels.ravel())
    assert len(sizes) == most_regions("grid", shape, side) == min(side, shape[0]) * min(side, shape[1])
    assert sizes.min() > 0
    high, wide = shape[0] / min(side, shape[0]), shape[1] / min(side, shape[1])
    assert sizes.min() >= np.floor(high) * np.floor(wide)
    assert sizes.max() <= np.ceil(high) * np.ceil(wide)


def made(kind, shape):
    chance = np.random.default_rng(5)
    smooth = ndimage.gaussian_filter(chance.random(shape), (shape[0] / 14, shape[1] / 14, 0))
    return {
        "noise": chance.random(shape),
        "smooth": (smooth - smooth.min()) / np.ptp(smooth),
        "black": np.zeros(shape),
        "white": np.ones(shape),
        "beyond": 1.2 * chance.random(shape) - 0.1,
    }[kind].astype(np.float32)


@pytest.mark.parametrize("kind", ["noise", "smooth", "black", "white", "beyond"])
@pytest.mark.parametrize(
    "shape", [(8, 8, 1), (28, 28, 1), (28, 28, 3), (33, 8, 2), (64, 64, 4), (1, 5, 1), (96, 224, 3)]
)
@pytest.mark.parametrize("side", [2, 7])
def test_segments_are_several_but_not_too_many_and_hang_together(kind, shape, side):
    """As scikit-image has it noise is one segment, and 49 asked of 8 x 8 pixels are 64."""
    most = most_regions("slic", shape, side)
    labels = segments(made(kind, shape), most)
    assert labels.shape == shape[:2]
    assert np.unique(labels).tolist() == list(range(labels.max() + 1))
    assert most / 5 <= labels.max() + 1 <= most
    for number in range(labels.max() + 1):
        assert ndimage.label(labels == number, np.ones((3, 3)))[1] == 1


def test_segments_follow_the_edge_of_a_disc():
    rows, columns = np.mgrid[-14:14, -14:14] + 0.5
    disc = np.hypot(rows, columns) < 9
    for image in (disc[..., None] * np.ones(1), disc[..., None] * [1.0, 0.4, 0] + ~disc[..., None] * [0, 0.4, 1.0]):
        labels = segments(image.astype(np.float32), 49)
        share = np.bincount(labels.ravel(), disc.ravel()) / np.bincount(labels.ravel())
        assert np.minimum(share, 1 - share).max() < 0.1  # each lies inside or outside; of a grid's cells many do not
        of_cells = cells((28, 28, 1), 7)
        cut = np.bincount(of_cells.ravel(), disc.ravel()) / np.bincount(of_cells.ravel())
        assert np.minimum(cut, 1 - cut).max() > 0.3


@pytest.mark.parametrize("floats", [np.float32, np.float64])
def test_segments_of_a_batch_are_those_of_each_image_in_any_precision(floats):
    images = np.stack([made(kind, (12, 9, 3)) for kind in ("smooth", "noise", "black")])
    images = np.rint(255 * images).astype(np.uint8).astype(np.float32) / np.float32(255)
    found = regions_of("slic", images.astype(floats), 4)
    assert found.count == 16
    for labels, image in zip(np.asarray(found.labels), images, strict=True):
        np.testing.assert_array_equal(labels, segments(image, 16))
    one = regions_of("slic", images[1:2].astype(floats), 4)
    np.testing.assert_array_equal(one.labels[0], found.labels[1])
    np.testing.assert_array_equal(segments(images[0] + 1e-4, 16), found.labels[0])  # rounding does not move an edge


def test_what_is_painted_and_drawn():
    shown = np.array([[1.0, 0, 1], [0, 1, 1]])
    shared = Regions(np.array([[0, 1], [1, 2]], np.int32), 3)
    np.testing.assert_array_equal(np.asarray(shared.masks(shown))[..., 0], [[[1, 0], [0, 1]], [[0, 1], [1, 1]]])
    np.testing.assert_array_equal(np.asarray(shared.at_pixels(np.array([[5.0, 6, 7]]))), [[[5, 6], [6, 7]]])
    some = np.array([[[False, True], [False, False]], [[True, False], [False, True]]])
    np.testing.assert_array_equal(np.asarray(shared.with_any(some)), [[0, 1, 0], [1, 0, 1]])
    own = Regions(np.array([[[0, 1], [1, 2]], [[0, 0], [1, 1]]], np.int32), 3)
    masks = np.asarray(own.masks(shown))[..., 0]  # (B, s, H, W)
    np.testing.assert_array_equal(masks[0], [[[1, 0], [0, 1]], [[0, 1], [1, 1]]])
    np.testing.assert_array_equal(masks[1], [[[1, 1], [0, 0]], [[0, 0], [1, 1]]])
    np.testing.assert_array_equal(np.asarray(own.with_any(some)), [[0, 1, 0], [1, 1, 0]])
    np.testing.assert_array_equal(np.asarray(own.with_any(np.full((2, 2, 2), True))), [[1, 1, 1], [1, 1, 0]])
    drawn = np.asarray(own.at_pixels(np.array([[5.0, 6, 7], [8, 9, 0]])))
    np.testing.assert_array_equal(drawn, [[[5, 6], [6, 7]], [[8, 8], [9, 9]]])
