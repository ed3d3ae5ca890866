"""Predictions of a model for N images."""

from __future__ import annotations

import html
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.notebook import SHOWN
from workbench.core.probabilities import Probabilities, divided, portions
from workbench.core.types import Array
from workbench.core.wording import plural

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Predictions:
    """Predictions of a model for N images.

    Attributes:
        logits: `(N, K)` float32, scores before the softmax; an array or a memory map.
        labels: `(N,)` int64, true class of each image.
        temperature: `(N,)` float64, by which logits are divided for everything below; None for 1.
    """

    logits: Array
    labels: Array
    temperature: Array | None = None

    def __post_init__(self) -> None:
        if self.logits.ndim != 2 or self.labels.shape != self.logits.shape[:1]:
            raise WorkbenchError(
                "`logits` must have shape (N, K) and `labels` shape (N,). "
                f"Got {self.logits.shape} and {self.labels.shape}."
            )
        if self.temperature is not None:
            return  # these are the logits of predictions that were looked at
        if not all(np.isfinite(self.logits[rows]).all() for rows in portions(*self.logits.shape)):
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

    def divided(self, by: float | Array) -> Predictions:
        """Return them with the logits divided by temperatures, one or `(N,)`, in float64, when they are used."""
        by = np.broadcast_to(np.asarray(by, np.float64), (len(self),))
        return Predictions(self.logits, self.labels, by if self.temperature is None else by * self.temperature)

    def rows(self, rows: slice | Array) -> Predictions:
        """Return those of some images."""
        of = None if self.temperature is None else self.temperature[rows]
        return Predictions(self.logits[rows], self.labels[rows], of)

    @cached_property
    def probabilities(self) -> Probabilities:
        """`(N, K)` float64, softmax of the logits, computed of the rows that are asked for."""
        return Probabilities(self.logits, self.temperature)

    @cached_property
    def predicted(self) -> Array:
        """`(N,)` int64, class with the largest logit; ties go to the smaller index."""
        found = np.empty(len(self), np.int64)
        for part in portions(*self.logits.shape):  # of a map that cannot be written to, numpy makes a copy
            found[part] = self.logits[part].argmax(axis=1)
        return found

    @cached_property
    def one_unit(self) -> bool:
        """Whether they are those of one output unit, (0, z)."""
        return self.logits.shape[1] == 2 and not self.logits[:, 0].any()

    @cached_property
    def correct(self) -> Array:
        """`(N,)` bool."""
        return self.predicted == self.labels

    @property
    def confidence(self) -> Array:
        """`(N,)` float64, probability of the predicted class."""
        return self._columns[0]

    @property
    def loss(self) -> Array:
        """`(N,)` float64, cross-entropy of the label in nats."""
        return self._columns[1]

    @property
    def margin(self) -> Array:
        """`(N,)` float64, logit of the label minus the best other logit; negative where wrong."""
        return self._columns[2]

    @cached_property
    def _columns(self) -> tuple[Array, Array, Array]:
        """Confidence, loss and margin, in one pass over the logits."""
        confidence, loss, margin = (np.empty(len(self)) for _ in range(3))
        for part in portions(*self.logits.shape):
            logits, labels = divided(self.logits, self.temperature, part), self.labels[part]
            rows, most = np.arange(len(labels)), logits.max(axis=1)
            own = logits[rows, labels]
            sums = np.exp(logits - most[:, None]).sum(axis=1)  # as for `probabilities`
            confidence[part], loss[part] = 1 / sums, np.log(sums) - (own - most)
            logits[rows, labels] = -np.inf
            margin[part] = own - logits.max(axis=1)
        return confidence, loss, margin

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
