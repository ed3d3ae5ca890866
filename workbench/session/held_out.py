"""Which training images a model was fitted to, and which it was only measured on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.estimate import Estimate
from workbench.core.predictions import Predictions
from workbench.core.types import Array
from workbench.statistics.rates import rate

if TYPE_CHECKING:
    from workbench.session.study import Study


@dataclass(frozen=True, eq=False)
class Part:
    """Some images and the model's predictions of them.

    Attributes:
        predictions: of n images.
        rows: `(n,)` int64, which images they are.
        training: whether `rows` are rows of the training images, else of those under study.
    """

    predictions: Predictions
    rows: Array
    training: bool

    @property
    def images(self) -> int:
        """How many."""
        return len(self.predictions)

    @property
    def right(self) -> int:
        """How many are classified correctly."""
        return int(self.predictions.correct.sum())

    @property
    def wrong(self) -> int:
        """How many are not."""
        return self.images - self.right

    @property
    def accuracy(self) -> float:
        """Share that is classified correctly."""
        return self.right / self.images

    @property
    def share(self) -> Estimate:
        """Accuracy with its 95 % Wilson interval."""
        return rate(self.right, self.images)


def parts(session: Study, most: int, seed: int = 0) -> dict[str, Part]:
    """Return the "fitted", "validation" and "studied" images, as far as they are known and not the same.

    Args:
        session: model and data.
        most: images of the training part to measure, of each kind, chosen at random.
        seed: of the choice.
    """
    found, training, kept = {}, session.training, validation_rows(session)
    for name, rows in (("fitted", fitted_rows(session)), ("validation", kept)):
        if training is None or rows is None:
            continue
        some = np.random.default_rng(seed).choice(rows, most, replace=False) if len(rows) > most else rows
        asked = training if len(some) == len(training.dataset) else training.subset(some := np.sort(some))
        found[name] = Part(asked.predictions, some, training=True)
    if not studies_training(session):
        found["studied"] = Part(session.predictions, np.arange(len(session.dataset)), training=False)
    return found


def validation_rows(session: Study) -> Array | None:
    """Return the rows of the training images that the session's run kept for validation, `(V,)` int64.

    The trainer keeps the end of the training part, `validation_split` of it. None where the model is no run's, where
    the training images are other ones than the run's, or where nothing was kept.
    """
    run, train = session.run, session.train
    if run is None or train is None or run.manifest.dataset_fingerprints.get("train") != train.fingerprint:
        return None
    if "validation" in run.manifest.dataset_fingerprints:
        return None  # a part of its own
    fitted = int(len(train) * (1 - float(run.manifest.settings.get("validation_split", 0))))
    return np.arange(fitted, len(train)) if 0 < fitted < len(train) else None


def fitted_rows(session: Study) -> Array:
    """Return the rows of the training images that the model was fitted to: all that were not kept for validation."""
    count, kept = 0 if session.train is None else len(session.train), validation_rows(session)
    return np.arange(count if kept is None else count - len(kept))


def studies_training(session: Study) -> bool:
    """Whether the images under study are the training images themselves."""
    return session.train is not None and session.train.fingerprint == session.dataset.fingerprint
