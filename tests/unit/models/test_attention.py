"""Where tokens attend to each other, whatever layers let them; and why attention cannot be followed."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers, ops

from tests.transformers import transformer
from workbench.attribution.methods import explainer
from workbench.models.probe import CLASSES, Probe
from workbench.models.scorer import Scorer

SHAPE = (12, 12, 1)
IMAGES = np.random.default_rng(0).random((2, *SHAPE), np.float32)


class ByHand(layers.Layer):
    """One head, its matrix products written out."""

    def build(self, shape):
        self.query, self.key = (self.add_weight(shape=(shape[-1], shape[-1])) for _ in range(2))
        self.built = True

    def call(self, tokens):
        scores = ops.matmul(ops.matmul(tokens, self.query), ops.transpose(ops.matmul(tokens, self.key), (0, 2, 1)))
        return ops.matmul(ops.softmax(scores), tokens)


def patches(image):
    return layers.Reshape((9, 6))(layers.Conv2D(6, 4, strides=4)(image))


def of(build, head=layers.GlobalAveragePooling1D):
    image = keras.Input(SHAPE)
    return keras.Model(image, layers.Dense(3)(head()(build(image))))


def windows(image):
    """Attention within each row of patches alone."""
    rows = ops.reshape(patches(image), (-1, 3, 6))
    rows = rows + layers.MultiHeadAttention(2, 3)(rows, rows)
    return ops.reshape(rows, (-1, 9, 6))


def asked(image):
    """One token asks all others."""
    tokens = patches(image)
    return layers.MultiHeadAttention(2, 3)(tokens[:, :1], tokens)


def merged(image):
    tokens = layers.Attention()([patches(image)] * 2)
    grid = layers.MaxPooling2D(2, 1)(layers.Reshape((3, 3, 6))(tokens))
    return layers.Attention()([layers.Reshape((4, 6))(grid)] * 2)


def beside(image):
    tokens = patches(image)
    return layers.MultiHeadAttention(2, 3)(tokens, tokens) + layers.MultiHeadAttention(2, 3)(tokens, tokens)


def masked(image):
    tokens = patches(image)
    return layers.MultiHeadAttention(2, 3)(tokens, tokens, use_causal_mask=True)


SEEN = {
    "multi-head": (lambda: of(lambda image: layers.MultiHeadAttention(2, 3)(*[patches(image)] * 2)), 2),
    "with dropout": (lambda: of(lambda image: layers.MultiHeadAttention(3, 3, dropout=0.5)(*[patches(image)] * 2)), 3),
    "grouped queries": (lambda: of(lambda image: layers.GroupQueryAttention(3, 4, 2)(*[patches(image)] * 2)), 4),
    "dot products": (lambda: of(lambda image: layers.Attention()([patches(image)] * 2)), 1),
    "sums": (lambda: of(lambda image: layers.AdditiveAttention()([patches(image)] * 2)), 1),
    "by hand": (lambda: of(lambda image: ByHand()(patches(image))), 1),
    "masked": (lambda: of(masked), 2),
    "all blocks in one layer": (lambda: transformer(SHAPE, patch=4, inside=True), 2),
}
UNSEEN = {
    "windows": (lambda: of(windows), "over windows or parts of the image, so it cannot be followed to the last layer."),
    "one asks": (lambda: of(asked, layers.Flatten), r"not of all tokens over all tokens, but \(N, 2, 1, 9\), so it"),
    "fewer later": (lambda: of(merged), "Its attention is over 4 and 9 tokens."),
    "side by side": (lambda: of(beside), "does not come after the one in 'multi_head_attention"),
    "none": (lambda: of(patches), "This model has no attention that can be seen."),
}


def read(probe):
    """Attention of the images, (N, heads, T, T) each, and its gradients."""

    def both(images, target):
        return Scorer(probe, target, target, "logit").attention_and_gradients(images)

    return probe.compile("both", both, (probe.images, CLASSES))(IMAGES, np.array([0, 2]))


@pytest.mark.parametrize("name", SEEN)
def test_attention_is_seen_however_it_is_written(name):
    build, heads = SEEN[name]
    probe = Probe(build(), given="unit")
    assert probe.attention.reason == ""
    found = read(probe)
    assert len(found) == len(probe.attention.numbers) == (2 if "blocks" in name else 1)
    for attention, gradient in found:
        assert attention.shape == gradient.shape == (2, heads, *[probe.attention.grid.count] * 2)
        np.testing.assert_allclose(attention.sum(axis=-1), 1, rtol=1e-5)
        assert gradient.any()
    if name == "masked":
        assert not np.triu(found[0][0][0, 0], 1).any()
    assert explainer("gradient-rollout")().attribute(probe, IMAGES, np.array([0, 2])).values.std() > 0


def test_it_is_what_keras_itself_returns():
    model = transformer(SHAPE, patch=4, depth=1)
    layer, norm = model.get_layer("attention0"), model.get_layer("norm0")
    tokens = keras.Model(model.input, norm.output)(IMAGES)
    _, scores = layer(tokens, tokens, return_attention_scores=True)
    np.testing.assert_allclose(read(Probe(model, given="unit"))[0][0], scores, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", UNSEEN)
def test_what_cannot_be_followed_is_said(name):
    build, said = UNSEEN[name]
    probe = Probe(build(), given="unit")
    assert not probe.attention.numbers
    for method in ("attention-rollout", "gradient-rollout", "le-grad"):
        with pytest.raises(Exception, match=rf"needs attention of all tokens .*{said}"):
            explainer(method)().attribute(probe, IMAGES, np.array([0, 2]))


def test_tokens_that_are_read_are_told_by_the_score():
    of_class, of_all = (Probe(transformer(SHAPE, patch=4, further=further), given="unit") for further in (1, 0))
    assert of_class.attention.read == (0,)
    assert of_all.attention.read == tuple(range(9))
