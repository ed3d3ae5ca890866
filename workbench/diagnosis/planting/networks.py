"""Small networks of several architectures, trained in seconds, to plant faults into."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.progress import report
from workbench.diagnosis.planting.fault import Chance, Fitting

if TYPE_CHECKING:
    import keras

    from workbench.models.engine import Engine

MAKES = ("plain", "normalised", "strided")
"""Convolutions and poolings; the same with BatchNormalization; strides in place of poolings. Asked for by name:
"residual", with additions, and "dense", without convolutions."""
BATCH, RATE = 32, 3e-3
AT_ONCE = 16
"""Steps between which Python is not asked: a quarter of the time."""
LARGE = 64
"""Pixels a side above which the first convolution has strides of two more."""


class Networks:
    """Trains random ones of `MAKES`, each from its beginning; those of one shape are compiled once.

    To compile a training takes several times as long as the training does. So a network is its caller's only until the
    next one is trained, which may have its variables. Whether others were trained before makes no difference to it.
    """

    def __init__(self) -> None:
        self._made: dict[tuple[Any, ...], _Network] = {}

    def train(self, train: Dataset, epochs: int, fitting: Fitting, chance: Chance) -> keras.Model:
        """Choose a make, and fit it to the training images.

        Args:
            train: training images.
            epochs: the data's usual number.
            fitting: what the fault changes about the training.
            chance: for the architecture, the weights and the order.
        """
        import keras

        seed = int(chance.integers(2**31))
        keras.utils.set_random_seed(seed)
        make = fitting.make or str(chance.choice(MAKES))
        kind = (make, train.image_shape, len(train.class_names), fitting.dropout, fitting.logits)
        new = _build(*kind)
        if kind not in self._made:
            self._made[kind] = _Network(new, logits=fitting.logits)
        network = self._made[kind]
        network.begin(new)
        keras.utils.set_random_seed(seed)
        network.fit(train, max(1, round(epochs * fitting.epochs)), fitting.unit)
        return network.model

    def engine(self, model: keras.Model) -> Engine:
        """Return what keeps the compiled functions of a network that was trained here, whatever it has learned."""
        return next(each.engine for each in self._made.values() if each.model is model)


class _Network:
    """A network that is compiled for its training."""

    def __init__(self, model: keras.Model, *, logits: bool) -> None:
        import keras

        from workbench.models.engine import Engine

        self.model, self.engine = model, Engine()
        self._steps = keras.Variable(1.0, trainable=False)
        rate = keras.optimizers.schedules.CosineDecay(RATE, 1)
        rate.decay_steps = self._steps  # a number would be part of what is compiled
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=logits)
        model.compile(keras.optimizers.Adam(rate), loss, steps_per_execution=AT_ONCE)
        model.optimizer.build(model.trainable_variables)
        self._untrained = [each.numpy() for each in model.optimizer.variables]

    def begin(self, new: keras.Model) -> None:
        """Take over the weights and the random state of a new network of its make, and forget what was learned."""
        for mine, theirs in zip(self.model.variables, new.variables, strict=True):
            mine.assign(theirs)
        for mine, value in zip(self.model.optimizer.variables, self._untrained, strict=True):
            mine.assign(value)

    def fit(self, train: Dataset, epochs: int, unit: float) -> None:
        """Train for so many epochs, a white pixel being `unit`."""
        import keras

        class Progress(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is untyped
            def on_epoch_end(self, epoch: int, logs: object = None) -> None:
                report("Training a small network", epoch + 1, epochs)

        self._steps.assign(-(-len(train) // BATCH) * epochs)
        images = train.floats() * np.float32(unit)
        self.model.fit(images, train.labels, epochs=epochs, batch_size=BATCH, verbose=0, callbacks=[Progress()])


def _build(make: str, shape: tuple[int, int, int], classes: int, dropout: float, logits: bool) -> Any:
    from keras import Input, Model, Sequential, layers

    last, first = None if logits else "softmax", 2 if min(shape[:2]) > LARGE else 1
    if make == "residual":
        given = Input(shape)
        x = layers.Conv2D(24, 3, padding="same", activation="relu", name="conv1")(given)
        for number in (1, 2):
            inner = layers.Conv2D(24, 3, padding="same", activation="relu", name=f"inner{number}")(x)
            inner = layers.Conv2D(24, 3, padding="same", name=f"outer{number}")(inner)
            x = layers.MaxPooling2D(2)(layers.ReLU()(layers.Add()([x, inner])))
        x = layers.Dropout(dropout)(layers.Dense(64, activation="relu", name="hidden")(layers.Flatten()(x)))
        return Model(given, layers.Dense(classes, activation=last)(x), name=make)
    if make == "dense":
        hidden = [layers.Flatten(), layers.Dense(128, activation="relu"), layers.Dense(64, activation="relu")]
        return Sequential(
            [Input(shape), *hidden, layers.Dropout(dropout), layers.Dense(classes, activation=last)], name=make
        )
    blocks: list[Any] = []
    for number, filters in enumerate((16, 32), 1):
        strides = (2 if make == "strided" else 1) * (first if number == 1 else 1)
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
        [Input(shape), *blocks, *hidden, layers.Dropout(dropout), layers.Dense(classes, activation=last)], name=make
    )
