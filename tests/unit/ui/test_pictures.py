"""Pixels arrive as they are."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from workbench.contracts import Dataset
from workbench.ui.pictures import album, data_uri, fit, shrunk


def opened(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/png;base64,")))))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_picture_is_lossless(channels):
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, channels), np.uint8)
    assert (opened(data_uri(pixels)).reshape(pixels.shape) == pixels).all()


@pytest.mark.parametrize(
    ("height", "width", "box", "expected"),
    [
        (28, 28, 84, (84, 84, True)),
        (28, 28, 83, (56, 56, True)),
        (32, 16, 100, (48, 96, True)),
        (224, 224, 84, (84, 84, False)),
        (300, 100, 84, (28, 84, False)),
        (1, 5000, 84, (84, 1, False)),
    ],
)
def test_small_images_are_shown_at_whole_multiples_and_large_ones_scaled_down(height, width, box, expected):
    size = fit(height, width, box)
    assert (size.width, size.height, size.pixelated) == expected


def test_large_images_are_sent_at_twice_their_size_and_small_ones_untouched():
    large = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
    assert shrunk(large, fit(400, 400, 84)).shape == (168, 168, 3)
    small = large[:28, :28]
    assert shrunk(small, fit(28, 28, 84)) is small


def test_an_album_shows_the_row_that_was_asked_for(dataset: Dataset):
    picture = album(dataset)
    assert (opened(picture(3, 84)) == 90).all()
    assert picture(3, 84) == picture(3, 224)
    assert picture(3, 84) != picture(4, 84)
