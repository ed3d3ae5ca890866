"""Units of small models whose weights are set by hand, and what becomes of their scores without a channel."""

import keras
import numpy as np
import pytest
from keras import layers

from analyses.channels.ablation import activation_and_relevance, responses, twins, units, without_each_channel
from workbench.core.dataset import Dataset
from workbench.data.lazy_images import Some
from workbench.models.double_precision import double_probe
from workbench.models.probe import Probe


def data(count=7, shape=(8, 9, 1), classes=3):
    images = np.random.default_rng(0).integers(0, 256, (count, *shape), np.uint8)
    return Dataset(
        images,
        np.arange(count) % classes,
        class_names=tuple("abc"[:classes]),
        indices=np.arange(count),
        name="made/test",
    )


def linear_head(activation="relu"):
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((8, 9, 1)),
            layers.Conv2D(5, 3, activation=activation, name="conv"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, name="scores"),
        ]
    )


def residual():
    keras.utils.set_random_seed(2)
    image = keras.Input((8, 9, 1))
    x = layers.Conv2D(4, 3, padding="same", name="stem")(image)
    x = layers.ReLU(name="stem_relu")(layers.BatchNormalization(name="stem_bn")(x))
    inner = keras.Sequential([keras.Input((8, 9, 4)), layers.Conv2D(4, 1, name="deep")], name="inner")
    y = layers.Add(name="add")([x, inner(x)])
    return keras.Model(image, layers.Dense(3, activation="softmax", name="scores")(layers.Flatten()(y)))


def test_a_unit_ends_where_the_next_layer_mixes_or_branches():
    found = units(Probe(residual()))
    assert [(each.name, each.end, each.channels, each.output) for each in found] == [
        ("stem", "stem_relu", 4, False),
        ("inner/deep", "inner/deep", 4, False),
        ("scores", "scores", 3, True),
    ]
    assert all(each.zeroed == () for each in found)


def test_zeroed_are_kernels_factors_of_a_normalisation_and_scores_but_no_bias():
    model = residual()
    stem, normal, scores = (model.get_layer(name) for name in ("stem", "stem_bn", "scores"))
    kernel, bias = stem.get_weights()
    kernel[..., 1], bias[:] = 0, 0
    stem.set_weights([kernel, bias])
    gamma, *rest = normal.get_weights()
    gamma[3] = 0
    normal.set_weights([gamma, *rest])
    kernel, bias = scores.get_weights()
    kernel[:, 2] = 0
    scores.set_weights([kernel, bias])
    assert [each.zeroed for each in units(Probe(model))] == [(1, 3), (), (2,)]


def test_of_a_depthwise_and_of_a_transposed_kernel_the_right_axis_is_read():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.DepthwiseConv2D(3, depth_multiplier=2, name="depth"),
            layers.Conv2DTranspose(5, 2, name="wide"),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    depth, wide = model.get_layer("depth"), model.get_layer("wide")
    kernel, bias = depth.get_weights()  # (3, 3, 2, 2); channel 3 is the second of the second input
    kernel[:, :, 1, 1] = 0
    depth.set_weights([kernel, bias])
    kernel, bias = wide.get_weights()  # (2, 2, 5, 4)
    kernel[:, :, 4] = 0
    wide.set_weights([kernel, bias])
    assert [each.zeroed for each in units(Probe(model))] == [(3,), (4,), ()]


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_under_a_linear_head_the_loss_of_a_channel_is_its_relevance(activation):
    """f - f without k = sum_ij G_ijk A_ijk, in float64."""
    probe, made = double_probe(Probe(linear_head(activation))), data()
    probe.max_rows = 4  # several parts of channels and of images
    target, images = made.labels, Some(made, np.arange(7))
    before = probe.logits(made.floats())[np.arange(7), target]
    _, relevance = activation_and_relevance(probe, images, target, "conv")
    predicted, logit = without_each_channel(probe, images, target, "conv", np.array([0, 1, 2, 3, 4]))
    np.testing.assert_allclose(before[:, None] - logit, relevance, rtol=0, atol=1e-12)
    assert np.abs(relevance).max() > 1e-3
    kernel, bias = (w.astype(np.float64) for w in probe.model.layers[-1].get_weights())
    pooled = probe.feature_maps(made.floats(), "conv").mean(axis=(1, 2))
    slow = [[int((np.where(np.arange(5) == k, 0, row) @ kernel + bias).argmax()) for k in range(5)] for row in pooled]
    assert predicted.tolist() == slow


def test_channels_of_a_branch_and_of_a_dense_layer_are_switched_off_where_they_are_read():
    probe, made = Probe(residual()), data(4)
    images, rows = Some(made, np.arange(4)), np.arange(4)
    maps = {name: probe.feature_maps(made.floats(), name) for name in ("stem_relu", "inner/deep")}
    kernel, bias = probe.model.get_layer("scores").get_weights()
    inner, shift = probe.model.get_layer("inner").get_weights()
    for name in maps:
        _, logit = without_each_channel(probe, images, made.labels, name, np.array([2]))
        first, second = maps["stem_relu"].copy(), maps["inner/deep"].copy()
        if name == "stem_relu":
            first[..., 2] = 0
            second = first @ inner[0, 0] + shift
        else:
            second[..., 2] = 0
        expected = ((first + second).reshape(4, -1) @ kernel + bias)[rows, made.labels]
        np.testing.assert_allclose(logit[:, 0], expected, rtol=1e-4, atol=1e-5)


def test_responses_are_the_range_over_all_images_and_twins_the_most_alike():
    probe, made = Probe(linear_head()), data()
    ((low, high, values),) = responses(probe, made, np.arange(7), ["conv"])
    maps = probe.feature_maps(made.floats(), "conv")
    np.testing.assert_allclose(low, maps.min(axis=(0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(high, maps.max(axis=(0, 1, 2)), rtol=1e-6)
    assert values.shape[1] == 5
    other, alike = twins(np.array([[1, 5, 2, 7], [2, 5, 4, 1], [3, 5, 6, 3.0]]))
    assert other[[0, 2]].tolist() == [2, 0]
    np.testing.assert_allclose(alike, [1, 0, 1, 4 / np.sqrt(2 * 168 / 9)], rtol=1e-9)
