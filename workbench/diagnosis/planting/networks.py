"""Small networks of several architectures, trained in seconds, to plant faults into."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.progress import report
from workbench.diagnosis.planting.fault import Chance, Fitting

if TYPE_CHECKING:
    import keras

MAKES = ("plain", "normalised", "strided")
"""Convolutions and poolings; the same with BatchNormalization; strides in place of poolings."""


def train_network(train: Dataset, epochs: int, fitting: Fitting, chance: Chance) -> keras.Model:
    """Build a random one of `MAKES`, and fit it to the training images.

    Args:
        train: training images.
        epochs: the data's usual number.
        fitting: what the fault changes about the training.
        chance: for the architecture, the weights and the order.
    """
    import keras

    keras.utils.set_random_seed(int(chance.integers(2**31)))
    make = str(chance.choice(MAKES))
    model = _build(make, train.image_shape, len(train.class_names), fitting.dropout)
    total = max(1, round(epochs * fitting.epochs))
    steps = -(-len(train) // 32) * total
    rate = keras.optimizers.schedules.CosineDecay(3e-3, steps)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    images = train.floats() * np.float32(fitting.unit)

    class Progress(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is untyped
        def on_epoch_end(self, epoch: int, logs: object = None) -> None:
            report("Training a small network", epoch + 1, total)

    model.fit(images, train.labels, epochs=total, batch_size=32, verbose=0, callbacks=[Progress()])
    return model


def _build(make: str, shape: tuple[int, int, int], classes: int, dropout: float) -> Any:
    from keras import Input, Sequential, layers

    blocks: list[Any] = []
    for number, filters in enumerate((16, 32), 1):
        strides = 2 if make == "strided" else 1
        activation = None if make == "normalised" else "relu"
        blocks.append(
            layers.Conv2D(filters, 3, strides=strides, padding="same", activation=activation, name=f"conv{number}")
        )
        if make == "normalised":
            blocks += [layers.BatchNormalization(momentum=0.9), layers.ReLU()]
        if make != "strided":
            blocks.append(layers.MaxPooling2D(2))
    hidden = [layers.Flatten(), layers.Dense(64, activation="relu", name="hidden")]
    return Sequential(
        [Input(shape), *blocks, *hidden, layers.Dropout(dropout), layers.Dense(classes, activation="softmax")],
        name=make,
    )
