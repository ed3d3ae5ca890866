"""The torch network that witnesses stand on: layer by layer what the float64 network gives, and its gradient."""

from __future__ import annotations

import keras
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: pip install -e '.[witness]'")

from tests.oracle.torch_port import describe, port, to_numpy, to_torch  # noqa: E402


@pytest.fixture(scope="module")
def ported(case):
    return port(describe(case.model), case.network.joins)


def test_every_layer_gives_what_the_network_gives(case, ported, agree):
    seen = {}
    hooks = [
        module.register_forward_hook(lambda _, __, output, name=name: seen.update({name: to_numpy(output)}))
        for name, module in ported.named_children()
    ]
    logits = ported(to_torch(case.images))
    for hook in hooks:
        hook.remove()
    expected = [case.network.forward(image) for image in case.images]
    assert list(seen) == case.network.names
    for name, values in seen.items():
        agree(values, np.stack([each[name] for each in expected]), 1e-12, "torch port, layers")
    scores = np.stack([case.network.scores(image) for image in case.images])
    agree(to_numpy(logits), scores, 1e-12, "torch port, logits")


def test_gradients_are_those_of_the_network(case, ported, agree):
    images = to_torch(case.images).requires_grad_()
    rows = torch.arange(len(case.target))
    ported(images)[rows, torch.from_numpy(case.target)].sum().backward()
    cotangents = case.cotangents("logit")
    expected = [case.network.gradients(*pair)[1]["image"] for pair in zip(case.images, cotangents, strict=True)]
    agree(to_numpy(images.grad), np.stack(expected), 1e-12, "torch port, gradient")


def test_single_precision_is_that_of_keras(case, agree):
    single = port(describe(case.model), case.network.joins, dtype="float32")
    logits = single(to_torch(case.images, "float32"))
    assert logits.dtype == torch.float32
    agree(to_numpy(logits), case.probe.logits(case.images), 1e-5, "torch port, float32")


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.Conv2D(2, 3, strides=2),
        keras.layers.Conv2D(2, 3, activation="tanh"),
        keras.layers.ReLU(max_value=6),
        keras.layers.MaxPooling2D(padding="same"),
        keras.layers.BatchNormalization(scale=False),
        keras.layers.AveragePooling2D(2),
    ],
    ids=["strides", "tanh", "relu6", "padded-pooling", "unscaled", "unknown"],
)
def test_what_it_would_get_wrong_is_refused(layer):
    model = keras.Sequential([keras.Input((8, 8, 1)), layer, keras.layers.Flatten(), keras.layers.Dense(2)])
    with pytest.raises(NotImplementedError, match=layer.name):
        describe(model)
