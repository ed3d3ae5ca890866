"""The small classifier on which attribution methods and measures are tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
from keras import Input, Model, layers

from workbench.attribution.explainer import Explainer
from workbench.attribution.methods import explainer
from workbench.core.attribution import Attribution
from workbench.core.params import describe, make
from workbench.core.types import Array
from workbench.diagnosis.contracts.check import hold
from workbench.models.probe import Probe

SHAPE, CLASSES = (14, 16, 1), 3


def stack(last: str | None = "softmax", classes: int = CLASSES) -> list[Any]:
    """Make fresh layers of the same small classifier."""
    return [
        layers.Conv2D(4, 3, activation="relu", name="conv1"),
        layers.MaxPooling2D(name="pool"),
        layers.Conv2D(5, 2, activation="relu", name="conv2"),
        layers.Flatten(),
        layers.Dense(classes, activation=last),
    ]


def chain(tensor: Any, parts: Sequence[Any]) -> Any:
    """Call one layer after the other."""
    for part in parts:
        tensor = part(tensor)
    return tensor


def functional(shape: tuple[int, ...] = SHAPE, last: str | None = "softmax", classes: int = CLASSES) -> Any:
    """Make the small classifier."""
    image = Input(shape)
    return Model(image, chain(image, stack(last, classes)))


def attentive(shape: tuple[int, ...] = SHAPE, last: str | None = "softmax", classes: int = CLASSES) -> Any:
    """Make a small transformer: patches of 2×4 pixels, two layers of attention, and the mean over tokens."""
    image = Input(shape)
    tokens = layers.Reshape((-1, 6))(layers.Conv2D(6, (2, 4), strides=(2, 4), name="patches")(image))
    for number in (1, 2):
        attended = layers.MultiHeadAttention(2, 3, name=f"attention{number}")(tokens, tokens)
        tokens = layers.Add(name=f"tokens{number}")([tokens, attended])
    tokens = layers.Dense(5, activation="relu", name="last")(tokens)
    return Model(image, layers.Dense(classes, activation=last)(layers.GlobalAveragePooling1D()(tokens)))


def seeded(model: Any, seed: int = 6) -> Any:
    """Give a model weights from our own generator, so that models of one structure are equal."""
    chance = np.random.default_rng(seed)
    spreads = [(1.5 / np.sqrt(np.prod(w.shape[:-1]) + 4), w.shape) for w in model.get_weights()]
    model.set_weights([chance.normal(0, spread, shape) for spread, shape in spreads])
    return model


@contextmanager
def head(probe: Probe, change: Callable[[Array, Array], tuple[Array, Array]]) -> Iterator[None]:
    """Change kernel and bias of the last layer for a while; what is compiled reads weights anew at each call."""
    *rest, kernel, bias = before = probe.model.get_weights()
    probe.model.set_weights([*rest, *change(kernel, bias)])
    try:
        yield
    finally:
        probe.model.set_weights(before)


def quick(name: str, **params: Any) -> Explainer:
    """Make a method with as few changed copies of an image as it takes, to be quick."""
    few = {
        each.name: max(int(each.low or 0), 4)
        for each in describe(explainer(name))
        if each.kind is int and isinstance(each.default, int) and each.default > 10
    }
    return make(explainer(name), {**few, **params})


class Trial:
    """A model of two convolutions and three classes, five images, and what every method says of them.

    A method that does not apply to it is tried on a small transformer (`fitting`).

    Attributes:
        images: `(5, H, W, 1)` uint8.
        background: `(3, H, W, 1)` uint8, of a training part.
        target: `(5,)` int, the classes that are explained.

    Args:
        build: makes the model.
    """

    def __init__(self, build: Callable[[], Any] = functional) -> None:
        self._build = build
        self.images = np.random.default_rng(1).integers(0, 256, (5, *SHAPE), np.uint8)
        self.background = np.random.default_rng(2).integers(0, 256, (3, *SHAPE), np.uint8)
        self.target = np.array([0, 2, 1, 0, 2])
        self._made: dict[str, Attribution] = {}
        self._narrow: dict[int, Probe] = {}

    @cached_property
    def model(self) -> Any:
        """The model."""
        return seeded(self._build())

    @cached_property
    def probe(self) -> Probe:
        """Its probe."""
        return Probe(self.model)

    @cached_property
    def other(self) -> Trial:
        """The same of a transformer."""
        return Trial(attentive)

    def fitting(self, name: str) -> Trial:
        """Return the trial on the first model that a method applies to; this one where it applies to none."""
        if explainer(name).missing(self.probe) is None or self._build is attentive:
            return self
        return self.other if explainer(name).missing(self.other.probe) is None else self

    def narrow(self, rows: int) -> Probe:
        """Return a probe of the same model that takes so few rows a call."""
        if rows not in self._narrow:
            self._narrow[rows] = Probe(self.model)
            self._narrow[rows].max_rows = rows
        return self._narrow[rows]

    def attribute(self, name: str, **params: Any) -> Attribution:
        """Explain the images by a method."""
        background = self.background
        return quick(name, **params).attribute(self.probe, self.images, self.target, background=background)

    def made(self, name: str) -> Attribution:
        """Return the maps of a method with its defaults, computed once; they are not flat."""
        if name not in self._made:
            self._made[name] = quick(name).attribute(self.probe, self.images, self.target)
            hold(self._made[name].values.std() > 0, "Its maps are flat.")
        return self._made[name]
