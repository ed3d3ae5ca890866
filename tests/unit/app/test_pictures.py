"""Pixels arrive as they are."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from workbench.app.pictures import album, data_uri, fit, image_uri, shrink
from workbench.core.dataset import Dataset


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
        (96, 96, 196, (192, 192, True)),
        (100, 100, 196, (196, 196, False)),  # whole multiples would leave half of the box empty
        (224, 224, 392, (392, 392, False)),
        (63, 63, 120, (63, 63, True)),  # few pixels are seen one by one
    ],
)
def test_small_images_are_shown_at_whole_multiples_and_large_ones_fill_the_box(height, width, box, expected):
    size = fit(height, width, box)
    assert (size.width, size.height, size.pixelated) == expected


def test_large_images_are_sent_at_twice_their_size_and_small_ones_untouched():
    large = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
    assert shrink(large, fit(400, 400, 84)).shape == (168, 168, 3)
    small = large[:28, :28]
    assert shrink(small, fit(28, 28, 84)) is small


def test_an_album_shows_the_row_that_was_asked_for():
    images = np.arange(8, dtype=np.uint8)[:, None, None, None] * np.ones((1, 28, 28, 1), np.uint8) * 30
    picture = album(Dataset(images, np.zeros(8, np.int64), class_names=("a", "b"), indices=np.arange(8), name="made"))
    assert (opened(picture(3, 84)) == 90).all()
    assert picture(3, 84) == picture(3, 224)
    assert picture(3, 84) != picture(4, 84)


class Counted:
    """Images that count how often they are read."""

    shape, dtype = (9, 300, 300, 3), np.dtype(np.uint8)

    def __init__(self):
        self.read = []

    def __len__(self):
        return 9

    def __getitem__(self, row):
        self.read.append(row)
        return np.random.default_rng(row).integers(0, 256, (300, 300, 3), np.uint8)


def test_a_photo_is_sent_small_and_read_once_and_what_is_kept_is_bounded():
    images = Counted()
    dataset = Dataset(images, np.zeros(9, np.int64), class_names=("photo",), indices=np.arange(9), name="made/test")
    picture = album(dataset, keep=1)
    assert picture(0, 84).startswith("data:image/jpeg;base64,")
    assert (picture(0, 84), images.read) == (picture(0, 84), [0, 0, 0])  # nothing is kept: one is too much
    length = len(picture(1, 84))
    images.read.clear()
    picture = album(dataset, keep=round(2.5 * length))
    for row in (1, 2, 1, 3, 1, 2):
        picture(row, 84)
    assert images.read == [1, 2, 3, 2]


def test_a_photo_looks_like_what_it_was():
    pixels = np.tile(np.linspace(0, 255, 300).astype(np.uint8)[:, None, None], (1, 300, 3))
    uri = image_uri(pixels, fit(300, 300, 84)).partition(",")[2]
    small = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri)))).astype(int)
    assert small.shape == (168, 168, 3)
    np.testing.assert_allclose(small[:, 80, 0], np.linspace(0.4, 254.6, 168), atol=3)
