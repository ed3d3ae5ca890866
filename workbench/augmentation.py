"""Batches to train on: shuffled, mirrored and moved as seed and epoch say, from images that stay uint8."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.contracts import Dataset
from workbench.recipes import Recipe


class TrainingBatches:
    """The training images, to be asked for one epoch at a time.

    What happens to which image depends on seed and epoch alone, so that a resumed training sees what an
    uninterrupted one would have seen.

    Args:
        dataset: images to train on.
        recipe: batch size and augmentation.
        seed: of order, mirroring and moving.
    """

    def __init__(self, dataset: Dataset, recipe: Recipe, seed: int) -> None:
        import tensorflow as tf

        self.recipe, self.seed, self.count = recipe, seed, len(dataset)
        with tf.device("CPU"):
            self._images = tf.constant(np.asarray(dataset.images))  # (N, H, W, C) uint8
            self._labels = _labels(dataset, recipe)

    @property
    def steps(self) -> int:
        """Batches in an epoch; the last one may be smaller."""
        return -(-self.count // self.recipe.batch_size)

    def epoch(self, epoch: int) -> Any:
        """Return a `tf.data.Dataset` of (images (B, H, W, C) float32 in [0, 1], labels), every image once."""
        import tensorflow as tf

        random = np.random.default_rng((self.seed, epoch))
        order = tf.constant(random.permutation(self.count))
        mirrored = tf.constant(random.random(self.count) < 0.5)
        reach = self.recipe.shift
        moves = tf.constant(random.integers(-reach, reach + 1, (self.count, 2), dtype=np.int32))
        size = self.recipe.batch_size

        def batch(number: Any) -> tuple[Any, Any]:
            part = slice(number * size, (number + 1) * size)
            images = tf.gather(self._images, order[part])
            if self.recipe.flip:
                images = tf.where(mirrored[part][:, None, None, None], images[:, :, ::-1], images)
            if reach:
                images = moved(images, moves[part], reach)
            return tf.cast(images, tf.float32) / 255.0, tf.gather(self._labels, order[part])

        return tf.data.Dataset.range(self.steps).map(batch).prefetch(4)


def moved(images: Any, moves: Any, reach: int) -> Any:
    """Move each image by whole pixels; what comes in from outside is black.

    Args:
        images: `(B, H, W, C)`.
        moves: `(B, 2)` int32, how far down and to the right, within ± `reach`.
        reach: the longest move.
    """
    import tensorflow as tf

    height, width = images.shape[1:3]
    padded = tf.pad(images, [[0, 0], [reach, reach], [reach, reach], [0, 0]])
    rows = reach - moves[:, :1] + tf.range(height)  # (B, H)
    columns = reach - moves[:, 1:] + tf.range(width)  # (B, W)
    padded = tf.gather(padded, rows, axis=1, batch_dims=1)
    return tf.gather(padded, columns, axis=2, batch_dims=1)


def validation_batches(dataset: Dataset, recipe: Recipe, size: int = 500) -> Any:
    """Return a `tf.data.Dataset` of (images, labels) in order and as they are."""
    import tensorflow as tf

    with tf.device("CPU"):
        images, labels = tf.constant(np.asarray(dataset.images)), _labels(dataset, recipe)
    steps = -(-len(dataset) // size)

    def batch(number: Any) -> tuple[Any, Any]:
        part = slice(number * size, (number + 1) * size)
        return tf.cast(images[part], tf.float32) / 255.0, labels[part]

    return tf.data.Dataset.range(steps).map(batch).prefetch(2)


def _labels(dataset: Dataset, recipe: Recipe) -> Any:
    """Class indices (N,), or (N, K) where the loss smooths them: Keras's sparse loss cannot."""
    import tensorflow as tf

    return tf.constant(dataset.one_hot() if recipe.label_smoothing else dataset.labels)
