"""The Gaussian blur as a matrix."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from workbench.data.blur import blur_images, blur_matrix


def test_a_flat_image_stays_flat_and_no_blur_changes_nothing():
    np.testing.assert_allclose(blur_matrix(7, 2.0).sum(axis=1), 1)
    np.testing.assert_array_equal(blur_matrix(5, 0.0), np.eye(5))


def test_far_from_the_border_it_is_scipys():
    images = np.zeros((1, 41, 41, 2))
    images[0, 20, 20, 0], images[0, 18, 22, 1] = 1, 2
    expected = gaussian_filter(images, (0, 2, 2, 0), truncate=10)
    np.testing.assert_allclose(blur_images(images, 2.0), expected, atol=1e-7)


def test_a_step_of_one_pixel_by_hand():
    weights = np.exp(-0.5 * np.array([0, 1, 4]))
    np.testing.assert_allclose(blur_matrix(3, 1.0)[0], weights / weights.sum())
