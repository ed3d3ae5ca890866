"""A small residual network whose last map is a quarter as wide as the image: 7 x 7 places of 28 pixels."""

from __future__ import annotations

from typing import Any

from workbench.core.errors import WorkbenchError

STEM = 24
STAGES = ((48, 1), (96, 2))
"""Filters and residual blocks of each stage; each halves the map first."""
MOMENTUM = 0.9
"""Of the statistics of BatchNormalization: Keras's 0.99 lags behind in trainings of few steps."""


def build(image_shape: tuple[int, int, int], classes: int) -> Any:
    """Build a convolution, two stages of residual blocks, the mean of each feature map, dropout and a softmax.

    Source: the blocks are those of He et al. 2015, arXiv 1512.03385, figure 2, with BatchNormalization after each
    convolution, and a strided convolution in front of each stage in place of a projection beside it.

    Raises:
        WorkbenchError: if the images are smaller than 8 x 8 pixels, or there is only one class.
    """
    height, width, _ = image_shape
    if min(height, width) < 8:
        raise WorkbenchError(f"`residual` needs images of at least 8×8 pixels. Got {height}×{width}.")
    if classes < 2:
        raise WorkbenchError(f"`residual` needs at least two classes. Got {classes}.")

    from keras import Input, Model, layers

    images = Input(image_shape, name="images")
    maps = _normalised(layers.Conv2D(STEM, 3, padding="same", use_bias=False, name="stem")(images), "stem")
    for stage, (filters, blocks) in enumerate(STAGES, 1):
        name = f"stage{stage}"
        down = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False, name=f"{name}_down")(maps)
        maps = _normalised(down, f"{name}_down")
        for block in range(1, blocks + 1):
            maps = _block(maps, filters, f"{name}_block{block}")
    pooled = layers.GlobalAveragePooling2D(name="pool")(maps)
    dropped = layers.Dropout(0.2, name="dropout")(pooled)
    return Model(images, layers.Dense(classes, activation="softmax", name="output")(dropped), name="residual")


def _block(maps: Any, filters: int, name: str) -> Any:
    """Add two convolutions to what they were given; the sum is rectified."""
    from keras import layers

    changed = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"{name}_conv1")(maps)
    changed = _normalised(changed, f"{name}_conv1")
    changed = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"{name}_conv2")(changed)
    changed = layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_conv2_norm")(changed)
    return layers.Activation("relu", name=f"{name}_relu")(layers.Add(name=f"{name}_add")([maps, changed]))


def _normalised(maps: Any, name: str) -> Any:
    from keras import layers

    normal = layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_norm")(maps)
    return layers.Activation("relu", name=f"{name}_relu")(normal)
