"""Which layers hold feature maps: told by what was computed, not by names."""

from __future__ import annotations

import keras
import pytest
from keras import layers, ops

from workbench.attribution.methods import explainer
from workbench.core.errors import WorkbenchError
from workbench.models.probe import Probe

SHAPE = (16, 16, 3)


class Blocked(layers.Layer):
    """A convolution and a pooling in one layer."""

    def __init__(self, **how):
        super().__init__(**how)
        self.seen, self.pooled = layers.Conv2D(6, 3), layers.MaxPooling2D()

    def call(self, images):
        return self.pooled(self.seen(images))


class Gated(layers.Layer):
    """A factor a channel."""

    def build(self, shape):
        self.factors = self.add_weight(shape=(shape[-1],))
        self.built = True

    def call(self, images):
        return images * self.factors


class Summed(layers.Layer):
    """A 1×1 convolution written out."""

    def build(self, shape):
        self.mixture = self.add_weight(shape=(shape[-1], 5))
        self.built = True

    def call(self, images):
        return ops.sum(images[..., None] * self.mixture, axis=-2)


class Same(layers.Layer):
    """It does nothing, and has no name that says so."""

    def call(self, images):
        return images


def conv(name="conv", **how):
    return layers.Conv2D(4, 3, name=name, **how)


def row(*parts):
    return keras.Sequential([keras.Input(SHAPE), *parts, layers.Dense(3)])


def of(build):
    image = keras.Input(SHAPE)
    return keras.Model(image, layers.Dense(3)(build(image)))


def excited(image):
    maps = conv()(image)
    gate = layers.Reshape((1, 1, 4))(layers.Dense(4, activation="sigmoid")(layers.GlobalAveragePooling2D()(maps)))
    return layers.GlobalAveragePooling2D()(layers.Multiply(name="gated")([maps, gate]))


def attended(tokens, name="attended"):
    return layers.LayerNormalization(name=name)(tokens + layers.MultiHeadAttention(2, 6)(tokens, tokens))


def patches(image):
    return layers.Reshape((16, 12))(layers.Conv2D(12, 4, strides=4, name="patches")(layers.Rescaling(1 / 255)(image)))


def mixed(image):
    """Tokens that are mixed by dense layers in place of attention."""
    tokens = patches(image)
    tokens = tokens + layers.Permute((2, 1))(layers.Dense(16)(layers.Permute((2, 1))(tokens)))
    return layers.GlobalAveragePooling1D()(layers.Dense(12, name="each")(tokens))


def folded(image):
    """Attention, and its tokens laid out again as places."""
    grid = layers.Reshape((4, 4, 12))(attended(patches(image)))
    return layers.GlobalAveragePooling2D()(layers.Conv2D(8, 1, name="after")(grid))


def deep(image):
    """Attention behind feature maps of more than one convolution."""
    maps = layers.Conv2D(12, 3, strides=2, name="last")(conv("first", strides=2)(image))
    return layers.GlobalAveragePooling1D()(attended(layers.Reshape((9, 12))(maps)))


FOUND = {
    "pooled, dropped": (lambda: row(conv(), layers.MaxPooling2D(), layers.Dropout(0.2), layers.Flatten()), "conv"),
    "pooled, size kept": (
        lambda: row(conv(), layers.MaxPooling2D(3, strides=1, padding="same"), layers.Flatten()),
        "conv",
    ),
    "moved": (
        lambda: row(conv(), layers.UpSampling2D(), layers.Cropping2D(1), layers.ZeroPadding2D(), layers.Flatten()),
        "conv",
    ),
    "augmented late": (lambda: row(conv(), layers.RandomFlip(), layers.GaussianNoise(0.1), layers.Flatten()), "conv"),
    "handed on": (lambda: row(conv(), Same(), layers.Flatten()), "conv"),
    "normalised": (lambda: row(conv(), layers.BatchNormalization(), layers.Flatten()), "conv"),
    "normalised, rectified": (
        lambda: row(conv(), layers.BatchNormalization(), layers.ReLU(name="relu"), layers.Flatten()),
        "relu",
    ),
    "scaled first": (lambda: row(layers.Rescaling(1 / 255), layers.RandomFlip(), conv(), layers.Flatten()), "conv"),
    "a block of one's own": (lambda: row(Blocked(name="block"), layers.GlobalMaxPooling2D()), "block"),
    "a convolution written out": (lambda: row(Summed(name="sum"), layers.GlobalMaxPooling2D()), "sum"),
    "depthwise": (lambda: row(layers.DepthwiseConv2D(3, name="deep"), layers.GlobalMaxPooling2D()), "deep"),
    "dense at each place": (lambda: row(layers.Dense(5, name="mix"), layers.GlobalMaxPooling2D()), "mix"),
    "transposed": (lambda: row(conv(), layers.Conv2DTranspose(4, 3, name="wide"), layers.GlobalMaxPooling2D()), "wide"),
    "rows of maps": (lambda: row(conv(), layers.Reshape((14, 56)), layers.LSTM(4)), "conv"),
    "a gate": (lambda: of(excited), "gated"),
    "tokens folded": (lambda: of(folded), "after"),
    "deep, then attention": (lambda: of(deep), "last"),
    "attention": (lambda: of(lambda image: layers.GlobalAveragePooling1D()(attended(patches(image)))), "attended"),
    "mixed tokens": (lambda: of(mixed), "each"),
}
NONE = {
    "dense": (
        lambda: row(layers.Rescaling(1 / 255), layers.RandomFlip(), layers.Flatten(), layers.Dense(8)),
        r"This model has none: its weights are in Dense \(2\)\.",
    ),
    "a picture again, of flat values": (
        lambda: row(layers.Flatten(), layers.Reshape(SHAPE), layers.Flatten()),
        r"has none: its weights are in Dense \(1\)\.",
    ),
    "places made up": (
        lambda: row(layers.Flatten(), layers.Dense(64), layers.Reshape((8, 8, 1)), conv(), layers.Flatten()),
        r"has none: its weights are in Dense \(2\), Conv2D \(1\)\.",
    ),
    "recurrent": (lambda: row(layers.Reshape((16, 48)), layers.LSTM(4)), r"weights are in LSTM \(1\), Dense \(1\)\."),
    "normalised pixels": (lambda: row(layers.BatchNormalization(), layers.ReLU(), layers.Flatten()), "has none"),
    "scaled pixels": (lambda: row(Gated(), layers.ReLU(), layers.Flatten()), "has none"),
    "pooled pixels": (lambda: row(layers.AveragePooling2D(2), layers.Flatten()), "has none"),
    "one place": (lambda: row(layers.Conv2D(4, 16), layers.Flatten()), "has none"),
    "rows that attend to each other": (
        lambda: of(lambda image: layers.Flatten()(attended(layers.Dense(12)(layers.Reshape((16, 48))(image))))),
        r"goes on with 16 tokens, \(N, 16, F\), and nothing tells which places of the image they are: --tokens says it",
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_maps_are_read_where_they_were_last_computed(name):
    build, layer = FOUND[name]
    probe = Probe(build())
    assert probe.default_layer == layer
    assert layer in probe.spatial_layers
    assert (
        not {"Rescaling", "RandomFlip"} & {probe.layers[each].kind for each in probe.spatial_layers}
        or name != "scaled first"
    )


@pytest.mark.parametrize("name", NONE)
def test_where_there_are_none_the_reason_is_said(name):
    build, said = NONE[name]
    probe = Probe(build())
    assert (probe.default_layer, probe.spatial_layers) == (None, [])
    with pytest.raises(WorkbenchError, match=rf"needs a layer that computes \(N, h, w, F\) feature maps .*{said}"):
        probe.spatial_layer(None, method="Grad-CAM")
    with pytest.raises(WorkbenchError, match=said):
        probe.spatial_layer(next(iter(probe.layers)), method="Grad-CAM")
    for method in ("grad-cam", "score-cam", "layer-cam"):
        assert explainer(method).missing(probe).startswith(explainer(method).title)
    assert explainer("saliency").missing(probe) is None


def test_a_layer_before_the_first_weights_is_refused_by_its_name():
    probe = Probe(row(layers.Rescaling(1 / 255, name="scaled"), conv(), layers.Flatten()))
    with pytest.raises(WorkbenchError, match=r"`layer` must be one of conv\. Got 'scaled'.*computed from the image\."):
        probe.spatial_layer("scaled")


def test_maps_of_parts_of_an_image_are_no_maps_of_it():
    """Four quarters go through shared layers as images of their own: the first axis counts quarters."""
    image = keras.Input(SHAPE)
    quarters = ops.transpose(ops.reshape(image, (-1, 2, 8, 2, 8, 3)), (0, 1, 3, 2, 4, 5))
    maps = layers.Conv2D(5, 3, name="shared")(ops.reshape(quarters, (-1, 8, 8, 3)))
    flat = ops.reshape(layers.Flatten()(maps), (-1, 4 * 6 * 6 * 5))
    probe = Probe(keras.Model(image, layers.Dense(3)(flat)), SHAPE)
    assert probe.spatial_layers == []
    with pytest.raises(WorkbenchError, match="no map of a whole image: 'shared' sees parts of an image as images"):
        explainer("grad-cam")().at_layer(probe)
