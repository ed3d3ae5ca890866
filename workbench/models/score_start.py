"""Where a pass from the scores to the pixels begins: at what the model gives, whatever is made of it here."""

from __future__ import annotations

import tensorflow as tf

from workbench.models.graph import Tensor
from workbench.models.multipliers import of_images, secant
from workbench.models.pull_back import pull_back
from workbench.models.trace import Trace


def start_relevance(trace: Trace, explained: Tensor) -> tuple[Tensor, Tensor | None]:
    """Return the relevance of what the head gives: each value times the slope of what is explained by it.

    Args:
        trace: of the images.
        explained: `(B,)`, computed from its logits.

    Returns:
        The relevance, of the shape of `head.logits`; and the slope, where these are the logits themselves.
    """
    head, ones = trace.head.logits, tf.ones_like(explained)
    if not trace.logarithm:
        slope = pull_back(explained, [head], ones)[0]
        return tf.cast(head, slope.dtype) * slope, slope
    found = trace.logits * pull_back(explained, [trace.logits], ones)[0]  # handed on, as by any function of each value
    return tf.reshape(found[:, 1:] if trace.one_unit else found, tf.shape(head)), None


def start_multipliers(trace: Trace, multipliers: Tensor) -> Tensor:
    """Return DeepLIFT's multipliers of what the head gives.

    Args:
        trace: of `(2B, …)` rows, references below the images.
        multipliers: of its logits, `(B, K)`.
    """
    head, logits = trace.head.logits, trace.logits
    if not trace.logarithm:
        return of_images(logits, [head], multipliers)[0]
    if trace.one_unit:
        logits, multipliers = logits[:, 1:], multipliers[:, 1:]
    given = tf.reshape(tf.cast(head, logits.dtype), tf.shape(logits))
    return tf.reshape(multipliers * secant(given, logits), (-1, *head.shape[1:]))
