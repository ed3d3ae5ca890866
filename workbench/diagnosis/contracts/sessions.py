"""Sessions on made data on which analyses are tried: usual ones, and ones at the edge of what there can be."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pandas as pd

from workbench.core.dataset import Dataset
from workbench.core.predictions import Predictions
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.diagnosis import registry
from workbench.diagnosis.opening import Session
from workbench.models.engine import Engine
from workbench.plotting.mathtext import formulas, texts
from workbench.plotting.rendering import pixels_of
from workbench.training.dynamics import Dynamics

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from workbench.models.probe import Probe

HOSTILE = (
    "$\\frac{1}{0}$",
    "<script>alert(1)</script>",
    "_under_score_",
    "line\nbreak\x1b[31m",
    "\u202etfel ot thgir",
    "日本語",
    "%s {0} \\",
    "-",
)
"""Class names that are no plain words."""
FILES = ("<img src=x>.png", 'it\'s "one".jpg', f"{'long' * 50}.png", "$x^2$ größer.bmp", "plain_7.gif")
"""Names of files that are no plain words either."""


class Planted(Session):
    """A session with planted predictions, learning curves and notes of its training.

    Attributes:
        engines: what sessions of one model have compiled, by what that is given; each has its own without.
    """

    planted: Predictions | None = None
    curves: pd.DataFrame | None = None
    noted: Dynamics | None = None
    engines: dict[str, Engine] | None = None

    @property
    def probe(self) -> Probe:
        """What it computes is compiled once for all sessions of the same model."""
        probe = super().probe
        if self.engines is not None:
            probe.engine = self.engines.setdefault(probe.preprocessing.name, probe.engine)
        return probe

    @property
    def dynamics(self) -> Dynamics | None:
        """What was planted."""
        return self.noted

    @property
    def predictions(self) -> Predictions:
        """What was planted; those of the training images are the model's own."""
        return self.planted or super().predictions

    @property
    def has_predictions(self) -> bool:
        """Planted ones are there."""
        return self.planted is not None or super().has_predictions

    @property
    def history(self) -> pd.DataFrame | None:
        """What was planted."""
        return self.curves


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A figure that has been drawn.

    Attributes:
        figure, pixels: itself, and what is seen of it.
        texts, formulas: what it said before: once drawn, a logarithmic axis has formulas of its own.
    """

    figure: Figure
    pixels: bytes
    texts: list[str]
    formulas: list[str]


@dataclass(frozen=True)
class Case:
    """Labels, classes, image shape, how often another class is predicted than the label; equal images, lacking classes.

    Attributes:
        equal: whether all images are the same.
        times: training images for each evaluated one.
        unlearned: classes that have no training images.
    """

    labels: tuple[int, ...]
    classes: int
    shape: tuple[int, int, int] = (12, 10, 1)
    wrong: float = 0.3
    equal: bool = False
    times: int = 2
    unlearned: tuple[int, ...] = ()


CASES = {
    "one image": Case((2,), 4, wrong=0.0),
    "all right": Case((0, 1, 2, 3, 0, 1), 4, wrong=0.0),
    "all wrong": Case((0, 1, 2, 3, 0, 1), 4, wrong=1.0),
    "a class without examples": Case((0, 0, 1, 1, 3, 3), 4),
    "two classes": Case((0, 1, 1, 0, 1, 0, 1), 2),
    "thirty classes in colour": Case(tuple(range(30)) * 2, 30, (20, 24, 3)),
    "one class only": Case((1, 1, 1), 2, wrong=0.0),
    "one image, wrong": Case((2,), 4, wrong=1.0, times=12),
    "two images, wrong": Case((1, 1), 4, wrong=1.0),
    "equal images": Case((0, 1, 2, 3, 0, 1, 2, 3), 4, equal=True),
    "one image of a class that was not trained": Case((0, 0, 0, 0, 1, 2, 2, 2), 3, unlearned=(1,)),
}
USUAL = Case(tuple(range(4)) * 6, 4)


def image_names(folder: str, count: int) -> Array:
    """Return `(count,)` names of files in a folder, all of them different: "kite/kite-ac plain_7.gif"."""
    letters = [chr(97 + n // 26) + chr(97 + n % 26) for n in range(count)]
    return np.array([f"{folder}/{folder}-{each} {FILES[n % len(FILES)]}" for n, each in enumerate(letters)])


class Sessions:
    """Builds the session of a case; models are made once for each K and image shape.

    Attributes:
        spoilt: names of analyses that changed the model or the data while they answered.
    """

    def __init__(self) -> None:
        self._models: dict[tuple[int, tuple[int, int, int]], Any] = {}
        self._engines: dict[tuple[int, tuple[int, int, int]], dict[str, Engine]] = {}
        self._answers: dict[str, Result] = {}
        self._figures: dict[str, Drawn] = {}
        self.spoilt: set[str] = set()

    @cached_property
    def usual(self) -> Planted:
        """Twenty-four images of four classes."""
        return self.open(USUAL)

    def answer(self, name: str) -> Result:
        """Answer an analysis with its bare defaults on the usual session, once."""
        if name not in self._answers:
            before = self._state()
            self._answers[name] = registry.compute(self.usual, name)
            if self._state() != before:
                self.spoilt.add(name)
        return self._answers[name]

    def drawn(self, name: str) -> Drawn:
        """Draw the answer of an analysis, once."""
        if name not in self._figures:
            figure = registry.draw(self.answer(name))
            self._figures[name] = Drawn(
                figure=figure, texts=texts(figure), formulas=formulas(figure), pixels=pixels_of(figure)
            )
        return self._figures[name]

    def _state(self) -> list[bytes]:
        """Everything about the usual session that its owner could see change."""
        session, case = self.usual, USUAL
        said, train = session.predictions, session.train
        arrays = [*self.model(case.classes, case.shape).get_weights(), session.dataset.images, session.dataset.labels]
        arrays += [said.logits, said.labels, *([] if train is None else [train.images, train.labels])]
        return [np.ascontiguousarray(each).tobytes() for each in arrays]

    def model(self, classes: int, shape: tuple[int, int, int]) -> Any:
        """Return an untrained model whose last convolution lies in a nested model."""
        if (classes, shape) not in self._models:
            keras.utils.set_random_seed(3)
            inner = [keras.layers.Input(shape), keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.Conv2D(5, 3)]
            head = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(classes, activation="softmax")]
            self._models[classes, shape] = keras.Sequential(
                [keras.layers.Input(shape), keras.Sequential(inner, name="inner"), *head]
            )
        return self._models[classes, shape]

    def open(self, case: Case) -> Planted:
        """Build the session of a case, with hostile class names and pixels that nobody may write to."""
        random = np.random.default_rng(5)
        labels = np.array(case.labels, np.int64)
        images = random.integers(0, 256, (len(labels), *case.shape), dtype=np.uint8)
        learned = random.integers(0, 256, (case.times * len(labels), *case.shape), dtype=np.uint8)
        if case.equal:
            images[:], learned[:] = 90, 90
        known = np.flatnonzero(~np.isin(np.tile(labels, case.times), case.unlearned))
        learned = learned[known]
        for each in (images, learned):
            each.flags.writeable = False
        names = tuple(
            HOSTILE[n % len(HOSTILE)] + ("" if n < len(HOSTILE) else f" {n} {'long ' * 200}")
            for n in range(case.classes)
        )
        session = Planted(
            self.model(case.classes, case.shape),
            Dataset(
                images,
                labels,
                class_names=names,
                indices=np.arange(len(labels)),
                name="a$b$/_test_",
                names=image_names("kite", len(labels)),
            ),
            train=Dataset(
                learned,
                np.tile(labels, case.times)[known],
                class_names=names,
                indices=np.arange(len(learned)),
                name="a$b$/_train_",
                names=image_names("swan", len(learned)),
            ),
            cache=False,
        )
        session.engines = self._engines.setdefault((case.classes, case.shape), {})
        seen = random.random((len(learned), 3)).astype(np.float16)
        session.noted = Dynamics(seen, seen > 0.5, seen.mean(axis=1) - np.float32(0.5), np.arange(len(learned)))
        shifted = random.random(len(labels)) < case.wrong
        logits = random.normal(size=(len(labels), case.classes)).astype(np.float32)
        logits[np.arange(len(labels)), (labels + shifted) % case.classes] += 6
        logits.flags.writeable = False
        session.planted = Predictions(logits, labels)
        session.curves = pd.DataFrame({"epoch": [1, 2], "loss": [2.0, 1.0], "accuracy": [0.5, 0.6]})
        return session
