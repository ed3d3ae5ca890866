"""Batches to train on: shuffled and changed as seed and epoch say, from images that stay uint8 and may stay on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.types import Array
from workbench.training.augmentation.distortions import adjust_tone, erase, rotate_and_zoom, shift
from workbench.training.augmentation.draws import Draws
from workbench.training.recipes import Recipe

MOST_BYTES = 2**30
"""Size of images from which on they are read batch by batch, not held as a tensor."""
AHEAD = 4
"""Batches that are made while others are being learned from."""


class TrainingBatches:
    """The training images, to be asked for one epoch at a time.

    What happens to which image depends on seed and epoch alone, so that a resumed training sees what an
    uninterrupted one would have seen. Images of an array below a gigabyte are held as one tensor; all others are read
    when their batch is due, so that they never are in memory as a whole.

    Args:
        dataset: images to train on.
        recipe: batch size, augmentation and class weights.
        seed: of the order and of all that is drawn.
        most: bytes of an array up to which it is held.
    """

    def __init__(self, dataset: Dataset, recipe: Recipe, seed: int, *, most: int = MOST_BYTES) -> None:
        import tensorflow as tf

        self.recipe, self.seed, self.count = recipe, seed, len(dataset)
        self._shape = dataset.image_shape
        self._read = _reader(dataset, most)
        with tf.device("CPU"):
            self._labels = _labels(dataset, recipe)
            self._weights = tf.constant(class_weights(dataset)) if recipe.class_weights == "balanced" else None

    @property
    def steps(self) -> int:
        """Batches in an epoch; the last one may be smaller."""
        return -(-self.count // self.recipe.batch_size)

    def epoch(self, epoch: int) -> Any:
        """Return a `tf.data.Dataset` of (images (B, H, W, C) float32 in [0, 1], labels), every image once.

        Where classes are weighted, the weights (B,) float32 are third.
        """
        import tensorflow as tf

        draws = Draws.of(self.count, self._shape[:2], self.recipe, self.seed, epoch)
        order, size = tf.constant(draws.order), self.recipe.batch_size

        def batch(number: Any) -> tuple[Any, ...]:
            part = slice(number * size, (number + 1) * size)
            images = augment(self._read(order[part]), draws, part, self.recipe, number)
            labels = tf.gather(self._labels, order[part])
            if self._weights is None:
                return images, labels
            return images, labels, tf.gather(self._weights, order[part])

        return tf.data.Dataset.range(self.steps).map(batch).prefetch(AHEAD)


def augment(images: Any, draws: Draws, part: slice, recipe: Recipe, number: Any = 0) -> Any:
    """Change a batch of images as it was drawn.

    Args:
        images: `(B, H, W, C)` uint8.
        draws: of the whole epoch.
        part: where the batch lies in it.
        recipe: says which changes there are.
        number: of the batch.

    Returns:
        `(B, H, W, C)` float32 in [0, 1].
    """
    import tensorflow as tf

    def of(values: Array) -> Any:
        return tf.constant(values)[part]

    if recipe.flip:
        images = tf.where(of(draws.mirrored)[:, None, None, None], images[:, :, ::-1], images)
    if recipe.shift:
        images = shift(images, of(draws.moves), recipe.shift)
    images = tf.cast(images, tf.float32) / 255.0
    if recipe.rotation or recipe.zoom:
        images = rotate_and_zoom(images, of(draws.angles), of(draws.scales))
    if recipe.brightness or recipe.contrast:
        images = adjust_tone(images, of(draws.brightness), of(draws.contrast))
    if recipe.erasing:
        seed = tf.stack([draws.noise[0], draws.noise[1] ^ tf.cast(number, tf.int32)])
        images = erase(images, of(draws.boxes), seed)
    return images


def class_weights(dataset: Dataset) -> Array:
    """Return a weight for each image, `(N,)` float32, so that every class weighs the same and the mean is 1.

    Source: `N / (K' · n_c)` for the K' classes that have images, as scikit-learn's `class_weight="balanced"`
    (King and Zeng 2001, doi:10.1093/oxfordjournals.pan.a004868).
    """
    counts = np.bincount(dataset.labels, minlength=len(dataset.class_names))
    weights = len(dataset) / ((counts > 0).sum() * np.maximum(counts, 1))
    return np.asarray(weights[dataset.labels], np.float32)


def validation_batches(dataset: Dataset, recipe: Recipe, size: int = 500, *, most: int = MOST_BYTES) -> Any:
    """Return a `tf.data.Dataset` of (images, labels) in order and as they are."""
    import tensorflow as tf

    read = _reader(dataset, most)
    with tf.device("CPU"):
        labels = _labels(dataset, recipe)
    height, width, channels = dataset.image_shape
    # A batch of large images is kept below some 150 MB as float32.
    size = max(1, min(size, 2**25 // (height * width * channels)))
    steps = -(-len(dataset) // size)

    def batch(number: Any) -> tuple[Any, Any]:
        rows = tf.range(number * size, tf.minimum((number + 1) * size, len(dataset)))
        return tf.cast(read(rows), tf.float32) / 255.0, tf.gather(labels, rows)

    return tf.data.Dataset.range(steps).map(batch).prefetch(2)


def _reader(dataset: Dataset, most: int) -> Callable[[Any], Any]:
    """Return what gives the images of some rows: int64 tensor (B,) -> uint8 tensor (B, H, W, C)."""
    import tensorflow as tf

    images = dataset.images
    if isinstance(images, np.ndarray) and not isinstance(images, np.memmap) and images.nbytes <= most:
        with tf.device("CPU"):
            held = tf.constant(images)
        return lambda rows: tf.gather(held, rows)

    def some(rows: Array) -> Array:
        return np.ascontiguousarray(images[rows], np.uint8)

    def read(rows: Any) -> Any:
        found = tf.numpy_function(some, [rows], tf.uint8, stateful=False)
        return tf.ensure_shape(found, (None, *dataset.image_shape))

    return read


def _labels(dataset: Dataset, recipe: Recipe) -> Any:
    """Class indices (N,), or (N, K) where the loss smooths them: Keras's sparse loss cannot."""
    import tensorflow as tf

    return tf.constant(dataset.one_hot() if recipe.label_smoothing else dataset.labels)
