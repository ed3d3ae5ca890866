import numpy as np

from workbench.models.input_variants import conventions
from workbench.models.preprocessing import CONVENTIONS

GREY = np.array([[[0.0, 0.25], [0.5, 1.0]]], np.float32)[..., None]  # (1, 2, 2, 1)


def given(name, images):
    return conventions(images.shape[1:])[name].change(images)


def test_scales():
    np.testing.assert_allclose(given("pixels", GREY).ravel(), [0, 63.75, 127.5, 255])
    np.testing.assert_allclose(given("÷255", GREY).ravel()[-1], 1 / 255)
    np.testing.assert_allclose(given("signed", GREY).ravel(), [-1, -0.5, 0, 1])
    np.testing.assert_allclose(given("stretched", GREY / 4 + 0.5).ravel(), GREY.ravel(), atol=1e-6)
    standardised = given("standardised", GREY)
    np.testing.assert_allclose([standardised.mean(), standardised.std()], [0, 1], atol=1e-6)


def test_turns_show_the_same_pixels_elsewhere():
    assert given("upside down", GREY).ravel().tolist() == [0.5, 1.0, 0.0, 0.25]
    assert given("mirrored", GREY).ravel().tolist() == [0.25, 0.0, 1.0, 0.5]
    assert given("transposed", GREY).ravel().tolist() == [0.0, 0.5, 0.25, 1.0]
    assert given("turned right", GREY).ravel().tolist() == [0.5, 0.0, 1.0, 0.25]
    assert given("turned left", GREY).ravel().tolist() == [0.25, 1.0, 0.0, 0.5]
    assert given("inverted", GREY).ravel().tolist() == [1.0, 0.75, 0.5, 0.0]


def test_colour_conventions_as_keras_applications_has_them():
    from keras.applications.imagenet_utils import preprocess_input

    images = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3)).astype(np.float32)
    scaled = images / np.float32(255)
    for name, mode in (("imagenet-caffe", "caffe"), ("imagenet-torch", "torch"), ("signed", "tf")):
        expected = preprocess_input(images.copy(), data_format="channels_last", mode=mode)
        np.testing.assert_allclose(given(name, scaled), expected, rtol=1e-4, atol=1e-4)


def test_what_does_not_fit_the_shape_is_not_offered():
    assert "transposed" not in conventions((4, 5, 3))
    assert "imagenet-caffe" not in conventions((4, 4, 1))
    assert "unit" not in conventions((4, 4, 3))  # they are given so
    assert not conventions((4, 4, 1))["inverted"].scales


def test_what_is_given_now_is_made_up_for_so_that_the_network_sees_the_other_scale_itself():
    images = np.random.default_rng(0).random((2, 3, 3, 3), np.float32)
    now = CONVENTIONS["imagenet-caffe"]
    ways = conventions((3, 3, 3), now)
    for name in ("unit", "signed", "pixels", "imagenet-torch"):
        seen = now.change(ways[name].change(images))
        np.testing.assert_allclose(seen, CONVENTIONS[name].change(images), rtol=0, atol=1e-4)
    mirrored = now.change(ways["mirrored"].change(images))  # another picture is still given as all are
    np.testing.assert_allclose(mirrored, now.change(images[:, :, ::-1]), rtol=1e-6)
    assert ways["signed"].flag == "signed" and not ways["mirrored"].flag
