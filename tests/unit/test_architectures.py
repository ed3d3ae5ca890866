import numpy as np
import pytest

from workbench.architectures import architectures
from workbench.errors import WorkbenchError

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
    assert np.array_equal(model(image), model(changed))
    changed[:, 21, 21] = 1 - changed[:, 21, 21]
    assert not np.array_equal(model(image), model(changed))


def test_other_images_and_classes():
    output = build((22, 30, 3), 2)(np.zeros((1, 22, 30, 3), np.float32))
    assert np.allclose(np.sum(output), 1)
    assert output.shape == (1, 2)


def test_what_does_not_fit_is_one_clear_sentence():
    with pytest.raises(WorkbenchError, match=r"at least 22×22 pixels.* Got 28×21"):
        build((28, 21, 1), 10)
    with pytest.raises(WorkbenchError, match=r"at least two classes .*Got 1"):
        build((28, 28, 1), 1)
