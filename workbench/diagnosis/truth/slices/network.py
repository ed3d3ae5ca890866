"""One small network, compiled once and trained anew for each world."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.core.types import Array
from workbench.diagnosis.truth.slices.drawing import SIDE
from workbench.models.engine import Engine

EPOCHS, BATCH, RATE = 6, 64, 3e-3
AT_ONCE = 22
"""Steps between which Python is not asked: a quarter of the time."""


class Network:
    """Two convolutions and a hidden layer; to compile it takes longer than to train it.

    Args:
        images: that it is trained on, always as many.
        classes: K.
    """

    def __init__(self, images: int, classes: int = 2) -> None:
        import keras

        self.classes, self.engine = classes, Engine()
        self.model: Any = self._build()
        schedule = keras.optimizers.schedules.CosineDecay(RATE, EPOCHS * -(-images // BATCH))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.model.compile(keras.optimizers.Adam(schedule), loss, steps_per_execution=AT_ONCE)
        self.model.optimizer.build(self.model.trainable_variables)
        self._both = keras.Model(self.model.inputs, [self.model.outputs[0], self.model.layers[-2].output])
        self._untrained = [each.numpy() for each in self.model.optimizer.variables]

    def _build(self) -> Any:
        from keras import Input, Sequential, layers

        def normalised() -> list[Any]:
            return [layers.BatchNormalization(momentum=0.9), layers.ReLU()]

        blocks = [layers.Conv2D(24, 4, strides=2, padding="same"), *normalised()]
        blocks += [layers.Conv2D(32, 3, padding="same"), layers.MaxPooling2D(3), *normalised()]
        head = [layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dense(self.classes)]
        return Sequential([Input((SIDE, SIDE, 3)), *blocks, *head])

    def train(self, images: Array, labels: Array, seed: int) -> None:
        """Forget all, and learn `(N, H, W, 3)` uint8 images and their `(N,)` labels."""
        import keras

        keras.utils.set_random_seed(seed)
        for mine, fresh in zip(self.model.variables, self._build().variables, strict=True):
            mine.assign(fresh)
        for mine, value in zip(self.model.optimizer.variables, self._untrained, strict=True):
            mine.assign(value)
        pixels = images.astype(np.float32) / np.float32(255)
        self.model.fit(pixels, labels, epochs=EPOCHS, batch_size=BATCH, verbose=0)

    def outputs(self, images: Array) -> tuple[Array, Array]:
        """Logits `(N, K)` and embeddings `(N, D)` of uint8 images, float32 both."""
        pixels = images.astype(np.float32) / np.float32(255)
        logits, embeddings = self._both.predict(pixels, batch_size=BATCH, verbose=0)
        return np.asarray(logits, np.float32), np.asarray(embeddings, np.float32)
