"""Which training images a model was fitted to, and which it was only measured on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.estimate import Estimate
from workbench.core.predictions import Predictions
from workbench.core.types import Array
from workbench.statistics.rates import rate

if TYPE_CHECKING:
    from workbench.session.study import Study
    from workbench.training.runs import Run


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
    found, training, trained = {}, session.training, trained_images(session)
    if training is not None and trained is not None:
        for name, rows in (("fitted", trained.fitted), ("validation", trained.validation)):
            if rows is not None and len(rows):
                found[name] = _part(training, trained, rows, most, seed)
    if not studies_training(session):
        found["studied"] = Part(session.predictions, np.arange(len(session.dataset)), training=False)
    return found


def _part(training: Study, trained: TrainedImages, rows: Array, most: int, seed: int) -> Part:
    """Measure some of the training images, by the labels that they were trained with."""
    some = np.random.default_rng(seed).choice(rows, most, replace=False) if len(rows) > most else rows
    asked = training if len(some) == len(training.dataset) else training.subset(some := np.sort(some))
    return Part(trained.relabelled(asked.predictions, some), some, training=True)


@dataclass(frozen=True, eq=False)
class TrainedImages:
    """What a training made of its N training images.

    Attributes:
        data: all N, with the labels that the model was fitted to.
        fitted: `(n,)` int64 rows that it was fitted to.
        validation: `(V,)` int64 rows that its run kept for validation; None where none were, or it is not known.
        own: whether they are known to be those that the run was trained on.
        corrected: whether corrections were applied to them.
    """

    data: Dataset
    fitted: Array
    validation: Array | None = None
    own: bool = False
    corrected: bool = False

    @property
    def labels(self) -> Array:
        """`(N,)` int64, those that the model was fitted to."""
        return self.data.labels

    def relabelled(self, said: Predictions, rows: Array) -> Predictions:
        """Return predictions of n of the images, at `rows`, with the labels that the training had."""
        return replace(said, labels=self.labels[rows]) if self.corrected else said


def trained_images(session: Study) -> TrainedImages | None:
    """Return the training images as the training of the session's model read them; None where they are not known.

    The trainer keeps the end of the training part for validation, `validation_split` of it, unless the data has a part
    of its own. What was corrected for it, by new labels or by leaving images out, is corrected here too. Of a model
    that is no run's, and of other images than the run's, all that are there are taken as they are.

    Raises:
        WorkbenchError: if the run's corrections are gone, or do not fit the images.
    """
    run, train = session.run, session.train
    if train is None:
        return None
    everyone = np.arange(len(train))
    if run is None or run.manifest.dataset_fingerprints.get("train") != train.fingerprint:
        return TrainedImages(train, everyone)
    kept = None
    if "validation" not in run.manifest.dataset_fingerprints:
        fitted = int(len(train) * (1 - float(run.manifest.settings.get("validation_split", 0))))
        kept = everyone[fitted:] if 0 < fitted < len(train) else None
    rows = everyone if kept is None else everyone[: -len(kept)]
    if run.manifest.corrections is None:
        return TrainedImages(train, rows, kept, own=True)
    data, stays = _corrected(run, train)
    kept = None if kept is None else kept[stays[kept]]
    return TrainedImages(data, rows[stays[rows]], kept, own=True, corrected=True)


def _corrected(run: Run, train: Dataset) -> tuple[Dataset, Array]:
    """Return all images with their new labels, and `(N,)` bool, which of them were not left out."""
    from workbench.training.corrected_data import corrected
    from workbench.training.corrections import Corrections
    from workbench.training.fitting import Parts

    told = run.corrections or Corrections()
    changes = tuple(each for each in told.changes if each.part != "validation")
    parts = Parts(training=train, validation=None, test=None, fingerprint=train.fingerprint)
    made = corrected(parts, Corrections(changes=changes))
    rows = np.arange(len(train)) if made.rows is None else made.rows
    labels, stays = train.labels.copy(), np.zeros(len(train), bool)
    labels[rows], stays[rows] = made.training.labels, True
    return replace(train, labels=labels), stays


def studies_training(session: Study) -> bool:
    """Whether the images under study are the training images themselves."""
    return session.train is not None and session.train.fingerprint == session.dataset.fingerprint
