import sys

import keras
import numpy as np
import pytest
from keras import layers

from analyses.filters.excitation import excite
from workbench.core.errors import Unavailable
from workbench.models.probe import Probe


def planted(nested):
    """A model whose filter 0 likes the left half bright and the right half dark, filter 1 the other way round."""
    convolution = layers.Conv2D(2, (1, 8), activation="relu", name="look")
    stack = [layers.Input((4, 8, 1)), layers.Dropout(0.5), convolution]
    head = [layers.GlobalAveragePooling2D(), layers.Dense(2, activation="softmax")]
    model = keras.Sequential(
        [layers.Input((4, 8, 1)), keras.Sequential(stack, name="inside"), *head] if nested else stack + head
    )
    weights = np.ones((1, 8, 1, 2), np.float32)
    weights[:, 4:, :, 0] = weights[:, :4, :, 1] = -1
    convolution.set_weights([weights, np.zeros(2)])
    return model


@pytest.mark.parametrize(("nested", "layer"), [(False, "look"), (True, "inside/look")])
def test_the_input_found_is_what_the_filter_was_planted_to_like(nested, layer):
    model = planted(nested)
    before = [weights.copy() for weights in model.get_weights()]
    probe = Probe(model)
    left, right = excite(probe, layer, [0, 1], steps=40)[..., 0]
    assert left[:, :4].mean() > 0.9
    assert left[:, 4:].mean() < 0.1
    assert right[:, 4:].mean() > 0.9
    assert right[:, :4].mean() < 0.1
    assert all((old == new).all() for old, new in zip(before, model.get_weights(), strict=True))


def test_it_is_the_same_every_time():
    probe = Probe(planted(nested=False))
    first, again, other = (excite(probe, "look", [1], steps=3, seed=seed) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()
    assert first.dtype == np.float32
    assert 0 <= first.min() <= first.max() <= 1


def test_what_tf_keras_vis_cannot_take_is_said_with_its_reason(monkeypatch):
    def fail(self, *_, **__):
        raise ValueError("no gradients\nand much more")

    monkeypatch.setattr("tf_keras_vis.activation_maximization.ActivationMaximization.__call__", fail)
    with pytest.raises(Unavailable, match=r"tf-keras-vis could not excite 'look' of this model: no gradients$"):
        excite(Probe(planted(nested=False)), "look", [0], steps=1)


def test_without_tf_keras_vis_another_ascent_finds_it_too(monkeypatch):
    monkeypatch.setitem(sys.modules, "tf_keras_vis.activation_maximization", None)
    left, right = excite(Probe(planted(nested=False)), "look", [0, 1], steps=60)[..., 0]
    assert left[:, :4].mean() > 0.9
    assert left[:, 4:].mean() < 0.1
    assert right[:, 4:].mean() > 0.9
    assert right[:, :4].mean() < 0.1
