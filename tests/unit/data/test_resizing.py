"""Resized pixels are those of TensorFlow and of Keras' own readers."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.src.backend import tensorflow as backend
from keras.src.utils.image_utils import smart_resize
from PIL import Image

from workbench.data import load_dataset
from workbench.data.image_file import read_image
from workbench.data.resizing import FITS, INTERPOLATIONS, fitted, other_proportions, resized

SIZES = [((64, 64), (16, 16)), ((37, 91), (32, 32)), ((20, 33), (64, 48)), ((5, 5), (7, 3)), ((120, 20), (28, 28))]


def noise(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)


@pytest.mark.parametrize("method", [name for name in INTERPOLATIONS if name != "antialias"])
def test_each_interpolation_is_tensorflows_to_a_rounding(method):
    for before, after in SIZES:
        image = noise(before)
        truth = np.clip(tf.image.resize(image, after, method=method).numpy(), 0, 255)
        assert np.abs(resized(image, after, method) - truth).max() < (0.52 if method != "bicubic" else 0.6)


def test_cropping_and_padding_are_keras():
    for before, after in SIZES:
        image = noise(before)
        cropped = smart_resize(tf.constant(image), after, backend_module=backend).numpy()
        padded = tf.image.resize_with_pad(image, *after).numpy()
        assert np.abs(fitted(image, after, "crop") - cropped).max() < 0.52
        assert np.abs(fitted(image, after, "pad") - padded).max() < 0.52


def test_pixels_of_a_folder_are_those_of_keras_reader_in_every_fit(tmp_path):
    for number in range(6):
        shape = [(40, 40), (30, 90), (77, 20)][number % 3]
        smooth = resized(noise((6, 6), number), shape)  # a photo, not noise: JPEG decoders differ on that
        (tmp_path / "d" / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(smooth).save(tmp_path / "d" / "ab"[number % 2] / f"{number}.{'jpg' if number % 2 else 'png'}")
    options = {"stretch": {}, "pad": {"pad_to_aspect_ratio": True}, "crop": {"crop_to_aspect_ratio": True}}
    for fit in FITS:
        read = keras.utils.image_dataset_from_directory(
            tmp_path / "d", image_size=(24, 32), shuffle=False, verbose=False, **options[fit]
        )
        truth = np.concatenate([np.asarray(images) for images, _ in read])
        data = load_dataset(tmp_path / "d", split="train", test_share=0, image_size=(24, 32), fit=fit)
        files = [data.images.file(row) for row in range(len(data))]
        ours = data.images[:][[files.index(type(files[0])(path)) for path in read.file_paths]]
        drawn = np.array([path.endswith("png") for path in read.file_paths])
        assert np.abs(ours - truth)[drawn].max() <= 0.52, fit
        assert np.abs(ours - truth)[~drawn].mean() < 1.2, fit  # of two decoders of JPEG


def test_nearest_is_load_imgs_default(tmp_path):
    Image.fromarray(noise((50, 80))).save(tmp_path / "a.png")
    truth = keras.utils.load_img(tmp_path / "a.png", target_size=(20, 20))
    assert np.array_equal(read_image(tmp_path / "a.png", (20, 20, 3), interpolation="nearest")[0], np.array(truth))


def test_antialias_is_load_imgs_bilinear_and_tensorflows_antialias(tmp_path):
    for before, after in SIZES:
        Image.fromarray(noise(before)).save(tmp_path / "a.png")
        ours = read_image(tmp_path / "a.png", (*after, 3), interpolation="antialias")[0].astype(int)
        pillow = keras.utils.load_img(tmp_path / "a.png", target_size=after, interpolation="bilinear")
        assert np.abs(ours - np.array(pillow)).max() <= 1
        assert np.abs(ours - tf.image.resize(noise(before), after, antialias=True)).max() < 0.6


def test_a_pixel_more_is_no_other_proportion():
    assert not other_proportions((33, 64), (16, 32))
    assert other_proportions((40, 64), (16, 32))
    assert (fitted(np.full((1, 900, 3), 7, np.uint8), (4, 4), "pad").max(axis=(1, 2)) > 0).sum() == 1
