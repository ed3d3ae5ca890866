"""Blocks and cells by hand."""

import numpy as np
import pytest

from workbench.core.pixels import as_floats
from workbench.data.thumbnails import as_rgb, block_means, cell_means, cells, comparable, pixel_rows, small


def test_small_averages_blocks_and_leaves_small_images_alone():
    image = np.array([[0, 100, 10, 30], [100, 200, 20, 40]], np.uint8)[None, ..., None]
    assert small(image, 2)[0, :, :, 0].tolist() == [[100, 25]]
    assert (small(image, 4) == image).all()
    assert small(np.zeros((2, 500, 300, 3), np.uint8)).shape == (2, 83, 50, 3)
    assert small(np.zeros((1, 3, 500, 3), np.uint8)).shape == (1, 1, 83, 3)  # a narrow image keeps a row


def test_grey_becomes_colour_and_colour_stays():
    assert as_rgb(np.zeros((1, 2, 1), np.uint8)).shape == (1, 2, 3)
    assert as_rgb(np.zeros((2, 2, 3), np.uint8)).shape == (2, 2, 3)


def test_means_of_blocks_are_not_rounded():
    image = as_floats(np.array([[0, 255, 255, 255], [255, 0, 0, 0]], np.uint8)[None, ..., None])
    halves = block_means(image, 2)
    assert halves[0, :, :, 0].tolist() == [[0.5, 0.5]]
    assert halves.dtype == np.float32
    assert block_means(image, 4)[0, 1, 0, 0] == 1


def test_what_is_compared_has_about_a_thousand_values():
    assert comparable(np.zeros((2, 64, 64, 1), np.uint8)).shape == (2, 32, 32, 1)
    assert comparable(np.zeros((2, 64, 64, 3), np.uint8)).shape == (2, 16, 16, 3)
    assert comparable(np.full((1, 28, 28, 1), 7, np.uint8)).shape == (1, 28, 28, 1)


def test_rows_are_read_a_part_at_a_time(monkeypatch):
    images = np.random.default_rng(0).integers(0, 255, (9, 40, 50, 1), dtype=np.uint8)
    whole = comparable(images).reshape(9, -1)
    monkeypatch.setattr("workbench.data.lazy_images.MOST_AT_ONCE", 2 * 40 * 50)
    assert pixel_rows(images, comparable).tolist() == whole.tolist()
    assert pixel_rows(images[:0], comparable).shape == (0, whole.shape[1])


def test_cells_cover_the_whole_image():
    image = np.arange(15.0).reshape(1, 3, 5, 1)
    means = cell_means(image, 2)[0, :, :, 0]
    np.testing.assert_allclose(means, [[3, 5.5], [10.5, 13]])  # columns 0…1 and 2…4, rows 0…1 and 2
    assert cell_means(image, 9).tolist() == image.tolist()
    np.testing.assert_allclose(cells(7, 3).sum(axis=1), 1)


@pytest.mark.parametrize("kind", [np.uint8, np.float32, np.float64])
def test_bytes_become_floats_and_floats_stay(kind):
    images = np.array([0, 51, 255]).astype(kind)
    given = images if kind == np.uint8 else images / 255
    assert as_floats(given).dtype == np.float32
    np.testing.assert_allclose(as_floats(given), [0, 0.2, 1], rtol=1e-7)
