"""Small networks of several architectures for made worlds, trained in a minute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.core.progress import report
from workbench.core.types import Array

if TYPE_CHECKING:
    import keras

MAKES = ("pooled", "dense", "residual", "transformer")
"""Convolutions and global average pooling; the same with a dense head; residual blocks with BatchNormalization; and
patches of convolved pixels that attend to each other, without positions, and their mean."""
GLOBAL = ("pooled", "residual")
"""Convolutional ones that take images of any size."""
AT_ONCE = 25
"""Steps between which Python is not asked."""


def train(make: str, images: Array, labels: Array, *, classes: int, epochs: int, seed: int) -> keras.Model:
    """Build a network, and fit it.

    Args:
        make: one of `MAKES`.
        images: `(N, H, W, C)` float32 in [0, 1].
        labels: `(N,)` int in [0, K).
        classes: K.
        epochs: passes over the images.
        seed: of the weights and the order.

    Returns:
        A model that ends in logits.
    """
    import keras

    keras.utils.set_random_seed(seed)
    model = build(make, images.shape[1:], classes)
    rate = keras.optimizers.schedules.CosineDecay(1.5e-3, -(-len(images) // 32) * epochs)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss, steps_per_execution=AT_ONCE)

    class Progress(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is untyped
        def on_epoch_end(self, epoch: int, logs: object = None) -> None:
            report("Training a network of a made world", epoch + 1, epochs)

    model.fit(images, labels, epochs=epochs, batch_size=32, verbose=0, callbacks=[Progress()])
    return model


def build(make: str, shape: tuple[int, ...], classes: int) -> Any:
    """Build an untrained network for images of `shape`."""
    import keras
    from keras import layers

    image = keras.Input(shape)
    if make == "transformer":
        return keras.Model(image, layers.Dense(classes)(_attending(image)), name=make)
    x = image
    for number, filters in enumerate((16, 32, 64)):
        if make == "residual":
            x = _block(x, filters, strides=2 if number else 1)
        else:
            x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
            if number < 2:
                x = layers.MaxPooling2D(2)(x)
    x = layers.Conv2D(64, 3, padding="same", activation="relu")(x)
    if make == "dense":
        x = layers.Dense(64, activation="relu")(layers.Flatten()(layers.MaxPooling2D(2)(x)))
    else:
        x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(classes)(x), name=make)


def _attending(image: Any) -> Any:
    from keras import layers

    x = layers.Conv2D(48, 4, strides=4)(layers.Conv2D(16, 3, padding="same", activation="relu")(image))
    x = layers.Reshape((x.shape[1] * x.shape[2], 48))(x)
    for _ in range(2):
        y = layers.LayerNormalization()(x)
        x = layers.Add()([x, layers.MultiHeadAttention(4, 12)(y, y)])
        y = layers.Dense(96, activation="gelu")(layers.LayerNormalization()(x))
        x = layers.Add()([x, layers.Dense(48)(y)])
    return layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))


def _block(x: Any, filters: int, *, strides: int) -> Any:
    from keras import layers

    short = layers.Conv2D(filters, 1, strides=strides)(x)
    y = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
    y = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(y))
    y = layers.Conv2D(filters, 3, padding="same", use_bias=False)(y)
    return layers.ReLU()(layers.Add()([layers.BatchNormalization(momentum=0.9)(y), short]))
