"""Whether a model's word counts against a label: it must know the classes, and be right where it is sure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from workbench.core.estimate import Estimate
from workbench.core.types import Array
from workbench.core.wording import plural, verb
from workbench.statistics.rates import wilson

SURE = 0.5
"""The surest part of what is predicted as a class: there, a label that differs is likely wrong, not ambiguous."""
MOSTLY = 0.6
"""Share of the sure predictions of a class that must have its label, for its predictions to count."""
HALF = 0.5
"""Share of a class's images that must be predicted as it, for an error of the others to say anything of their label."""
MOST = 0.3
"""Share of labels that may differ from the predictions of a model that is as often wrong where it is sure as elsewhere.
Such a model knows everything and meets wrong labels, or it does not know when it is wrong."""
PRIOR = 4
"""Images as all others that each class has to begin with: of a few alone, nothing can be said."""
FEWEST = 20
"""Labels of which nothing less can be told."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Knowledge:
    """What a model knows about N labels, from its predictions of images that it was not fitted to.

    Attributes:
        labels, predicted: `(N,)` int.
        confidence: `(N,)` float.
        classes: K.
    """

    labels: Array
    predicted: Array
    confidence: Array
    classes: int

    @cached_property
    def rank(self) -> Array:
        """`(N,)` in (0, 1], how sure each prediction is among those of its class, the surest nearest to 0."""
        return ranks(self.predicted, self.confidence)

    @cached_property
    def right(self) -> Array:
        """`(N,)` bool, whether the prediction is the label."""
        return np.asarray(self.predicted == self.labels)

    @cached_property
    def knows(self) -> Array:
        """`(K,)` bool, classes whose word counts, whether a prediction names them or a label does.

        Their sure predictions mostly have the label, their images are mostly predicted as them, and both surely more
        often than if labels and predictions had nothing to do with each other.
        """
        count, size = max(len(self.labels), 1), self.classes
        labelled, said = (np.bincount(each, minlength=size) for each in (self.labels, self.predicted))
        sure = self.rank <= SURE
        of = np.bincount(self.predicted[sure], minlength=size)
        hits = np.bincount(self.predicted[sure & self.right], minlength=size)
        found = np.bincount(self.labels[self.right], minlength=size)
        precise = (_shrunk(hits, of) >= MOSTLY) & (wilson(hits, of)[0] > labelled / count)
        complete = (_shrunk(found, labelled) >= HALF) & (wilson(found, labelled)[0] > said / count)
        return np.asarray(precise & complete)

    @cached_property
    def order(self) -> Estimate:
        """Chance that a right prediction is surer than a wrong one (the area under the ROC curve), ties count half.

        Source: Hanley & McNeil 1982, doi:10.1148/radiology.143.1.7063747, equation 2, for the interval.
        """
        from scipy.stats import rankdata

        right = int(self.right.sum())
        wrong = len(self.right) - right
        if not right or not wrong:
            return Estimate(float("nan"))
        area = (rankdata(self.confidence)[self.right].sum() - right * (right + 1) / 2) / (right * wrong)
        one, other = area / (2 - area), 2 * area**2 / (1 + area)
        spread = area * (1 - area) + (right - 1) * (one - area**2) + (wrong - 1) * (other - area**2)
        half = 1.959964 * float(np.sqrt(max(spread, 0.0) / (right * wrong)))
        return Estimate(float(area), max(float(area) - half, 0.0), min(float(area) + half, 1.0))

    @cached_property
    def silence(self) -> str:
        """Why nothing can be told about labels: the rest of a sentence after "since"; empty where something can."""
        count, right = len(self.labels), int(self.right.sum())
        if count < FEWEST:
            return f"{plural(count, 'label')} {verb(count, 'are')} too few"
        labelled, said = (np.bincount(each, minlength=self.classes) / count for each in (self.labels, self.predicted))
        low = float(wilson(right, count)[0])
        if low <= max(float(labelled @ said), 1 / self.classes):
            return "the predictions are not surely better than chance"
        if self.knows.sum() < 2:
            return "no two classes are mostly recognised"
        if right < count and not self.order.low > 0.5 and low <= 1 - MOST:
            return "the predictions are wrong as often where they are sure as elsewhere"
        return ""


def _shrunk(hits: Array, of: Array) -> Array:
    """Shares of each class, drawn towards that of all."""
    return np.asarray((hits + PRIOR * hits.sum() / max(of.sum(), 1)) / (of + PRIOR))


def ranks(predicted: Array, confidence: Array) -> Array:
    """Return how sure each prediction is among those of its class: `(N,)` in (0, 1], the surest nearest to 0.

    Equal confidences share their mean rank, so that an order of rows is never taken for one of confidence.
    """
    order = np.lexsort((-confidence, predicted))
    counts = np.bincount(predicted)
    place = np.concatenate([(np.arange(count) + 0.5) / count for count in counts if count])
    _, group = np.unique(np.stack([predicted[order], -confidence[order]], axis=1), axis=0, return_inverse=True)
    group = group.reshape(-1)
    mean = np.bincount(group, weights=place) / np.bincount(group)
    rank = np.empty(len(predicted))
    rank[order] = mean[group]
    return rank
