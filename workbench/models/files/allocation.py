"""A limit on the weights of a model that is built from a file: what a description asks for is not taken on trust."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from workbench.core.errors import WorkbenchError

SPARE = 2_000_000
"""Values that a model may have beside those of its file: seeds, counters, weights that are never stored."""


class TooManyWeights(WorkbenchError):
    """A description that asks for more weights than its file holds."""


@contextmanager
def weights_within(name: str, stored: int) -> Iterator[list[TooManyWeights]]:
    """Let what is built in here have so many weights as a file stores, and not many more; none is made beyond that.

    Args:
        name: of the file.
        stored: values in it.

    Yields:
        A list, in which the error stands once it was raised: Keras puts it into a sentence of its own.
    """
    left, refused = 2 * stored + SPARE, []

    def create(next_creator: Callable[..., Any], **given: Any) -> Any:
        nonlocal left
        count = _count(given)
        left -= count
        if left < 0:
            refused.append(
                TooManyWeights(
                    f"{name} describes a model with more weights than it holds: it stores {stored:,} values, and one "
                    f"layer alone asks for {count:,}."
                    if count > stored
                    else f"{name} describes a model with more weights than it holds: it stores {stored:,} values."
                )
            )
            raise refused[-1]
        return next_creator(**given)

    with tf.variable_creator_scope(create):
        yield refused


def _count(given: Any) -> int:
    """Count the values of a variable that is about to be made, without making them."""
    value = given.get("initial_value")
    if callable(value):
        with tf.Graph().as_default():  # where a value is a plan
            value = value()
    return math.prod(int(size) for size in tf.TensorShape(getattr(value, "shape", ())).as_list())
