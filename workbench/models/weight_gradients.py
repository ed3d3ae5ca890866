"""The gradient of a loss by a model's weights, and how the losses of other images change along it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from workbench.core.errors import WorkbenchError
from workbench.core.types import Array
from workbench.models.probe import CLASSES, Probe
from workbench.models.pull_back import pull_back
from workbench.models.scorer import Tensor


def trained_weights(probe: Probe) -> list[int]:
    """Places in `model.weights` of those that training changes: floats of layers that are not frozen."""
    return [place for place, each in enumerate(probe.model.weights) if each.trainable and "float" in str(each.dtype)]


def _places(probe: Probe) -> list[int]:
    if places := trained_weights(probe):
        return places
    raise WorkbenchError("Training changes no weight of this model: all its layers are frozen, or have no weights.")


def loss_gradient(probe: Probe, image: Array, label: int, weights: Sequence[Array]) -> list[Array]:
    """Gradient of the loss of an image by the trained weights, at any weights of the model.

    The loss is the cross-entropy; of K sigmoids, the sum of their binary cross-entropies.

    Args:
        probe: of the model, which never changes.
        image: `(H, W, C)` float32 in [0, 1].
        label: its class.
        weights: in the order of `model.weights`.

    Returns:
        An array for each of `trained_weights`, nats per unit of the weight.

    Raises:
        WorkbenchError: if training changes none.
    """
    places = _places(probe)

    def slopes(images: Tensor, labels: Tensor, *given: Tensor) -> list[Tensor]:
        loss = tf.reduce_sum(_losses(probe, images, labels, given))
        return pull_back(loss, [given[place] for place in places], tf.ones_like(loss))

    run = probe.compile("loss gradient", slopes, (probe.images, CLASSES, *_specs(weights)))
    return list(run(image[None], np.array([label]), *weights))


def changes_along(
    probe: Probe, images: Array, labels: Array, weights: Sequence[Array], direction: Sequence[Array]
) -> Array:
    """How fast the loss of each image changes along a direction of the weights: `(N,)` float64.

    With the gradient of another image as the direction, it is the product of both gradients, and no gradient of a
    single one of the N images is ever made: the sum of all losses, each times a weight, is handed back to the weights,
    and the product of that with the direction, which is linear in these N weights, to them.

    Args:
        probe: of the model.
        images: `(N, H, W, C)` float32 in [0, 1], at most `probe.max_rows`.
        labels: `(N,)` int.
        weights: in the order of `model.weights`.
        direction: as `loss_gradient` returns it.

    Raises:
        WorkbenchError: if training changes no weight.
    """
    places = _places(probe)

    def changes(images: Tensor, labels: Tensor, *given: Tensor) -> Tensor:
        own, along = given[: len(weights)], given[len(weights) :]
        losses = _losses(probe, images, labels, own)
        counted = tf.zeros_like(losses)
        back = pull_back(losses, [own[place] for place in places], counted)
        product = tf.add_n([tf.reduce_sum(one * other) for one, other in zip(back, along, strict=True)])
        return pull_back(product, [counted], tf.ones_like(product))[0]

    run = probe.compile("changes along", changes, (probe.images, CLASSES, *_specs(weights), *_specs(direction)))
    return np.asarray(run(images, labels, *weights, *direction), np.float64)


def _losses(probe: Probe, images: Tensor, labels: Tensor, weights: Sequence[Tensor]) -> Tensor:
    logits = probe.with_weights(weights).trace(images).logits
    if probe.sigmoid:
        own = tf.one_hot(labels, tf.shape(logits)[1], dtype=logits.dtype)
        return tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(labels=own, logits=logits), axis=1)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def _specs(arrays: Sequence[Array]) -> Iterator[tf.TensorSpec]:
    yield from (tf.TensorSpec(np.shape(each), np.asarray(each).dtype) for each in arrays)
