"""Turning and enlarging against the equation: each place is read from where the inverse movement takes it."""

import numpy as np

from workbench.training.augmentation.distortions import rotate_and_zoom


def slowly(image, angle, scale):
    height, width = image.shape
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    out = np.zeros(image.shape)
    for y in range(height):
        for x in range(width):
            down, right = (np.array([y, x]) - middle) / scale
            # Counter-clockwise as one looks at it: the inverse goes clockwise, with y pointing down.
            source = middle + np.array(
                [down * np.cos(angle) + right * np.sin(angle), -down * np.sin(angle) + right * np.cos(angle)]
            )
            source = np.clip(source, 0, np.array(image.shape) - 1)  # outside, the border's pixels go on
            top, left = np.floor(source).astype(int)
            part_y, part_x = source - (top, left)
            for row, share_y in ((top, 1 - part_y), (min(top + 1, height - 1), part_y)):
                for column, share_x in ((left, 1 - part_x), (min(left + 1, width - 1), part_x)):
                    out[y, x] += share_y * share_x * image[row, column]
    return out


def test_turned_is_the_equation():
    random = np.random.default_rng(0)
    images = random.random((6, 9, 12))
    angles, scales = random.uniform(-3, 3, 6), random.uniform(0.5, 1.8, 6)
    found = rotate_and_zoom(images[..., None].astype(np.float32), angles.astype(np.float32), scales.astype(np.float32))
    expected = [slowly(*each) for each in zip(images, angles, scales, strict=True)]
    np.testing.assert_allclose(np.asarray(found)[..., 0], expected, atol=2e-5)
