"""How far a model's confidence can be believed, what one temperature mends, and when it had better not answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from workbench.core.estimate import Estimate
from workbench.core.predictions import Predictions
from workbench.core.probabilities import divided, portions, some_rows
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.statistics.bootstrap import ALIKE, FEWEST
from workbench.statistics.rates import wilson

BINS = 15
"""Bins of the usual reliability diagram (arXiv:1706.04599)."""
COLDEST, HOTTEST = 0.01, 100.0
"""Temperatures are looked for between these; one that lies at an end is not determined by the images."""
CELLS = 4_000_000
"""Resampled images that are held at a time."""
Equal = Literal["width", "mass"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Bins:
    """A reliability diagram of B bins; where a bin has no image, means are NaN.

    Attributes:
        images: `(B,)` int64.
        confidence: `(B,)` mean confidence in [0, 1].
        accuracy: `(B,)` share that is right.
        low, high: `(B,)` 95 % Wilson interval of the accuracy.
    """

    images: Array
    confidence: Array
    accuracy: Array
    low: Array
    high: Array


def bin_of(confidence: Array, *, bins: int = BINS, equal: Equal = "width") -> Array:
    """Return the bin of each image.

    Source: "width": Guo et al. 2017, arXiv:1706.04599, section 2, intervals ((m-1)/M, m/M]. "mass": Nixon et al. 2019,
    arXiv:1904.01685, section 4, as many images in each; images of equal confidence stay together.

    Args:
        confidence: `(N,)` in [0, 1].
        bins: how many.
        equal: what all bins have alike.

    Returns:
        `(N,)` int64 in [0, bins).
    """
    if equal == "width":
        return np.clip(np.searchsorted(np.linspace(0, 1, bins + 1), confidence, side="left") - 1, 0, bins - 1)
    below = np.searchsorted(np.sort(confidence), confidence, side="left")
    return np.asarray(below * bins // max(len(confidence), 1))


def reliability(confidence: Array, correct: Array, *, bins: int = BINS, equal: Equal = "width") -> Bins:
    """Compare confidence with accuracy, bin by bin; `(N,)` each."""
    place = bin_of(confidence, bins=bins, equal=equal)
    images = np.bincount(place, minlength=bins)
    right = np.bincount(place, weights=correct, minlength=bins)
    known = np.where(images > 0, images, np.nan)
    low, high = wilson(right, images)
    return Bins(
        images=images,
        confidence=np.bincount(place, weights=confidence, minlength=bins) / known,
        accuracy=right / known,
        low=low,
        high=high,
    )


def calibration_error(confidence: Array, correct: Array, *, bins: int = BINS, equal: Equal = "width") -> float:
    """Expected calibration error: mean distance of confidence and accuracy, bins weighted by their images.

    Source: arXiv:1706.04599, equation 3; with bins of equal mass arXiv:1904.01685, equation 3, for the predicted class.
    """
    place = bin_of(confidence, bins=bins, equal=equal)
    return float(np.abs(np.bincount(place, weights=confidence - correct, minlength=bins)).sum() / len(confidence))


def brier(predictions: Predictions) -> Array:
    """Squared distance of the probabilities from the label, summed over the classes: `(N,)` in [0, 2].

    Source: Brier 1950, doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2, equation 2.
    """
    found = np.empty(len(predictions))
    for part in portions(*predictions.logits.shape):
        away = predictions.probabilities[part]
        away[np.arange(len(away)), predictions.labels[part]] -= 1
        found[part] = (away**2).sum(axis=1)
    return found


def scores(predictions: Predictions, *, bins: int = BINS, resamples: int = 400, seed: int = 0) -> dict[str, Estimate]:
    """Measure the probabilities: "ece", "adaptive_ece", "brier" and "nll" (nats), with intervals.

    The intervals are percentiles over resampled images; bins stay where they are. A calibration error can only grow by
    chance: |a + b| ≤ |a| + |b| in each bin. Its lower end is therefore the value less the 97.5 % point of what the
    bins' sums of `confidence - correct` alone change by in resampling, and not below 0. Of fewer than
    `bootstrap.FEWEST` images, and where all are alike, there is no interval.
    """
    gap = predictions.confidence - predictions.correct
    count = len(gap)
    members = np.zeros((count, 2 * bins + 2))
    kinds: tuple[Equal, Equal] = ("width", "mass")
    for place, equal in enumerate(kinds):
        members[np.arange(count), place * bins + bin_of(predictions.confidence, bins=bins, equal=equal)] = gap
    members[:, -2], members[:, -1] = brier(predictions), predictions.loss

    whole = members.sum(axis=0)

    def errors(sums: Array) -> Array:  # (R, 2 bins + 2) → (R, 2)
        return np.stack([np.abs(sums[:, place * bins : (place + 1) * bins]).sum(axis=1) for place in (0, 1)], axis=1)

    drawn, moved = [], []
    for times in _resampled(count, resamples, seed):
        sums = times @ members
        drawn.append(np.concatenate([errors(sums), sums[:, -2:]], axis=1) / count)
        moved.append(errors(sums - whole) / count)
    values = np.concatenate([errors(whole[None])[0], whole[-2:]]) / count
    low, high = np.percentile(np.concatenate(drawn), [2.5, 97.5], axis=0)
    low[:2] = np.maximum(values[:2] - np.percentile(np.concatenate(moved), 97.5, axis=0), 0)
    low, high = np.minimum(low, values), np.maximum(high, values)
    alike = (high - low <= ALIKE) | (count < FEWEST) | (np.ptp(members, axis=0).max() <= ALIKE)
    low, high = np.where(alike, np.nan, low), np.where(alike, np.nan, high)
    names = ("ece", "adaptive_ece", "brier", "nll")
    return {name: Estimate(*map(float, each)) for name, *each in zip(names, values, low, high, strict=True)}


def _resampled(count: int, resamples: int, seed: int) -> Iterator[Array]:
    """Yield how often each image was drawn, `(R, N)` float64, `resamples` rows in all."""
    random, part = np.random.default_rng(seed), max(CELLS // max(count, 1), 1)
    for start in range(0, resamples, part):
        rows = min(part, resamples - start)
        yield np.stack([np.bincount(random.integers(0, count, count), minlength=count) for _ in range(rows)]).astype(
            np.float64
        )
        report("Bootstrap", start + rows, resamples)


def temperature(predictions: Predictions) -> float:
    """Return the temperature T at which softmax(logits / T) has the smallest mean cross-entropy.

    Source: arXiv:1706.04599, section 4.2. The loss is convex in 1/T, so that its only minimum is where the slope
    changes its sign. It is fitted to a sample of very many images.

    Returns:
        T in [`COLDEST`, `HOTTEST`]; an end where the loss falls up to it (no errors, or no better than chance).
    """
    from scipy.optimize import brentq
    from scipy.special import softmax

    rows = some_rows(*predictions.logits.shape)

    def slope(log_t: float) -> float:
        above = np.empty(len(rows))
        for part in portions(len(rows), predictions.logits.shape[1]):
            labels = predictions.labels[rows[part]]
            logits = divided(predictions.logits, predictions.temperature, rows[part])
            expected = (softmax(logits * np.exp(-log_t), axis=1) * logits).sum(axis=1)
            above[part] = expected - logits[np.arange(len(labels)), labels]
        return float(above.mean())

    cold, hot = float(np.log(COLDEST)), float(np.log(HOTTEST))
    if slope(cold) <= 0:
        return COLDEST
    if slope(hot) >= 0:
        return HOTTEST
    return float(np.exp(brentq(slope, cold, hot, xtol=1e-9)))


@dataclass(frozen=True, eq=False)
class Selective:
    """What is answered, and how often wrongly, if answers below a confidence are withheld; U different confidences.

    Attributes:
        threshold: `(U,)` confidence that an answer needs at least, falling.
        accepted: `(U,)` int64, images that are answered.
        wrong: `(U,)` int64, wrong ones among them.
    """

    threshold: Array
    accepted: Array
    wrong: Array

    @property
    def coverage(self) -> Array:
        """`(U,)` share of the images that are answered."""
        return self.accepted / self.accepted[-1]

    @property
    def risk(self) -> Array:
        """`(U,)` share of the answers that are wrong."""
        return self.wrong / self.accepted

    @property
    def area(self) -> float:
        """Mean risk over all coverages; 0 is best."""
        steps = np.diff(self.accepted, prepend=0)
        return float((self.risk * steps).sum() / steps.sum())

    def within(self, wanted: float) -> int | None:
        """Place of the largest coverage whose risk is at most `wanted`; None if there is none."""
        fits = np.flatnonzero(self.wrong <= wanted * self.accepted)
        return int(fits[-1]) if len(fits) else None


def selective(confidence: Array, correct: Array) -> Selective:
    """Return the risk-coverage curve. Source: Geifman & El-Yaniv 2017, arXiv:1705.08500, equations 1 and 2.

    Args:
        confidence: `(N,)`; images of equal confidence are answered together or not at all.
        correct: `(N,)` bool.
    """
    order = np.argsort(-confidence, kind="stable")
    last = np.flatnonzero(np.diff(confidence[order], append=-np.inf))
    wrong = np.cumsum(~np.asarray(correct, bool)[order])[last]
    return Selective(confidence[order][last], last + 1, wrong)


def threshold_interval(
    confidence: Array, correct: Array, wanted: float, *, resamples: int = 400, seed: int = 0
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the 95 % bootstrap intervals of the threshold for an error rate of `wanted`, and of its coverage.

    Where nothing may be answered, the threshold counts as 1 and the coverage as 0. Of fewer than `bootstrap.FEWEST`
    images, and where all confidences are equal, there are none: NaN.
    """
    if len(confidence) < FEWEST or np.ptp(confidence) <= ALIKE:
        return (float("nan"), float("nan")), (float("nan"), float("nan"))
    order = np.argsort(-confidence, kind="stable")
    sorted_, errors = confidence[order], (~np.asarray(correct, bool))[order]
    last = np.flatnonzero(np.diff(sorted_, append=-np.inf))
    found = []
    for times in _resampled(len(order), resamples, seed):
        drawn = times[:, order]
        accepted, wrong = np.cumsum(drawn, axis=1)[:, last], np.cumsum(drawn * errors, axis=1)[:, last]
        fits = (wrong <= wanted * accepted) & (accepted > 0)
        place = len(last) - 1 - fits[:, ::-1].argmax(axis=1)
        some = fits.any(axis=1)
        share = np.take_along_axis(accepted, place[:, None], axis=1)[:, 0] / len(order)
        found.append(np.stack([np.where(some, sorted_[last][place], 1.0), np.where(some, share, 0.0)]))
    low, high = np.percentile(np.concatenate(found, axis=1), [2.5, 97.5], axis=1)
    return (float(low[0]), float(high[0])), (float(low[1]), float(high[1]))
