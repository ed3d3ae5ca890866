"""Wrong labels from arrays alone, for people who have probabilities and labels and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.types import Array
from workbench.core.wording import plural
from workbench.data.saved_predictions import predictions_of
from workbench.statistics.label_quality import quality


@dataclass(frozen=True, eq=False, kw_only=True)
class LabelNoise:
    """What held-out probabilities say about N labels.

    Attributes:
        score: `(N,)` float64 in [0, 1], how suspicious each label is.
        issues: rows whose label is likely wrong, the most suspicious first; none where nothing can be told.
        suggested: `(N,)` int64, the most probable class.
        rate: share of labels that are wrong, in [0, 1]; NaN where it cannot be told.
        interval: its 95 % interval; (0, 1) where it cannot be told.
        reason: why it cannot be told, a sentence; empty where it can.
    """

    score: Array
    issues: Array
    suggested: Array
    rate: float
    interval: tuple[float, float]
    reason: str = ""

    def __repr__(self) -> str:
        if self.reason:
            return f"LabelNoise({plural(len(self.score), 'label')}: {self.reason})"
        low, high = self.interval
        return (
            f"LabelNoise({plural(len(self.score), 'label')}, {plural(len(self.issues), 'issue')}, rate "
            f"{self.rate:.3f}, "
            f"95 % interval {low:.3f} to {high:.3f})"
        )


def label_noise(probabilities: Array, labels: Array) -> LabelNoise:
    """Find labels that are likely wrong, and how many there are.

    No label is called wrong on the word of a model that is not surely better than chance, or that is as often wrong
    where it is sure as elsewhere: `reason` says so then.

    What the rate is read from: `workbench.statistics.noise_curve`; what it takes for a model to be believed:
    `workbench.statistics.knowledge`.

    Args:
        probabilities: `(N, K)` float, rows that add up to 1, by a model that was not fitted to these images: out of
            cross-validation, or of a test set. `(N,)` is the probability of class 1 of two.
        labels: `(N,)` whole numbers from 0, as given.

    Raises:
        WorkbenchError: if they are of another kind.
    """
    saved = predictions_of(
        np.asarray(probabilities), np.asarray(labels), kind="probabilities", source="`probabilities`"
    )
    if saved.labels is None or saved.class_names is not None:
        raise WorkbenchError("`labels` must be whole numbers from 0, the columns of `probabilities`.")
    said = np.exp(saved.logits.astype(np.float64) - saved.logits.max(axis=1, keepdims=True))
    said /= said.sum(axis=1, keepdims=True)
    found = quality(said, saved.labels, said.shape[1])
    return LabelNoise(
        score=1 - found.score,
        issues=found.issues,
        suggested=found.suggested,
        rate=float(found.noise.value),
        interval=(float(found.noise.low), float(found.noise.high)),
        reason=f"nothing can be told about these labels, since {found.silence}" if found.silence else "",
    )
