"""Is the model worse on a group of images than it should be? Measured on images that the group was not found on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from workbench.core.estimate import Estimate
from workbench.core.predictions import Predictions
from workbench.core.types import Array
from workbench.statistics.rates import difference, wilson
from workbench.statistics.slicing import Group

FAR = 0.2
"""Accuracy that a faulty group surely lacks of what its classes let one expect; and one of the next two holds."""
OVER = 0.15
"""Confidence that the group surely has beyond its accuracy."""
SCARCE = 1 / 3
"""How frequent training images of the kind surely are at most, over how frequent they are among the studied ones."""
SURE = 0.999
"""Level of the interval of over-confidence, since the worst of about a hundred groups is looked at."""
LEAST = 4
"""Images of the confirming half that a group needs."""
REGION = "errors"
"""Source of groups that were found by what errors look like."""
STILL = 0.01
"""p-value at most with which the rest of a group is worse, too."""
SAME = 0.5
"""Groups of whose smaller one more than this share lies in the other are the same."""
NEARLY = 0.8
"""Share of the images of a region or of a group that lie in both, from which the group may stand for the region.

At 0.5, groups did that held two blind spots.
"""


@dataclass(frozen=True, eq=False, kw_only=True)
class Slice:
    """A group, measured on the confirming half.

    Attributes:
        source: what the group was found in.
        rule: what defines it, in words; empty for a cluster.
        images: N, all images.
        packed: `(N / 8,)` uint8, a bit for each image: of a million there may be a thousand groups.
        size: images of both halves.
        tested, right: images of the confirming half, and those recognised.
        expected: accuracy of the other images, with the classes of the group.
        gap: expected less observed accuracy.
        chance: one-sided p-value of Fisher's exact test.
        confidence: mean calibrated confidence of the images alike, in the confirming half.
        alike, alike_right: how many these are, and how many of them are recognised.
        scarcity: training images of the kind, over those expected from how frequent it is in the studied ones;
            NaN where not known.
    """

    source: str
    rule: str
    images: int
    packed: Array
    size: int
    tested: int
    right: int
    expected: float
    gap: Estimate
    chance: float
    confidence: float
    alike: int
    alike_right: int
    scarcity: Estimate

    @property
    def members(self) -> Array:
        """`(N,)` bool, the images of the group."""
        return np.unpackbits(self.packed, count=self.images).view(bool)

    @property
    def accuracy(self) -> float:
        """Share recognised."""
        return self.right / self.tested

    @property
    def told(self) -> float:
        """Images times Kullback-Leibler's divergence of the accuracy from the expected one, in nats."""
        right, expected = (float(np.clip(each, 1e-3, 1 - 1e-3)) for each in (self.accuracy, self.expected))
        away = right * np.log(right / expected) + (1 - right) * np.log((1 - right) / (1 - expected))
        return float(self.size * away)

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the accuracy."""
        low, high = wilson(self.right, self.tested)
        return float(low), float(high)

    @property
    def overconfidence(self) -> tuple[float, float]:
        """Confidence less accuracy of the images alike, and the lower end of its interval at the level `SURE`."""
        return (
            self.confidence - self.alike_right / max(self.alike, 1),
            self.confidence - float(wilson(self.alike_right, self.alike, confidence=SURE)[1]),
        )

    @property
    def fault(self) -> bool:
        """Whether it is surely far worse, and not only a border at which the model knows that it is unsure."""
        return self.gap.low > FAR and (self.overconfidence[1] > OVER or self.scarcity.high < SCARCE)


def calibrate_confidence(predictions: Predictions, known: Array) -> Array:
    """Confidence of each prediction as the share that was right among `known` rows that are as confident.

    Isotonic regression of "right" on the confidence, shifted for each predicted class by what is left over on average
    (shrunk as if 20 images more had none), so that no temperature plays a part.

    Args:
        predictions: of N images.
        known: `(n,)` int, rows to learn from.

    Returns:
        `(N,)` float64 in [0, 1].
    """
    from sklearn.isotonic import IsotonicRegression

    right = predictions.correct.astype(np.float64)
    fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(predictions.confidence[known], right[known])
    values = np.asarray(fitted.predict(predictions.confidence))
    left = np.bincount(predictions.predicted[known], right[known] - values[known], predictions.logits.shape[1])
    count = np.bincount(predictions.predicted[known], minlength=predictions.logits.shape[1])
    return np.asarray(np.clip(values + (left / (count + 20))[predictions.predicted], 0, 1))


@dataclass(frozen=True, eq=False)
class Expected:
    """What accuracy a group would have if each class were recognised as it is outside of it.

    Attributes:
        labels: `(N,)` int in [0, K).
        correct: `(N,)` bool.
        count, right: `(K,)`, images of each class, and those that are recognised.
    """

    labels: Array
    correct: Array
    count: Array
    right: Array

    @classmethod
    def of(cls, predictions: Predictions) -> Self:
        labels, correct = predictions.labels, predictions.correct
        return cls(labels, correct, np.bincount(labels), np.bincount(labels, correct))

    def accuracy(self, members: Array) -> float:
        """Return it for a group, `(N,)` bool: NaN where most members are of classes of which not half lies outside."""
        rows = np.flatnonzero(members)
        inside = np.bincount(self.labels[rows], minlength=len(self.count))
        outside = self.count - inside
        right = self.right - np.bincount(self.labels[rows], self.correct[rows], len(self.count))
        usable = (outside >= inside) & (outside > 0)
        if inside[usable].sum() * 2 <= inside.sum():
            return float("nan")
        recall = right / np.maximum(outside, 1)
        return float((inside * recall)[usable].sum() / inside[usable].sum())


def measure_slice(
    group: Group,
    predictions: Predictions,
    confidence: Array,
    confirm: Array,
    train_labels: Array | None,
    *,
    outside: Expected | None = None,
) -> Slice | None:
    """Measure a group on the rows `confirm`; None if it is too small, too large or not worse than expected."""
    from scipy.stats import fisher_exact

    inside = np.zeros(len(predictions), bool)
    inside[confirm] = group.members[confirm]
    tested, right = int(inside.sum()), int(predictions.correct[inside].sum())
    if tested < LEAST:
        return None
    expected = (outside or Expected.of(predictions)).accuracy(group.members)
    if not right / tested < expected:  # also where it is not known
        return None
    others = np.isin(predictions.labels[confirm], np.unique(predictions.labels[inside])) & ~group.members[confirm]
    of = max(int(others.sum()), 1)
    hits = round(expected * of)
    less, _ = difference(hits, of, right, tested)
    chance = float(fisher_exact([[right, tested - right], [hits, of - hits]], alternative="less")[1])
    alike = np.zeros(len(predictions), bool)
    alike[confirm] = group.alike[confirm]
    return Slice(
        source=group.source,
        rule=group.rule,
        images=len(predictions),
        packed=np.packbits(group.members),
        size=int(group.members.sum()),
        tested=tested,
        right=right,
        expected=expected,
        gap=less,
        chance=chance,
        confidence=float(confidence[alike].mean()),
        alike=int(alike.sum()),
        alike_right=int(predictions.correct[alike].sum()),
        scarcity=scarcity(group, predictions.labels, train_labels),
    )


def scarcity(group: Group, labels: Array, train_labels: Array | None) -> Estimate:
    """Compare how frequent a group is among training images with how frequent it is among the studied ones.

    Returns:
        Training images of the kind over those to be expected, each class on its own, with the ends of a 95 %
        interval: given both counts' sum, the one is binomial. NaN where the training images are not known.
    """
    if train_labels is None or group.learned is None:
        return Estimate(float("nan"))
    classes = int(max(labels.max(), train_labels.max())) + 1
    inside, of = np.bincount(labels[group.members], minlength=classes), np.bincount(labels, minlength=classes)
    wanted = float((inside / np.maximum(of, 1) * np.bincount(train_labels, minlength=classes)).sum())
    there, here = int(group.learned.sum()), int(inside.sum())
    if wanted <= 0:
        return Estimate(float("nan"))
    low, high = (float(end) for end in wilson(there, there + here))
    odds = (low / (1 - low), high / max(1 - high, 1e-9))
    return Estimate(there / wanted, *(each * here / wanted for each in odds))


def distinct_slices(slices: list[Slice], predictions: Predictions) -> list[Slice]:
    """Faults first, regions of errors first among equals, then by missed images; what those before explain is left out.

    Of groups that are nearly a region, the one that tells most stands for it. A group is explained by those before it
    if they hold most of it, or if its others are not surely worse: around a group that is all wrong there are many that
    are a little worse for its sake.
    """
    regions = {id(_most_telling(each, slices)) for each in slices if each.source == REGION}
    order = sorted(
        slices, key=lambda s: (not s.fault, id(s) not in regions, -max(s.gap.low, 0) * s.size, -s.gap.value * s.size)
    )
    kept: list[Slice] = []
    before = np.zeros(len(predictions), bool)
    for each in order:
        members = each.members
        if any((members & k.members).sum() > SAME * min(each.size, k.size) for k in kept):
            continue
        if (members & before).any() and not _is_worse(members & ~before, predictions):
            continue
        kept.append(each)
        before |= members
    return kept


def _most_telling(region: Slice, slices: list[Slice]) -> Slice:
    """Of a region and the groups that are nearly the same images, the one that tells most, a fault if any is."""
    own = region.members
    near = [each for each in slices if (own & (members := each.members)).sum() >= NEARLY * (own | members).sum()]
    return max(near, key=lambda s: (s.fault, s.told))


def _is_worse(members: Array, predictions: Predictions) -> bool:
    """Whether images are surely worse than the others of their classes, by Fisher's exact test at the level `STILL`."""
    from scipy.stats import fisher_exact

    tested, right = int(members.sum()), int(predictions.correct[members].sum())
    expected = Expected.of(predictions).accuracy(members)
    if tested < LEAST or not right / tested < expected:
        return False
    of = int((np.isin(predictions.labels, np.unique(predictions.labels[members])) & ~members).sum())
    hits = round(expected * of)
    return bool(fisher_exact([[right, tested - right], [hits, of - hits]], alternative="less")[1] <= STILL)
