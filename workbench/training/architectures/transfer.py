"""What the pretrained networks have in common: pixels -> what the backbone was trained on -> backbone -> a new head."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.core.errors import WorkbenchError
from workbench.core.wording import plural
from workbench.training.architectures.pretrained import Published, load_weights

SMALLEST = 96
"""Pixels of the shorter side, at least: a fifth of the time of 224, and the last map still has 3 x 3 places."""
LARGEST = 224
"""Pixels of the shorter side, at most: what the backbones were trained on."""
DROPOUT = 0.2


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A network of `keras.applications`.

    Attributes:
        architecture: name of the whole network here.
        application: its name there.
        prepare: RGB in [0, 1], `(B, h, w, 3)`, to what it was trained on; layers of Keras only, so that the file of
            the model opens without running code of its own.
        published: its weights for ImageNet.
        options: further arguments.
    """

    architecture: str
    application: str
    prepare: Callable[[Any], Any]
    published: Published
    options: Mapping[str, Any] = field(default_factory=dict)


def build_transfer(backbone: Backbone, image_shape: tuple[int, int, int], classes: int, weights: str | None) -> Any:
    """Build the layers that prepare the image, the backbone, the mean of its feature maps, dropout and a softmax.

    Grey becomes three equal channels. Images whose shorter side is outside 96…224 pixels are scaled to that, in
    proportion. The nested model is named "backbone". With weights it is frozen, its BatchNormalization in inference
    mode, until somebody sets `trainable`; without, all of it is trained from the start.

    Args:
        backbone: which one.
        image_shape: (H, W, C) with one or three channels.
        classes: K.
        weights: "imagenet", "none" (or None), or the path of a file; see `load_weights`.

    Raises:
        WorkbenchError: if the images have other channels, there is only one class, or the weights do not fit.
        Unavailable: if the weights cannot be fetched, or there is no such file.
    """
    height, width, channels = image_shape
    name = backbone.architecture
    if channels not in (1, 3):
        raise WorkbenchError(
            f"`{name}` needs grey or RGB images, with 1 or 3 channels. Got {plural(channels, 'channel')}."
        )
    if classes < 2:
        raise WorkbenchError(f"`{name}` needs at least two classes. Got {classes}.")
    if min(height, width) < 1:
        raise WorkbenchError(f"`{name}` needs images with pixels. Got {height}×{width}.")

    import keras
    from keras import Input, Model, layers

    size = backbone_size(height, width)
    inner = getattr(keras.applications, backbone.application)(
        include_top=False, weights=None, input_shape=(*size, 3), name="backbone", **backbone.options
    )
    if weights not in (None, "none"):
        load_weights(inner, str(weights), name=name, published=backbone.published)
        inner.trainable = False
    images = Input(image_shape, name="images")
    pixels = layers.Concatenate(name="rgb")([images] * 3) if channels == 1 else images
    if size != (height, width):
        pixels = layers.Resizing(*size, interpolation="bilinear", name="resized")(pixels)
    mean = layers.GlobalAveragePooling2D(name="mean")(inner(backbone.prepare(pixels)))
    dropped = layers.Dropout(DROPOUT, name="dropout")(mean)
    return Model(images, layers.Dense(classes, activation="softmax", name="output")(dropped), name=name)


def backbone_size(height: int, width: int) -> tuple[int, int]:
    """Return (h, w) in pixels that the backbone is given: in proportion, the shorter side within 96…224."""
    shorter = min(height, width)
    factor = min(max(shorter, SMALLEST), LARGEST) / shorter
    return max(round(height * factor), 1), max(round(width * factor), 1)


def centre_pixels(pixels: Any) -> Any:
    """RGB in [0, 1] to [-1, 1]."""
    from keras import layers

    return layers.Rescaling(2.0, offset=-1.0, name="prepared")(pixels)


def blue_first(pixels: Any) -> Any:
    """RGB in [0, 1] to BGR in 0…255 less the mean of ImageNet: what Caffe's networks were trained on."""
    from keras import layers, ops

    means = [-103.939, -116.779, -123.68]  # of blue, green and red, as keras.applications.imagenet_utils has them
    return layers.Rescaling(255.0, offset=means, name="prepared")(ops.flip(pixels, axis=-1))
