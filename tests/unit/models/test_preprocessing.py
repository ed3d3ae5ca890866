import numpy as np
import pytest
import tensorflow as tf

from workbench.core.errors import WorkbenchError
from workbench.models.preprocessing import CONVENTIONS, NAMES, preprocessing

PIXEL = np.array([[[[0.0, 0.5, 1.0]]]], np.float32)  # red, green, blue
GIVEN = {
    "unit": [0.0, 0.5, 1.0],
    "signed": [-1.0, 0.0, 1.0],
    "pixels": [0.0, 127.5, 255.0],
    "imagenet-torch": [-0.485 / 0.229, (0.5 - 0.456) / 0.224, (1 - 0.406) / 0.225],
    "imagenet-caffe": [255 - 103.939, 127.5 - 116.779, 0 - 123.68],  # blue, green, red
}


@pytest.mark.parametrize("name", CONVENTIONS)
def test_one_pixel_by_hand_and_back(name):
    how = preprocessing(name, 3)
    np.testing.assert_allclose(how.change(PIXEL).ravel(), GIVEN[name], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(how.undo(how.change(PIXEL)), PIXEL, atol=1e-5)
    assert how.change(PIXEL).dtype == np.float32


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tensors_keep_their_precision_and_gradients_are_by_the_pixel_in_0_1(dtype):
    image = tf.constant(PIXEL, dtype)
    with tf.GradientTape() as tape:
        tape.watch(image)
        given = CONVENTIONS["imagenet-caffe"].change(image)
        blue = given[..., 0]
    assert given.dtype == dtype
    assert tape.gradient(blue, image).numpy().ravel().tolist() == [0, 0, 255]


def test_what_is_none_and_what_is_for_colour():
    with pytest.raises(WorkbenchError, match=r"no preprocessing 'sgined'\. Did you mean 'signed'"):
        preprocessing("sgined", 3)
    with pytest.raises(WorkbenchError, match=r"'imagenet-torch' is for colour images.*1 channel: choose one of unit, "):
        preprocessing("imagenet-torch", 1)
    assert set(GIVEN) == set(NAMES) - {"auto"}
