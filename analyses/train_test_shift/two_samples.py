"""Two-sample tests of images: a classifier that separates them, and the shift of each property."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.cores import at_most
from workbench.core.estimate import Estimate
from workbench.core.types import Array
from workbench.data.lazy_images import portions
from workbench.statistics.rates import rate

if TYPE_CHECKING:
    import pandas as pd

FOLDS = 5
FEW = 200
"""With fewer images in total a linear classifier is used: trees would find nothing."""
FARTHEST = 50.0
"""Largest shift that is reported, in standard deviations; a constant property shifts infinitely far."""
UNUSUAL = 0.98
"""A score is unusual if this share of the training images of its fold score lower, or all of fewer than 49."""
ENOUGH = 19
"""Training images of a fold below which no score is called unusual."""


@dataclass(frozen=True, eq=False, kw_only=True)
class TwoSample:
    """How well a classifier separates the samples.

    Attributes:
        auc: mean over the folds; 0.5 without a difference.
        unlike: share of the evaluated images that score unusually high, see `UNUSUAL`.
        scores: `(n,)` float in [0, 1], share of the training images that each evaluated image outscores.
        train_scores: `(m,)` float, the same for the training images.
    """

    auc: Estimate
    unlike: Estimate
    scores: Array
    train_scores: Array


def two_sample(train: Array, evaluated: Array, labels: tuple[Array, Array], seed: int = 0) -> TwoSample:
    """Train classifiers to separate two samples, and test them on held-out images.

    Source: Lopez-Paz & Oquab 2017, arXiv:1610.06545, with the AUC in place of the accuracy, over 5 folds; its
    interval by Hanley & McNeil 1982, doi:10.1148/radiology.143.1.7063747, or from how the folds differ (Student's t),
    whichever is wider: the former knows of one classifier only.

    Args:
        train: `(m, F)` float, m ≥ 5.
        evaluated: `(n, F)` float, n ≥ 5.
        labels: `(m,)` and `(n,)` int. Each fold gets its share of every class of both: what is missing in one fold
            would be plentiful in the others, and the classifier would learn the contrary of the truth.
        seed: for the folds.
    """
    values = np.concatenate([train, evaluated]).astype(np.float32)
    which = np.repeat([0, 1], [len(train), len(evaluated)])
    order = np.random.default_rng(seed).permutation(len(values))
    order = order[np.lexsort((np.concatenate(labels)[order], which[order]))]
    fold = np.argsort(order) % FOLDS  # dealt out like cards
    ranks, unusual, areas = np.zeros(len(values)), np.zeros(len(values), bool), []
    with at_most(1):
        for number in range(FOLDS):
            held = fold == number
            fitted = _classifier(int((~held).sum())).fit(values[~held], which[~held])
            scores = fitted.predict_proba(values[held])[:, 1]
            others = np.sort(scores[which[held] == 0])
            ranks[held] = _outscored(scores, others)
            if len(others) >= ENOUGH:
                unusual[held] = np.searchsorted(others, scores) >= min(UNUSUAL * (len(others) + 1), len(others))
            areas.append(float(ranks[held][which[held] == 1].mean()))
    auc, count = float(np.mean(areas)), len(evaluated)
    hits = int(unusual[which == 1].sum())
    return TwoSample(
        auc=Estimate(auc, *_wider(auc_interval(auc, count, len(train)), areas)),
        unlike=rate(hits, count),
        scores=ranks[which == 1],
        train_scores=ranks[which == 0],
    )


def _classifier(count: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if count < FEW:
        return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
    return HistGradientBoostingClassifier(
        max_iter=50, max_leaf_nodes=15, learning_rate=0.15, l2_regularization=1.0, early_stopping=False, random_state=0
    )


def _outscored(scores: Array, sorted_others: Array) -> Array:
    """Share of `sorted_others` that each score exceeds, half of the equal ones included: its mean is the AUC."""
    below = np.searchsorted(sorted_others, scores, "left") + np.searchsorted(sorted_others, scores, "right")
    return np.asarray(below / (2 * max(len(sorted_others), 1)))


def _wider(interval: tuple[float, float], areas: list[float]) -> tuple[float, float]:
    """Widen an interval to that of the mean of the folds."""
    half = 2.776 * float(np.std(areas, ddof=1)) / FOLDS**0.5  # t of 4 degrees of freedom
    middle = float(np.mean(areas))
    return max(min(interval[0], middle - half), 0.0), min(max(interval[1], middle + half), 1.0)


def auc_interval(auc: float, positives: int, negatives: int) -> tuple[float, float]:
    """95 % interval of an area under the curve.

    Source: Hanley & McNeil 1982, equation 1: with Q1 = A / (2 − A) and Q2 = 2 A² / (1 + A),
    var A = (A (1 − A) + (n − 1)(Q1 − A²) + (m − 1)(Q2 − A²)) / (n m).
    """
    one, two = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (positives - 1) * (one - auc**2) + (negatives - 1) * (two - auc**2)
    half = 1.96 * float(np.sqrt(max(spread, 0) / (positives * negatives)))
    return max(auc - half, 0.0), min(auc + half, 1.0)


def shifts(train: pd.DataFrame, evaluated: pd.DataFrame) -> pd.DataFrame:
    """Measure how far each property shifted.

    Returns:
        A row for each property that varies, largest shift first: property, train, studied (means), difference (in
        pooled standard deviations, Cohen's d, at most ±`FARTHEST`), low, high (its 95 % interval), ks (largest
        distance of the distribution functions), chance (p-value of the KS test), significant (by Benjamini & Hochberg
        at 5 %).
    """
    import pandas as pd
    from scipy.stats import ks_2samp

    from workbench.statistics.significance import discoveries

    n, m, rows = len(evaluated), len(train), []
    for name in train.columns:
        before, after = train[name].to_numpy(), evaluated[name].to_numpy()
        spread = float(np.sqrt((before.var() + after.var()) / 2))
        if spread == 0 and before.mean() == after.mean():
            continue
        away = float(np.clip((after.mean() - before.mean()) / max(spread, 1e-9), -FARTHEST, FARTHEST))
        half = 1.96 * np.sqrt(1 / n + 1 / m + away**2 / (2 * (n + m)))
        test = ks_2samp(before, after, method="asymp")
        rows.append((name, before.mean(), after.mean(), away, away - half, away + half, test.statistic, test.pvalue))
    columns = ["property", "train", "studied", "difference", "low", "high", "ks", "chance"]
    table = pd.DataFrame(rows, columns=columns)
    table["significant"] = discoveries(table["chance"].to_numpy())
    order = np.lexsort((-table["difference"].abs(), -(table["ks"] / 0.1).round()))
    return table.iloc[order].reset_index(drop=True)


def matching_rows(train_labels: Array, labels: Array, most: int, seed: int) -> tuple[Array, Array]:
    """Choose as many training images of each class as evaluated ones: rows of both, at most about `most` each.

    So a change of the class frequencies does not affect the comparison.
    """
    chance, classes = np.random.default_rng(seed), int(max(train_labels.max(), labels.max())) + 1
    here, there = np.bincount(labels, minlength=classes), np.bincount(train_labels, minlength=classes)
    both = np.minimum(here, there)
    wanted = np.floor(both * min(most / max(both.sum(), 1), 1) + chance.random(classes)).astype(int)
    wanted = np.minimum(wanted, both)
    rows = []
    for whose in (train_labels, labels):
        taken = [chance.permutation(np.flatnonzero(whose == c))[: wanted[c]] for c in range(classes)]
        rows.append(np.sort(np.concatenate(taken)).astype(np.int64))
    return rows[0], rows[1]


def without_copies(train: Any, evaluated: Any) -> tuple[Array, Array]:
    """Leave copies out: in two parts of a fold the classifier would memorise them.

    Args:
        train: `(m, H, W, C)` uint8, an array or what slices like one.
        evaluated: `(n, H, W, C)` uint8, likewise.

    Returns:
        Places in both of the images to keep, ascending: the first of equal ones, and none that is in both samples.
    """
    seen: list[dict[bytes, int]] = [{}, {}]
    for known, images in zip(seen, (train, evaluated), strict=True):
        for part in portions(images):
            for place, image in enumerate(images[part], part.start):
                known.setdefault(hashlib.sha256(image.tobytes()).digest(), place)
    leaked = seen[0].keys() & seen[1].keys()
    kept = [sorted(place for image, place in part.items() if image not in leaked) for part in seen]
    return np.array(kept[0], np.int64), np.array(kept[1], np.int64)


def priors(train_labels: Array, labels: Array, classes: int) -> tuple[float, float, float]:
    """Compare how frequent the classes are.

    Returns:
        The total variation distance (share of images that would have to change class), the value that it exceeds by
        chance once in twenty times (from 200 draws of the pooled frequencies), and the p-value of the chi-square test.
    """
    from scipy.stats import chi2_contingency

    counts = np.stack([np.bincount(train_labels, minlength=classes), np.bincount(labels, minlength=classes)])
    counts = counts[:, counts.sum(axis=0) > 0]
    shares = counts / counts.sum(axis=1, keepdims=True)
    away = float(np.abs(shares[0] - shares[1]).sum() / 2)
    if counts.shape[1] < 2:
        return away, 0.0, 1.0
    chance, pooled = np.random.default_rng(0), counts.sum(axis=0) / counts.sum()
    drawn = [chance.multinomial(total, pooled, 200) / total for total in counts.sum(axis=1)]
    noise = float(np.quantile(np.abs(drawn[0] - drawn[1]).sum(axis=1) / 2, 0.95))
    return away, noise, float(chi2_contingency(counts)[1])
