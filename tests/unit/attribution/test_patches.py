"""Patches that slide: where they lie, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.attribution.patches import masked_copies, sliding_patches


def spans(image_shape, size, stride):
    """The (first, last) rows of the strips, and columns."""
    patches = sliding_patches(image_shape, size, stride)
    return [
        [(int(on.min()), int(on.max())) for on in map(np.flatnonzero, strips)]
        for strips in (patches.rows, patches.columns)
    ]


@pytest.mark.parametrize(
    ("shape", "size", "stride", "rows", "columns"),
    [
        ((7, 5, 1), 3, 2, [(0, 2), (2, 4), (4, 6)], [(0, 2), (2, 4)]),
        ((7, 5, 1), 3, 3, [(0, 2), (3, 5), (4, 6)], [(0, 2), (2, 4)]),  # the last one is moved inside
        ((4, 9, 1), 6, 5, [(0, 3)], [(0, 5), (3, 8)]),  # cut to the image's height
        ((14, 21, 3), None, None, [(n, n + 1) for n in range(13)], [(n, n + 1) for n in range(20)]),
        ((8, 8, 1), None, 4, [(0, 3), (4, 7)], [(0, 3), (4, 7)]),  # as large as the stride
        ((8, 8, 1), 4, None, [(0, 3), (2, 5), (4, 7)], [(0, 3), (2, 5), (4, 7)]),
        ((1, 1, 1), None, None, [(0, 0)], [(0, 0)]),
    ],
)
def test_where_they_lie(shape, size, stride, rows, columns):
    assert spans(shape, size, stride) == [rows, columns]


def test_numbers_go_row_by_row_and_the_mean_is_over_the_patches_there():
    patches = sliding_patches((3, 4, 1), 2, 2)
    assert len(patches) == 4
    third = np.asarray(patches.at(np.array([2])))[0, :, :, 0]
    np.testing.assert_array_equal(third, [[0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]])
    mean = np.asarray(patches.mean(np.array([[1.0, 2, 4, 8]])))[0]
    np.testing.assert_array_equal(mean, [[1, 1, 2, 2], [2.5, 2.5, 5, 5], [4, 4, 8, 8]])


def test_copies_keep_what_the_mask_shows():
    images = np.array([[[[1.0], [2.0]]], [[[3.0], [4.0]]]])  # (2, 1, 2, 1)
    masks = np.array([[[[1.0], [0.0]]], [[[0.25], [1.0]]]])
    fill = np.full_like(images, -8)
    both = np.asarray(masked_copies(masks, images, fill)(np.array([1, 0])))
    np.testing.assert_array_equal(both[:, :, 0, :, 0], [[[-5.75, 2], [1, -8]], [[-5.25, 4], [3, -8]]])
    np.testing.assert_array_equal(both, np.asarray(masked_copies(lambda n: masks[n], images, fill)(np.array([1, 0]))))
    black = np.asarray(masked_copies(masks, images)(np.array([0])))
    np.testing.assert_array_equal(black[:, 0, 0, :, 0], [[1, 0], [3, 0]])
