"""The baseline with a last map of a quarter of the image's size, so that class activation maps can point somewhere."""

from __future__ import annotations

from typing import Any

from workbench.core.errors import WorkbenchError

FILTERS = (32, 64, 128)
SMALLEST = 8


def build(image_shape: tuple[int, int, int], classes: int) -> Any:
    """Build three 3x3 convolutions, the mean of each feature map, then Dense 128, Dropout 0.5 and a softmax.

    The baseline's last convolution has 3 x 3 places of 28 x 28 pixels, and does not see the last six rows and columns.
    Here padding is "same" and there is no maximum after the last convolution: its map has 7 x 7 places, and every
    pixel counts. The mean over it stands where the baseline has its third maximum, and gives the dense layer as many
    values, so that the layers with weights, and their number, are the baseline's: 110,474 on grey images of ten
    classes, whatever the size of the image. It takes about two and a half times as many multiplications.

    Raises:
        WorkbenchError: if the images are smaller than 8 x 8 pixels, or there is only one class.
    """
    height, width, _ = image_shape
    if min(height, width) < SMALLEST:
        raise WorkbenchError(
            f"`baseline-wide-map` needs images of at least {SMALLEST}×{SMALLEST} pixels. Got {height}×{width}."
        )
    if classes < 2:
        raise WorkbenchError(f"`baseline-wide-map` needs at least two classes. Got {classes}.")

    from keras import Input, Sequential, layers

    blocks = []
    for number, filters in enumerate(FILTERS, 1):
        blocks.append(layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv{number}"))
        if number < len(FILTERS):
            blocks.append(layers.MaxPooling2D(2, padding="same", name=f"pool{number}"))
    return Sequential(
        [
            Input(image_shape, name="images"),
            *blocks,
            layers.GlobalAveragePooling2D(name="mean"),
            layers.Dense(128, activation="relu", name="dense"),
            layers.Dropout(0.5, name="dropout"),
            layers.Dense(classes, activation="softmax", name="output"),
        ],
        name="baseline-wide-map",
    )
