import keras
import numpy as np
import pytest

from workbench.core.errors import WorkbenchError
from workbench.models.probe import Probe
from workbench.training.architectures import architectures

build = architectures()["baseline"]


def test_baseline_is_the_report_s_layer_for_layer():
    model = build((28, 28, 1), 10)
    assert model.count_params() == 110_474
    assert [(layer.name, layer.output.shape[1:], layer.count_params()) for layer in model.layers] == [
        ("conv1", (26, 26, 32), 320),
        ("pool1", (13, 13, 32), 0),
        ("conv2", (11, 11, 64), 18_496),
        ("pool2", (5, 5, 64), 0),
        ("conv3", (3, 3, 128), 73_856),
        ("pool3", (1, 1, 128), 0),
        ("flatten", (128,), 0),
        ("dense", (128,), 16_512),
        ("dropout", (128,), 0),
        ("output", (10,), 1_290),
    ]
    assert model.get_layer("dropout").rate == 0.5
    assert not model.compiled


def test_of_28_pixels_22_reach_the_output():
    model = build((28, 28, 1), 10)
    image = np.random.default_rng(0).random((1, 28, 28, 1), np.float32)
    changed = image.copy()
    changed[:, 22:] = 1 - changed[:, 22:]
    changed[:, :, 22:] = 1 - changed[:, :, 22:]
    np.testing.assert_allclose(model(image), model(changed), atol=1e-6)  # fast convolutions mix neighbours in rounding
    changed[:, 21, 21] = 1000  # so much that its effect stands out from rounding
    assert np.abs(model(image) - model(changed)).max() > 1e-4


def test_other_images_and_classes():
    output = build((22, 30, 3), 2)(np.zeros((1, 22, 30, 3), np.float32))
    assert np.allclose(np.sum(output), 1)
    assert output.shape == (1, 2)


def test_what_does_not_fit_is_one_clear_sentence():
    with pytest.raises(WorkbenchError, match=r"at least 22×22 pixels.* Got 28×21"):
        build((28, 21, 1), 10)
    with pytest.raises(WorkbenchError, match=r"at least two classes. Got 1"):
        build((28, 28, 1), 1)


def test_the_wide_map_has_the_baseline_s_layers_and_number_of_parameters():
    model = architectures()["baseline-wide-map"]((28, 28, 1), 10)
    assert model.count_params() == build((28, 28, 1), 10).count_params() == 110_474
    assert [(layer.name, layer.output.shape[1:], layer.count_params()) for layer in model.layers] == [
        ("conv1", (28, 28, 32), 320),
        ("pool1", (14, 14, 32), 0),
        ("conv2", (14, 14, 64), 18_496),
        ("pool2", (7, 7, 64), 0),
        ("conv3", (7, 7, 128), 73_856),
        ("mean", (128,), 0),
        ("dense", (128,), 16_512),
        ("dropout", (128,), 0),
        ("output", (10,), 1_290),
    ]
    assert Probe(model).default_layer == "conv3"


@pytest.mark.parametrize("shape", [(8, 8, 1), (11, 13, 3), (28, 28, 1)])
def test_the_wide_map_sees_every_corner(shape):
    keras.utils.set_random_seed(0)
    model = architectures()["baseline-wide-map"](shape, 3)
    image = np.random.default_rng(0).random((1, *shape), np.float32)
    for row in (0, -1):
        for column in (0, -1):
            changed = image.copy()
            changed[:, row, column] = 1000  # so much that its effect stands out from rounding
            assert np.abs(model(image) - model(changed)).max() > 1e-4


def test_the_wide_map_takes_images_from_8_pixels_on():
    wide = architectures()["baseline-wide-map"]
    with pytest.raises(WorkbenchError, match=r"at least 8×8 pixels. Got 7×28"):
        wide((7, 28, 1), 10)
    with pytest.raises(WorkbenchError, match=r"at least two classes. Got 1"):
        wide((28, 28, 1), 1)
