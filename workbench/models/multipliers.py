"""DeepLIFT: differences to a reference, handed back step by step from the scores to the pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import tensorflow as tf

from workbench.models.graph import Tensor
from workbench.models.linear_maps import linear_maps
from workbench.models.passable_steps import Passable, activation_of, made_by_keras
from workbench.models.pull_back import pull_back
from workbench.models.relevance import Arrivals

NEAR = 1e-6
"""Difference, as a share of the larger value, below which a secant is the slope: float32 keeps seven digits."""
AFFINE = ("BatchNormalization", "Normalization", "Rescaling")
"""Functions of each value by itself whose secants all are their slope."""
LOWEST = ("Amin", "Min", "Minimum")
"""What chooses the lowest value."""


class MultiplierPass:
    """One pass of multipliers m = C / Δx from the scores back to what the model was given.

    Each row of images has its reference as many rows below. Linear steps hand m back as they hand a gradient back; a
    function of each value by itself multiplies it by its secant, Δf / Δx, the rescale rule. A maximum hands its
    difference to the place that holds the higher one of the two maxima, and of a product Δ(xy) is mean(y) Δx +
    mean(x) Δy, means of image and reference; the paper leaves both open, and both add up.
    Source: Shrikumar et al. 2017, arXiv:1704.02685, sections 3.2, 3.5.1 and 3.5.2.

    Args:
        steps: of the walk, from the image to the scores.
        floats: precision to compute in.
    """

    def __init__(self, steps: Sequence[Passable], floats: str) -> None:
        self._steps, self._floats = steps, floats

    def run(self, given: Tensor, start: Tensor, multipliers: Tensor) -> Tensor:
        """Hand multipliers back.

        Args:
            given: what the model was given, `(2B, …)`, references below the images.
            start: the tensor at which the pass begins.
            multipliers: of its values, or where these are the scores with an activation, of the scores; `(B, …)`.

        Returns:
            The contributions of `given`, `(B, …)`.
        """
        arrivals = Arrivals(of_images)
        arrivals.add(start, start, multipliers)
        for each in reversed(self._steps):
            arriving = arrivals.take(each.step.output)
            if arriving is None:
                continue
            for tensor, giver, part in zip(each.received, each.givers, self._handed(each, arriving), strict=True):
                arrivals.add(tensor, giver, part)
        image, reference = tf.split(tf.cast(given, self._floats), 2)
        found = arrivals.take(given)
        return tf.zeros_like(image) if found is None else found * (image - reference)

    def _handed(self, each: Passable, arriving: Tensor) -> list[Tensor]:
        """Multipliers of each tensor that a step received."""
        if each.kind == "weighted":
            return [self._through_weights(each, arriving)]
        if each.kind == "winning":
            return self._to_winners(each, arriving)
        if each.kind == "gating":
            pulled = pull_back(each.step.output, each.received, tf.concat([arriving, arriving], axis=0))
            return [tf.add_n(tf.split(part, 2)) / 2 for part in pulled]
        if each.kind == "elementwise" and made_by_keras(each.step.layer) not in AFFINE:
            return [arriving * secant(*(tf.cast(t, self._floats) for t in (each.received[0], each.step.output)))]
        return of_images(each.step.output, each.received, arriving)

    def _through_weights(self, each: Passable, arriving: Tensor) -> Tensor:
        maps = linear_maps(replace(each, norm=None), self._floats)
        if not each.scores and activation_of(each.step.layer) != "linear":
            z = maps[-1].output
            arriving *= secant(z, each.step.layer.activation(z))
        for linear in reversed(maps):
            arriving = replace(linear, received=tf.split(linear.received, 2)[0]).back(arriving)
        return arriving

    def _to_winners(self, each: Passable, arriving: Tensor) -> list[Tensor]:
        image, reference = tf.split(tf.cast(each.step.output, self._floats), 2)
        above, below = arriving * tf.nn.relu(image - reference), -arriving * tf.nn.relu(reference - image)
        lowest = made_by_keras(each.step.layer) in LOWEST
        of_both = tf.concat([below, above] if lowest else [above, below], axis=0)
        found = []
        for tensor, part in zip(each.received, pull_back(each.step.output, each.received, of_both), strict=True):
            image, reference = tf.split(tf.cast(tensor, self._floats), 2)
            found.append(tf.math.divide_no_nan(sum(tf.split(part, 2)), image - reference))
        return found


def of_images(output: Tensor, received: Sequence[Tensor], arriving: Tensor) -> list[Tensor]:
    """Pull back what arrives at the images' half of `(2B, …)` rows, `(B, …)`."""
    both = tf.concat([arriving, tf.zeros_like(arriving)], axis=0)
    return [tf.split(each, 2)[0] for each in pull_back(output, received, both)]


def secant(x: Tensor, y: Tensor) -> Tensor:
    """Return Δy / Δx of a function of each value by itself, or its slope where Δx is nothing.

    Args:
        x: `(2B, …)`, references below the images.
        y: of the same shape, computed from it.

    Returns:
        `(B, …)`.
    """
    (image, reference), slope = tf.split(x, 2), tf.split(pull_back(y, [x], tf.ones_like(y))[0], 2)[0]
    difference, (above, below) = image - reference, tf.split(y, 2)
    near = tf.abs(difference) <= NEAR * tf.maximum(tf.abs(image), tf.abs(reference))
    return tf.where(near, slope, (above - below) / tf.where(near, tf.ones_like(difference), difference))


def of_probability(logits: Tensor, target: Tensor) -> Tensor:
    """Multipliers of the logits for a probability, 1 / Σ exp(f_k - f_c), whose parts are functions of one value each.

    Args:
        logits: `(2B, K)`, those of the references below those of the images.
        target: `(B,)`, the classes c.

    Returns:
        `(B, K)`, whose sum over k of m_k Δf_k is Δp_c.
    """
    own = tf.one_hot(target, logits.shape[-1], dtype=logits.dtype)
    (image, reference), (p, before) = tf.split(logits, 2), tf.split(tf.nn.softmax(logits), 2)
    mine, mine_before = (tf.reduce_sum(each * own, axis=1, keepdims=True) for each in (p, before))
    apart, apart_before = (each - tf.reduce_sum(each * own, axis=1, keepdims=True) for each in (image, reference))
    difference = apart - apart_before
    near = tf.abs(difference) <= NEAR * tf.maximum(tf.abs(apart), tf.abs(apart_before))
    rise = (p * mine_before - before * mine) / tf.where(near, tf.ones_like(difference), difference)
    others = (1 - own) * tf.where(near, -p * mine, -rise)
    return others - own * tf.reduce_sum(others, axis=1, keepdims=True)
