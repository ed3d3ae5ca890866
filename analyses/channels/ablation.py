"""The channels of a model: what each gives, which class it speaks for, and what becomes of the scores without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from keras import ops, tree

from workbench.core.dataset import Dataset
from workbench.core.pixels import as_floats
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.data.lazy_images import Some
from workbench.models.probe import CLASSES, Probe
from workbench.models.scorer import Scorer, Tensor, continued

PER_CHANNEL = (
    "BatchNormalization",
    "Activation",
    "ReLU",
    "LeakyReLU",
    "PReLU",
    "ELU",
    "Dropout",
    "SpatialDropout2D",
    "GaussianNoise",
    "GaussianDropout",
)
"""Layers that keep channels apart: with the convolution before them they make one unit."""
PLACES = 3
"""Rows and columns of a feature map whose values are compared between channels."""


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A layer with weights, and what is done to each of its channels alone before the next one reads them.

    Attributes:
        name: of the layer with the weights.
        end: of the last layer of the unit, where its channels are read.
        channels: F.
        zeroed: numbers of the channels whose kernel, or whose factor in a batch normalisation, is exactly zero.
        output: whether its channels are the scores.
    """

    name: str
    end: str
    channels: int
    zeroed: tuple[int, ...]
    output: bool


def units(probe: Probe) -> list[Unit]:
    """Return every unit in the order of execution, the scores last."""
    read: dict[str, list[str]] = {}

    def look(images: Tensor) -> Tensor:
        steps = probe._steps(images)
        for step in steps:
            given = {id(each) for each in tree.flatten(step.received)}
            for giver in steps:
                if id(giver.output) in given and giver is not step:
                    read.setdefault(giver.name, []).append(step.name)
        return steps[-1].output

    with probe.engine.lock:
        tf.function(look, autograph=False).get_concrete_function(probe.images)
    kernels = [name for name, layer in probe.keras_layers.items() if _kernel(layer) is not None]
    kernels = [name for name in kernels if isinstance(probe.layers[name].shape[-1], int)]
    found = []
    for name in kernels:
        chain = [name]
        while len(after := read.get(chain[-1], [])) == 1 and probe.layers[after[0]].kind in PER_CHANNEL:
            chain.append(after[0])
        channels = int(probe.layers[name].shape[-1] or 0)
        output = name == kernels[-1] and channels == probe.units
        zeroed = np.zeros(channels, bool)
        for each in chain:
            zeroed |= _zeroed(probe.keras_layers[each], channels)
        end = next(each for each in reversed(chain) if not output or each == name)
        found.append(
            Unit(name=name, end=end, channels=channels, zeroed=tuple(np.flatnonzero(zeroed).tolist()), output=output)
        )
    return found


def responses(probe: Probe, data: Dataset, rows: Array, ends: list[str]) -> list[tuple[Array, Array, Array]]:
    """Read the channels of some layers on some images.

    Args:
        probe: the model.
        data: the images.
        rows: which of them.
        ends: names of layers.

    Returns:
        For each layer the lowest and the highest value of each channel, `(F,)`, and some of its values, `(n, F)`.
    """
    read = probe.compile(
        ("responses", tuple(ends)),
        lambda images: [_summary(probe.trace(images).outputs[end]) for end in ends],
        (probe.images,),
    )
    parts: list[list[tuple[Array, Array, Array]]] = [[] for _ in ends]
    for start in range(0, len(rows), probe.max_rows):
        part = rows[start : start + probe.max_rows]
        for found, values in zip(parts, read(data.floats(part)), strict=True):
            found.append(values)
        report("Channels", min(start + len(part), len(rows)), len(rows))
    return [
        (
            np.min([low for low, _, _ in each], axis=0),
            np.max([high for _, high, _ in each], axis=0),
            np.concatenate([some for _, _, some in each]),
        )
        for each in parts
    ]


def _summary(maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    maps = tf.cast(maps, "float32")
    places = list(range(len(maps.shape) - 1))
    some = maps
    if len(maps.shape) == 4:
        steps = [max(1, (size or 1) // PLACES) for size in maps.shape[1:3]]
        some = maps[:, steps[0] // 2 :: steps[0], steps[1] // 2 :: steps[1]]
    return tf.reduce_min(maps, places), tf.reduce_max(maps, places), tf.reshape(some, (-1, maps.shape[-1]))


def activation_and_relevance(probe: Probe, images: Some, target: Array, end: str) -> tuple[Array, Array]:
    """How strongly each channel answers to each image, and how much it adds to the score.

    Relevance is gradient times activation summed over the places, as for a channel of a network whose rest is linear.
    Source: Achtibat et al. 2023, arXiv:2206.03208, section "relevance maximisation", with gradient times activation in
    place of layer-wise relevance propagation.

    Args:
        probe: the model.
        images: n images.
        target: `(n,)` int, the class whose logit is explained.
        end: name of the layer.

    Returns:
        Largest value of each channel and its relevance, two times `(n, F)`.
    """

    def both(batch: Tensor, classes: Tensor) -> Tensor:
        maps, slopes = Scorer(probe, classes, classes, "logit").feature_maps_and_gradients(batch, end)
        places = tuple(range(1, len(maps.shape) - 1))
        return tf.stack(
            [ops.max(maps, places) if places else maps, ops.sum(maps * slopes, places) if places else maps * slopes],
            axis=1,
        )

    compiled = probe.compile(("relevance", end), both, (probe.images, CLASSES))
    found = np.concatenate(
        [compiled(as_floats(images[part]), target[part]) for part in _parts(len(images), probe.max_rows)]
    )
    return found[:, 0], found[:, 1]


def without_each_channel(probe: Probe, images: Some, target: Array, end: str, channels: Array) -> tuple[Array, Array]:
    """Set one channel after the other to zero; only the layers behind it run again.

    Source: Morcos et al. 2018, arXiv:1803.06959, section 2.2.

    Args:
        probe: the model.
        images: n images.
        target: `(n,)` int, the class whose logit is read.
        end: name of the layer.
        channels: `(f,)` numbers of its channels.

    Returns:
        Predicted class, `(n, f)` int, and logit of the target, `(n, f)`, without each.
    """
    size = int(np.clip(probe.max_rows, 1, 32))

    def some(batch: Tensor, classes: Tensor, numbers: Tensor) -> Tensor:
        whole = probe.trace(batch)
        maps = whole.outputs[end]
        keep = 1 - tf.one_hot(numbers, int(maps.shape[-1]), dtype=maps.dtype)  # (s, F)
        count, copies = tf.shape(batch)[0], tf.shape(numbers)[0]
        keep = tf.reshape(keep, (1, -1, *[1] * (len(maps.shape) - 2), int(maps.shape[-1])))
        trace = continued(probe, batch, whole, end, maps[:, None] * keep)
        chosen = tf.gather(trace.scores, tf.repeat(classes, copies), batch_dims=1)
        found = tf.stack([tf.cast(tf.argmax(trace.logits, axis=1), chosen.dtype), chosen], axis=-1)
        return tf.reshape(found, (count, copies, 2))

    compiled = probe.compile(("without each", end), some, (probe.images, CLASSES, tf.TensorSpec((None,), tf.int32)))
    batch = max(1, probe.max_rows // size)
    lines = []
    for part in _parts(len(images), batch):
        given = as_floats(images[part]), target[part]
        lines.append(np.concatenate([compiled(*given, channels[each]) for each in _parts(len(channels), size)], axis=1))
        report("Channels switched off", min(part.stop, len(images)), len(images))
    found = np.concatenate(lines)
    return found[..., 0].round().astype(np.int64), found[..., 1]


def twins(values: Array) -> tuple[Array, Array]:
    """Find for each channel the one that is most like it.

    Args:
        values: `(n, F)` values of the channels.

    Returns:
        Number of the other channel, `(F,)` int, and the magnitude of their correlation, 0 where one is constant.
    """
    centred = values.astype(np.float64) - values.mean(axis=0, dtype=np.float64)
    length = np.sqrt((centred**2).sum(axis=0))
    unit = np.divide(
        centred, length, out=np.zeros_like(centred), where=length > 1e-9 * max(1.0, float(length.max(initial=0)))
    )
    alike = np.abs(unit.T @ unit)
    np.fill_diagonal(alike, -1)
    other = alike.argmax(axis=1)
    return other, np.clip(alike[np.arange(len(other)), other], 0, 1)


def _parts(count: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def _kernel(layer: Any) -> Any:
    for name in ("pointwise_kernel", "kernel"):
        if (kernel := getattr(layer, name, None)) is not None:
            return kernel
    return None


def _zeroed(layer: Any, channels: int) -> Array:
    """`(F,)` bool, where the layer's weights of a channel are exactly zero."""
    kernel = _kernel(layer)
    if kernel is not None:
        weights = np.asarray(ops.convert_to_numpy(kernel))
        if type(layer).__name__.startswith("Depthwise"):  # (height, width, C, kernels of each)
            weights = weights.reshape(*weights.shape[:-2], -1)
        elif type(layer).__name__.endswith("Transpose"):
            weights = np.swapaxes(weights, -1, -2)
        silent = ~np.abs(weights).reshape(-1, weights.shape[-1]).any(axis=0)
    elif type(layer).__name__ == "BatchNormalization" and getattr(layer, "gamma", None) is not None:
        silent = np.asarray(ops.convert_to_numpy(layer.gamma)) == 0
    else:
        return np.zeros(channels, bool)
    return silent if len(silent) == channels else np.zeros(channels, bool)
