"""How much of what a model's last hidden layer tells its scores do not use: a last layer that is fitted anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.estimate import Estimate
from workbench.core.types import Array
from workbench.data.sampling import balanced_rows
from workbench.session.held_out import studies_training, trained_images
from workbench.statistics.linear_pixels import enough_of_each, linear_classifier

if TYPE_CHECKING:
    from workbench.session.session import Session

MOST = 3000
"""Training images that it is fitted to, at most."""


@dataclass(frozen=True, eq=False)
class Refit:
    """A linear discriminant analysis of the embeddings, fitted to training images, in place of the last layer.

    Attributes:
        correct: `(N,)` bool, whether it is right on the studied images.
        model: `(N,)` bool, whether the model is.
    """

    correct: Array
    model: Array

    @property
    def gain(self) -> Estimate:
        """Share of the images that it wins, less that it loses; the interval of a mean of paired differences."""
        change = self.correct.astype(np.float64) - self.model
        mean, count = float(change.mean()), len(change)
        half = 1.959964 * float(np.sqrt((change.var() + 1 / count) / count))  # one more image: also where none changes
        return Estimate(mean, max(mean - half, -1.0), min(mean + half, 1.0), unit="%")


def refit(session: Session, *, seed: int = 0) -> Refit | None:
    """Fit a last layer anew to the training images, and ask it about the studied ones.

    Where it is surely better than the model, the features are there and what follows them does not fit them: weights
    were changed after training, or the training ended too early. Where it is no better, little is lost.

    Args:
        session: of the studied images.
        seed: of the choice of training images.

    Returns:
        None where no other training images are known, or fewer than two classes have two of them.
    """
    training, trained = session.training, trained_images(session)
    if training is None or trained is None or studies_training(session) or session.only_predictions:
        return None
    labels, known = trained.labels, trained.fitted
    rows = known[balanced_rows(labels[known], min(MOST, len(known)), seed)]
    rows = rows[enough_of_each(labels[rows])]
    if len(np.unique(labels[rows])) < 2:
        return None
    fitted = linear_classifier(training.embeddings[rows], labels[rows], seed=seed)
    said = fitted.predict(session.embeddings)
    return Refit(np.asarray(said == session.dataset.labels), np.asarray(session.predictions.correct))
