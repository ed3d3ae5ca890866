"""The CNN of the report, layer for layer: 110,474 parameters on 28 x 28 grey images of ten classes."""

from __future__ import annotations

from typing import Any

from workbench.core.errors import WorkbenchError

FILTERS = (32, 64, 128)


def build(image_shape: tuple[int, int, int], classes: int) -> Any:
    """Build three blocks of 3x3 convolution and 2x2 maximum, then Dense 128, Dropout 0.5 and a softmax.

    Padding is "valid", as in the report: each block takes (n - 2) // 2 places of n, so that of 28 pixels only the
    first 22 in each direction reach the output.

    Raises:
        WorkbenchError: if the images are too small for three blocks, or there is only one class.
    """
    height, width, _ = image_shape
    least = _smallest()
    if min(height, width) < least:
        raise WorkbenchError(
            f"`baseline` needs images of at least {least}×{least} pixels for its three blocks. Got {height}×{width}."
        )
    if classes < 2:
        raise WorkbenchError(f"`baseline` needs at least two classes. Got {classes}.")

    from keras import Input, Sequential, layers

    blocks = []
    for number, filters in enumerate(FILTERS, 1):
        blocks.append(layers.Conv2D(filters, 3, activation="relu", name=f"conv{number}"))
        blocks.append(layers.MaxPooling2D(2, name=f"pool{number}"))
    return Sequential(
        [
            Input(image_shape, name="images"),
            *blocks,
            layers.Flatten(name="flatten"),
            layers.Dense(128, activation="relu", name="dense"),
            layers.Dropout(0.5, name="dropout"),
            layers.Dense(classes, activation="softmax", name="output"),
        ],
        name="baseline",
    )


def _smallest() -> int:
    size = 1
    for _ in FILTERS:
        size = 2 * size + 2
    return size
