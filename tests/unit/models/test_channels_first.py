"""A model that takes (N, C, H, W) is given images transposed, and its order is said where they do not fit."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from workbench.core.errors import WorkbenchError
from workbench.models.declared_shape import declared_shape
from workbench.models.input_shape import fit_input
from workbench.models.probe import Probe

IMAGES = np.random.default_rng(0).random((5, 8, 6, 3), np.float32)


def model(*before, shape=(3, 8, 6)):
    return keras.Sequential(
        [
            keras.Input(shape),
            *before,
            layers.Permute((2, 3, 1)),
            layers.Conv2D(4, 3, name="seen"),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )


@pytest.mark.parametrize("shape", [(8, 6, 3), None])
def test_scores_are_those_of_keras_on_transposed_images(shape):
    made = model()
    probe = Probe(made, shape)
    assert probe.image_shape == (8, 6, 3) and probe.channels_first
    expected = np.asarray(made(IMAGES.transpose(0, 3, 1, 2)))
    np.testing.assert_allclose(probe.logits(IMAGES), expected, atol=1e-5)
    assert probe.gradient(IMAGES, np.zeros(5, int)).shape == IMAGES.shape
    assert probe.default_layer == "seen"


def test_its_scaling_is_followed_too():
    assert Probe(model(layers.Rescaling(1 / 255))).preprocessing.name == "pixels"
    assert Probe(model()).assumption


def test_the_order_is_said_where_the_images_do_not_fit():
    with pytest.raises(
        WorkbenchError, match=r"\(3, 8, 6\) channels first \(C, H, W\)\. The data has \(9, 6, 3\) \(H, W, C\)"
    ):
        fit_input(model(), (9, 6, 3))
    with pytest.raises(WorkbenchError, match=r"\(3, 8, 6\) channels first \(C, H, W\)\. The data has \(8, 6, 1\)"):
        fit_input(model(), (8, 6, 1))


def test_a_folder_is_read_in_the_size_that_such_a_file_asks_for(tmp_path):
    model().save(tmp_path / "first.keras")
    assert declared_shape(tmp_path / "first.keras") == (8, 6, 3)
