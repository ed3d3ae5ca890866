"""Objects told from their background, on pictures small enough to be read."""

from __future__ import annotations

import numpy as np

from workbench.data.objects import background_images, object_masks, plain


def picture(rows: list[str], **shades: float) -> np.ndarray:
    """One character a pixel; "." is 0."""
    return np.array([[[shades.get(each, 0.0)] for each in row] for row in rows], np.float32)


RING = picture(["......", ".aaa..", ".a.a..", ".aaa..", "......", ".....a"], a=0.8)


def test_the_object_has_its_hole_and_a_speck_is_none():
    expected = np.zeros((8, 8), bool)
    expected[1:5, 1:5] = True
    speck = picture(
        ["........", ".aaaa...", ".a..a...", ".a..a...", ".aaaa...", "........", "........", ".......a"], a=1
    )
    np.testing.assert_array_equal(object_masks(speck[None])[0], expected)


def test_of_several_objects_each_is_one():
    """As in a mosaic: the second largest, and whatever is no speck beside it."""
    rows = ["aaaa......", "aaaa...bbb", "aaaa...bbb", *4 * [".........."], "...bb.....", "...bb.....", "...bb....."]
    several = picture(rows, a=1, b=0.4)
    np.testing.assert_array_equal(object_masks(several[None])[0], several[..., 0] > 0)


def test_a_white_background_is_a_background_too_and_bytes_are_pixels():
    inverted = (255 * (1 - RING)).round().astype(np.uint8)
    np.testing.assert_array_equal(object_masks(inverted[None]), object_masks(RING[None]))
    assert background_images(1 - RING[None], object_masks(1 - RING[None])).ravel() == [1.0]


def test_an_object_may_touch_the_border():
    touching = picture(["aa....", "aa....", "aa....", "......", "......", "......"], a=1)
    assert object_masks(touching[None])[0].sum() == 6


def test_where_there_is_no_plain_background_everything_is_object():
    photograph = np.random.default_rng(0).random((1, 9, 8, 3), np.float32)
    masks = object_masks(photograph)
    assert masks.all()
    assert plain(masks).tolist() == [False]
    np.testing.assert_allclose(
        background_images(photograph, masks)[0, 0, 0], photograph[0].mean(axis=(0, 1)), rtol=1e-6
    )


def test_an_empty_picture_has_no_object_to_tell():
    masks = object_masks(np.zeros((2, 5, 5, 1), np.uint8))
    assert masks.all()
    assert object_masks(np.zeros((0, 5, 5, 1), np.uint8)).shape == (0, 5, 5)


def test_colour_differs_in_any_channel():
    red = np.zeros((1, 6, 6, 3), np.float32)
    red[0, 2:4, 2:5, 0] = 0.3
    assert object_masks(red)[0].sum() == 6
    assert plain(object_masks(red)).all()
