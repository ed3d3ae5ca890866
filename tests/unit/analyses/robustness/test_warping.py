from functools import partial

import numpy as np
import pytest

from analyses.robustness.warping import inside, inverse, resample, shifts, turns, zooms

straight = partial(resample, order=1)

IMAGE = np.arange(12, dtype=np.float64).reshape(1, 3, 4, 1)


def test_a_shift_by_whole_pixels_moves_them_and_the_colour_comes_in():
    for order in (1, 3):
        moved = resample(IMAGE, shifts([1], [-1]), np.array([[9.5]]), np.array([True]), order=order)[0, ..., 0]
        np.testing.assert_allclose(moved, [[9.5, 9.5, 9.5, 9.5], [1, 2, 3, 9.5], [5, 6, 7, 9.5]], atol=1e-12)


def test_without_a_background_the_border_goes_on():
    moved = resample(IMAGE, shifts([1], [-1]), np.array([[9.5]]), np.array([False]))[0, ..., 0]
    np.testing.assert_allclose(moved, [[1, 2, 3, 3], [1, 2, 3, 3], [5, 6, 7, 7]], atol=1e-12)


def test_a_quarter_turn_is_numpy_s():
    square = np.arange(9, dtype=np.float64).reshape(1, 3, 3, 1)
    turned = resample(square, turns([90]))[0, ..., 0]
    np.testing.assert_allclose(turned, np.rot90(square[0, ..., 0]), atol=1e-12)


def test_twice_as_large_by_hand():
    line = np.array([[0.0, 4.0, 8.0]])[None, ..., None]
    assert straight(line, zooms([2]))[0, 0, :, 0].tolist() == [2, 4, 6]
    assert straight(line, zooms([0.5]), np.array([[1.0]]), np.array([True]))[0, 0, :, 0].tolist() == [1, 4, 1]


def test_half_a_pixel_lies_between_both():
    moved = straight(IMAGE, shifts([0], [0.5]), np.array([[0.0]]), np.array([True]))[0, ..., 0]
    assert moved[0].tolist() == [0, 0.5, 1.5, 2.5] and moved[2].tolist() == [4, 8.5, 9.5, 10.5]


def slow(image, matrix, colour):
    """One pixel after the other: where does it come from, and what do its four neighbours weigh there?"""
    height, width = image.shape
    made = np.zeros(image.shape)
    for row in range(height):
        for column in range(width):
            y, x = row - (height - 1) / 2, column - (width - 1) / 2
            r = matrix[0][0] * y + matrix[0][1] * x + matrix[0][2] + (height - 1) / 2
            c = matrix[1][0] * y + matrix[1][1] * x + matrix[1][2] + (width - 1) / 2
            for i in range(-9, height + 9):
                for j in range(-9, width + 9):
                    weight = max(0, 1 - abs(r - i)) * max(0, 1 - abs(c - j))
                    made[row, column] += weight * (image[i, j] if 0 <= i < height and 0 <= j < width else colour)
    return made


@pytest.mark.parametrize("maps", [turns([17.0, -40]), zooms([1.3, 0.7]), shifts([0.3, 2.6], [-1.2, 0.4])])
def test_every_pixel_is_that_of_a_slow_replica(maps):
    images = np.random.default_rng(4).random((2, 5, 6, 2))
    colours = np.array([[0.2, 0.9], [0.0, 0.5]])
    made = straight(images, maps, colours, np.array([True, True]))
    for n in range(2):
        for channel in range(2):
            expected = slow(images[n, ..., channel], maps[n], colours[n, channel])
            np.testing.assert_allclose(made[n, ..., channel], expected, atol=1e-12)


def test_there_and_back_is_where_it_was_and_what_left_the_frame_is_not_known():
    image = np.random.default_rng(1).random((1, 6, 6, 1))
    there = shifts([2], [0])
    back = resample(resample(image, there), inverse(there))
    known = inside(inverse(there), 6, 6)
    assert known[0].sum(axis=1).tolist() == [6, 6, 6, 6, 0, 0]
    np.testing.assert_allclose(back[known], image[known], atol=1e-12)
    both = np.concatenate([turns([20]), zooms([1.4])])
    eye = np.einsum("bij,bjk->bik", both[:, :, :2], inverse(both)[:, :, :2])
    np.testing.assert_allclose(eye, np.tile(np.eye(2), (2, 1, 1)), atol=1e-12)


def test_the_spline_follows_a_smooth_picture_and_keeps_the_texture_that_straight_lines_smooth_away():
    y, x = np.mgrid[:40, :40] - 19.5

    def wave(y, x):
        return np.sin(x / 2) * np.cos(y / 3)

    angle = np.deg2rad(12)
    turned = wave(x * np.sin(angle) + y * np.cos(angle), x * np.cos(angle) - y * np.sin(angle))
    made = resample(wave(y, x)[None, ..., None], turns([12]))[0, ..., 0]
    np.testing.assert_allclose(made[8:-8, 8:-8], turned[8:-8, 8:-8], atol=2e-3)
    noise = np.random.default_rng(0).normal(size=(1, 60, 60, 1))
    kept = [resample(noise, turns([5]), order=order)[:, 6:-6, 6:-6].var() for order in (1, 3)]
    assert kept[0] < 0.5 and kept[1] > 0.65
