"""Predictions of a model for N images."""

from __future__ import annotations

import html
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.notebook import SHOWN
from workbench.core.types import Array
from workbench.core.wording import plural

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Predictions:
    """Predictions of a model for N images.

    Attributes:
        logits: `(N, K)` float32, scores before the softmax.
        labels: `(N,)` int64, true class of each image.
    """

    logits: Array
    labels: Array

    def __post_init__(self) -> None:
        if self.logits.ndim != 2 or self.labels.shape != self.logits.shape[:1]:
            raise WorkbenchError(
                "`logits` must have shape (N, K) and `labels` shape (N,). "
                f"Got {self.logits.shape} and {self.labels.shape}."
            )
        if not np.isfinite(self.logits).all():
            raise WorkbenchError("`logits` must be finite. The model gave NaN or infinity: it has diverged.")

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        images, classes = self.logits.shape
        right = f", {int(self.correct.sum()):,} correct" if images else ""
        return f"Predictions({plural(images, 'image')}, {plural(classes, 'class')}{right})"

    def _repr_html_(self) -> str:
        table = self.table.head(SHOWN).to_html(index=True, float_format="{:.4g}".format)
        return f"<p><b>{html.escape(repr(self))}</b></p>{table}"

    @cached_property
    def _log_probabilities(self) -> Array:
        from scipy.special import log_softmax  # 0.1 s to import, so not for `--help`

        return np.asarray(log_softmax(self.logits.astype(np.float64), axis=1))

    @cached_property
    def probabilities(self) -> Array:
        """`(N, K)` float64, softmax of the logits."""
        return np.exp(self._log_probabilities)

    @cached_property
    def predicted(self) -> Array:
        """`(N,)` int64, class with the largest logit; ties go to the smaller index."""
        return self.logits.argmax(axis=1)

    @cached_property
    def one_unit(self) -> bool:
        """Whether they are those of one output unit, (0, z)."""
        return self.logits.shape[1] == 2 and not self.logits[:, 0].any()

    @cached_property
    def correct(self) -> Array:
        """`(N,)` bool."""
        return self.predicted == self.labels

    @cached_property
    def confidence(self) -> Array:
        """`(N,)` float64, probability of the predicted class."""
        return self.probabilities.max(axis=1)

    @cached_property
    def loss(self) -> Array:
        """`(N,)` float64, cross-entropy of the label in nats."""
        return -self._log_probabilities[np.arange(len(self)), self.labels]

    @cached_property
    def margin(self) -> Array:
        """`(N,)` float64, logit of the label minus the best other logit; negative where wrong."""
        rows = np.arange(len(self))
        others = self.logits.astype(np.float64)
        own = others[rows, self.labels]
        others[rows, self.labels] = -np.inf
        return own - others.max(axis=1)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row an image: label, predicted, correct, confidence, loss (nats), margin (logits)."""
        import pandas as pd

        columns = ("predicted", "correct", "confidence", "loss", "margin")
        return pd.DataFrame({"label": self.labels, **{name: getattr(self, name) for name in columns}})


def scores_of(logits: Any, *, one_unit: bool) -> Any:
    """What is explained of each class: its logit; of one unit, its logit against the other's, (-z, z).

    The logit of class 0 is 0 by definition, and its map would be empty; what speaks for it is what speaks against
    class 1. For class 1 both are z.

    Args:
        logits: `(B, K)` array or tensor.
        one_unit: whether they are (0, z).
    """
    return logits - logits[:, ::-1] if one_unit else logits
