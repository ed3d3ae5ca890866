"""Last-layer influence against real gradients in float64, and against what a step of training really does."""

import numpy as np
import tensorflow as tf

from workbench.statistics.influence import influence, residuals

CHANCE = np.random.default_rng(0)
D, K, N = 5, 4, 12
WEIGHTS, BIAS = CHANCE.normal(size=(D, K)), CHANCE.normal(size=K)
EMBEDDINGS, LABELS = CHANCE.normal(size=(N, D)), CHANCE.integers(0, K, N)
IMAGE, TARGET = CHANCE.normal(size=D), 2


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def found(bias=True):
    own = residuals(softmax(IMAGE @ WEIGHTS + BIAS)[None], np.array([TARGET]))[0]
    theirs = residuals(softmax(EMBEDDINGS @ WEIGHTS + BIAS), LABELS)
    return influence(own, IMAGE, theirs, EMBEDDINGS, bias=bias)


def gradients(embedding, label):
    """Gradients of the cross-entropy by kernel and bias of the last layer."""
    kernel, bias = tf.Variable(WEIGHTS), tf.Variable(BIAS)
    with tf.GradientTape() as tape:
        logits = tf.constant(embedding)[None] @ kernel + bias
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(np.array([label]), logits)[0]
    return [each.numpy() for each in tape.gradient(loss, [kernel, bias])]


def test_it_is_the_product_of_the_two_gradients():
    one = gradients(IMAGE, TARGET)
    expected, without = [], []
    for embedding, label in zip(EMBEDDINGS, LABELS, strict=True):
        other = gradients(embedding, label)
        expected.append(sum((a * b).sum() for a, b in zip(one, other, strict=True)))
        without.append((one[0] * other[0]).sum())
    np.testing.assert_allclose(found(), expected, rtol=1e-12)
    np.testing.assert_allclose(found(bias=False), without, rtol=1e-12)


def test_a_small_step_on_an_image_lowers_the_loss_by_its_influence():
    def loss(kernel, bias):
        return -np.log(softmax(IMAGE @ kernel + bias)[TARGET])

    step, lowered = 1e-6, []
    for embedding, label in zip(EMBEDDINGS, LABELS, strict=True):
        by_kernel, by_bias = gradients(embedding, label)
        lowered.append((loss(WEIGHTS, BIAS) - loss(WEIGHTS - step * by_kernel, BIAS - step * by_bias)) / step)
    np.testing.assert_allclose(found(), lowered, rtol=1e-3, atol=1e-5)
