"""Images that a channel, a neuron or a class responds to most, climbed to from noise in their Fourier coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import tensorflow as tf

from workbench.core.progress import report
from workbench.core.types import Array
from workbench.models.graph import Tensor
from workbench.models.probe import CLASSES, Probe
from workbench.models.pull_back import pull_back
from workbench.models.trace import Trace

What = Literal["channel", "neuron", "class"]
RATE = 0.05
"""Step of Adam."""
STARTS, FAINT, STRONG = 64, 0.01, 0.5
"""Noise images to start from, and the standard deviation of the coefficients of the faintest and of the strongest:
behind a ReLU most noise gives no gradient at all, so each image starts from noise that its unit responds to."""
SHIFT, TURN, SIZE = 1 / 16, 8.0, 0.1
"""How far an image is moved in each step at most: shares of its sides, degrees, and share of its size."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is to respond.

    Attributes:
        what: a channel on the mean over its places, a neuron in the middle of its channel, or the logit of a class.
        layer: of the channel or neuron; of a class, the layer in which images are compared for diversity.
        units: numbers of the channels or classes, one for each image.
        diversity: weight of the likeness of images of one unit, which is taken off; 0 for none.
    """

    what: What
    layer: str
    units: tuple[int, ...]
    diversity: float = 0.0


def climb(probe: Probe, wanted: Wanted, *, steps: int, moves: float = 1.0, seed: int = 0) -> Array:
    """Climb to one image for each of `wanted.units`.

    An image is the sigmoid of the inverse Fourier transform of coefficients that are divided by their frequency, so
    that all scales of it grow alike; Adam climbs in these. In each step it is shifted, turned and resized at random, so
    that it does not hang on single pixels. Images of one unit are kept apart by the cosine of their Gram matrices in a
    layer. Source: Olah, Mordvintsev and Schubert 2017, doi:10.23915/distill.00007, sections on diversity,
    preconditioning and transformation robustness.

    Args:
        probe: the model.
        wanted: what is to respond.
        steps: of the ascent.
        moves: how far images are moved in each step, as a multiple of `SHIFT`, `TURN` and `SIZE`; 0 for not.
        seed: of the noise and the moves.

    Returns:
        `(n, H, W, C)` float32 in [0, 1].
    """
    chance = np.random.default_rng(seed)
    height, width, channels = probe.image_shape
    shape = (2, channels, height, width // 2 + 1)
    scale = _scale(height, width).astype(probe.floats)
    parts = (tf.TensorSpec((None, *shape), probe.floats), tf.TensorSpec(scale.shape, probe.floats))
    decode = probe.compile(("climbed",), lambda given, scale: _decoded(given, scale, width), parts)
    noise = chance.normal(size=(STARTS, *shape)) * np.geomspace(FAINT, STRONG, STARTS)[:, None, None, None, None]
    noise = noise.astype(probe.floats)
    coefficients = noise[_starts(responses(probe, np.asarray(decode(noise, scale)), wanted), wanted.units)]
    alike = np.equal.outer(wanted.units, wanted.units) & ~np.eye(len(wanted.units), dtype=bool)
    alike = alike.astype(probe.floats)

    def climbing(given: Tensor, moves: Tensor, units: Tensor, alike: Tensor, scale: Tensor) -> Tensor:
        images = _decoded(given, scale, width)
        trace = probe.trace(_moved(images, moves))
        value = _response(trace, wanted, units)
        if wanted.diversity:
            value -= wanted.diversity * tf.reduce_sum(alike * _likeness(trace, wanted.layer), axis=1)
        return pull_back(value, [given], tf.ones_like(value))[0]

    signature = (
        parts[0],
        tf.TensorSpec((None, 8), probe.floats),
        CLASSES,
        tf.TensorSpec((None, None), probe.floats),
        parts[1],
    )
    key = ("climb", wanted.what, wanted.layer, wanted.diversity)
    run = probe.compile(key, climbing, signature)
    mean, square = np.zeros_like(coefficients), np.zeros_like(coefficients)
    for step in range(1, steps + 1):
        moved = _moves(chance, len(wanted.units), height, width, reach=moves)
        slope = run(coefficients, moved.astype(probe.floats), np.array(wanted.units, np.int64), alike, scale)
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        rise = (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
        coefficients = (coefficients + RATE * rise).astype(probe.floats)
        report(f"Maximising {wanted.layer if wanted.what != 'class' else 'classes'}", step, steps)
    return np.asarray(decode(coefficients, scale), np.float32)


def responses(probe: Probe, images: Array, wanted: Wanted) -> Array:
    """What each unit says of each image: `(n, H, W, C)` and units to `(n, U)`."""

    def told(batch: Tensor) -> Tensor:
        trace = probe.trace(batch)
        if wanted.what == "class":
            return trace.scores
        maps = trace.maps(wanted.layer)
        return _of_channels(maps, wanted.what)

    found = probe.run(("told", wanted.what, wanted.layer), told, images)
    return np.asarray(found[:, list(wanted.units)], np.float32)


def _starts(told: Array, units: tuple[int, ...]) -> Array:
    """Choose the noise that each unit responds to most; the second image of a unit gets the second, and so on."""
    order, found, seen = np.argsort(-told, axis=0, kind="stable"), np.empty(len(units), np.int64), dict[int, int]()
    for place, unit in enumerate(units):
        found[place] = order[seen.get(unit, 0) % len(order), place]
        seen[unit] = seen.get(unit, 0) + 1
    return found


def _scale(height: int, width: int) -> Array:
    """`(H, W // 2 + 1)`: one over the frequency of each coefficient, and what makes pixels of a usual size of them."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    found = 1 / np.maximum(frequency, 1 / max(height, width))
    return np.asarray(found * np.sqrt(height * width))


def _decoded(given: Tensor, scale: Tensor, width: int) -> Tensor:
    """Coefficients `(n, 2, C, H, W // 2 + 1)` to images `(n, H, W, C)` in [0, 1]."""
    scaled = tf.cast(given * scale, tf.float64)
    pixels = tf.signal.irfft2d(tf.complex(scaled[:, 0], scaled[:, 1]), [tf.shape(scaled)[3], width])
    return tf.cast(tf.sigmoid(tf.transpose(pixels, (0, 2, 3, 1))), given.dtype)


def _moves(chance: np.random.Generator, count: int, height: int, width: int, *, reach: float) -> Array:
    """`(n, 8)` projective transforms: where in an image each pixel of the moved one comes from."""
    found = np.tile(np.array([1, 0, 0, 0, 1, 0, 0, 0], np.float64), (count, 1))
    angle = np.deg2rad(reach * chance.uniform(-TURN, TURN, count))
    size = 1 + reach * chance.uniform(-SIZE, SIZE, count)
    cos, sin = np.cos(angle) / size, np.sin(angle) / size
    across, down = (reach * chance.uniform(-SHIFT, SHIFT, count) * side for side in (width, height))
    x, y = (width - 1) / 2, (height - 1) / 2
    found[:, 0], found[:, 1], found[:, 2] = cos, -sin, x - cos * x + sin * y + across
    found[:, 3], found[:, 4], found[:, 5] = sin, cos, y - sin * x - cos * y + down
    return found


def _moved(images: Tensor, moves: Tensor) -> Tensor:
    found = tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.cast(moves, tf.float32),
        output_shape=tf.shape(images)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )
    return tf.ensure_shape(found, images.shape)


def _of_channels(maps: Tensor, what: What) -> Tensor:
    if what == "channel":
        return tf.reduce_mean(maps, axis=(1, 2))
    return maps[:, maps.shape[1] // 2, maps.shape[2] // 2]


def _response(trace: Trace, wanted: Wanted, units: Tensor) -> Tensor:
    values = trace.scores if wanted.what == "class" else _of_channels(trace.maps(wanted.layer), wanted.what)
    return tf.gather(values, units, batch_dims=1)


def _likeness(trace: Trace, layer: str) -> Tensor:
    """`(n, n)` cosine of the Gram matrices of the channels of each two images."""
    maps = trace.maps(layer)
    flat = tf.reshape(maps, (tf.shape(maps)[0], -1, maps.shape[-1]))
    grams = tf.einsum("npf,npg->nfg", flat, flat)
    rows = tf.math.l2_normalize(tf.reshape(grams, (tf.shape(maps)[0], -1)), axis=1, epsilon=1e-12)
    return tf.matmul(rows, rows, transpose_b=True)
