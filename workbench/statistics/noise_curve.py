"""What share of labels is wrong: how often labels differ from predictions, from the surest to the least sure.

The model's own errors vanish towards its surest predictions; wrong labels do not. What is left there is read as wrong
labels, and what rises in a straight line as labels that are wrong where people find it hard, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.core.estimate import Estimate
from workbench.core.types import Array
from workbench.statistics.confidences import Confidences

PARTS = 20
"""Parts of equal size, from the surest predictions to the least sure."""
OWN = (2.5, 3.0, 4.0, 6.0, 8.0)
"""Powers of the rank with which a model's own errors may rise."""
STEEP = (0.25, 0.35, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
"""Powers that are tried among the surest half, where those below `BENT` are of a model that knows little."""
BENT = 0.7
BETTER = 3.0
"""Log-likelihood by which a curve that rises at once must fit better, for the model to be no judge."""
DROP = 3.3174
"""Half the 99 % point of chi square with one degree of freedom: of the profile at what is surely left."""
LEAST = 0.003
"""Share of wrong labels that cannot be told from none: any data set has a few, and any model is sometimes sure."""
DRAWS = 60
"""Binomial draws of the curve for its standard error."""
SMALLEST = 20
"""Images in the smallest part that is looked at towards the surest prediction."""


@dataclass(frozen=True, eq=False, kw_only=True)
class NoiseCurve:
    """The share of wrong labels by the curve.

    Attributes:
        evident: whether something surely stays where the model is surest, and the model can be a judge of that.
        rate: share of wrong labels. Where that is not evident, it lies between none and all that differ.
        lean: in [0, 1], how far wrong labels grow more frequent where the model is less sure.
        wrong: `(N,)` float64, how likely a label that differs at this rank is wrong; 0 where nothing is evident.
    """

    evident: bool
    rate: Estimate
    lean: float
    wrong: Array


def noise_curve(seen: Confidences, labels: Array, differs: Array, *, seed: int = 0) -> NoiseCurve:
    """Fit f + a u + c u^b to how often labels differ at rank u of the surest prediction of all (u near 0).

    f + a u is wrong labels, c u^b the model's own errors. Only the order of confidences counts for the curve.

    Constants were chosen on four sets with known wrong labels (CIFAR-10N aggregate and worst, CIFAR-10S, roman
    numerals; two networks each) and on made data; `workbench truth` measures how often the interval holds.

    Source: the share that stays is the lapse rate of a psychometric function, Wichmann and Hill 2001,
    doi:10.3758/BF03194544; non-negative least squares by scipy.

    Args:
        seen: of the probabilities of images that the model was not fitted to.
        labels: `(N,)` int, as given.
        differs: `(N,)` bool, which labels differ from the prediction and may be wrong.
        seed: of the draws for the standard error.
    """
    rank = _rank(seen.doubt)
    count, often = len(labels), float(differs.mean())
    stays, surely, bent = _what_stays(differs, rank)
    judge = _is_judge(seen, labels, differs, rank)
    flat = _often(differs, rank <= 0.2) <= 1.8 * stays
    spread = 2 * float(np.sqrt(often * (1 - often) / count))
    if not (judge and flat and not bent and surely > max(LEAST, stays / 10)):
        high = min(1.03 * often + spread + 2 / count, 1.0)  # a few that the model was misled by do not differ
        value = min(stays, LEAST, high) if judge else 0.0
        return NoiseCurve(evident=False, rate=Estimate(value, 0.0, high, unit="%"), lean=0.0, wrong=np.zeros(count))
    of = np.bincount(_part(rank), minlength=PARTS)
    share = np.bincount(_part(rank), weights=differs, minlength=PARTS)[of > 0] / of[of > 0]
    middle, of = ((np.arange(PARTS) + 0.5) / PARTS)[of > 0], of[of > 0]
    floor, slope, own, power, left = _fitted(share, of, middle)
    chance = np.random.default_rng(seed)
    again = [_fitted(chance.binomial(of, share) / of, of, middle)[-1] for _ in range(DRAWS)]
    error = 2 * float(np.std(again))
    rising, known, rest = slope / 2 / max(left, 1e-9), left / often, max(often - left, 0.0)
    lean = float(np.clip((rising - 0.2) / 0.4, 0, 1) * np.clip((known - 0.15) / 0.1, 0, 1))
    part = min(1.0, max(0.1, 2.5 * rising, (0.25 - known) / 0.1))  # of the rest, that may be wrong labels
    high = (left + part * rest) * (1 + 0.03 * part) + error
    low = max(min(0.9 * floor + 0.4 * (1 - known) * slope - error, 0.9 * left), min(surely, 0.8 * left))
    value = left + 0.5 * lean * rest
    stay = floor + slope * rank
    return NoiseCurve(
        evident=True,
        rate=Estimate(value, min(low, value), max(high, value), unit="%"),
        lean=lean,
        wrong=stay / np.maximum(stay + own * rank**power, 1e-12),
    )


def _rank(doubt: Array) -> Array:
    """Return the rank of each among all, in (0, 1], the surest near 0; equal ones share theirs."""
    from scipy.stats import rankdata

    return np.asarray((rankdata(doubt) - 0.5) / len(doubt))


def _often(differs: Array, where: Array) -> float:
    """How often labels differ there; always, where ties leave nothing to look at."""
    return float(differs[where].mean()) if where.any() else 1.0


def _part(rank: Array) -> Array:
    return np.minimum((rank * PARTS).astype(np.int64), PARTS - 1)


def _is_judge(seen: Confidences, labels: Array, differs: Array, rank: Array) -> bool:
    """Whether a model may testify: better than chance where it is surest, not far too sure, not sure in few steps."""
    count = len(labels)
    given, taken = (np.bincount(each, minlength=seen.classes) / count for each in (labels, seen.predicted))
    lost = _often(differs, rank <= 0.1)
    surest = np.sort(seen.doubt)[: max(count // 5, 1)]
    steps = np.unique(surest, return_counts=True)[1]  # trees and few neighbours
    return bool(
        lost <= 0.5 * (1 - float(given @ taken))
        and float((1 - seen.most).mean()) >= 0.5 * float(differs.mean())
        and int(steps.max()) <= max(0.05 * count, 1)
    )


def _what_stays(differs: Array, rank: Array) -> tuple[float, float, bool]:
    """Fit r + A u^b to the surest half, by likelihood, in parts that halve towards the surest.

    Returns:
        r; the lower 99 % end of its profile; and whether the curve is surely bent the wrong way (b < `BENT`).
    """
    ends = [0.5]
    while ends[-1] * len(rank) > 2 * SMALLEST and len(ends) < 14:
        ends.append(ends[-1] / 2)
    edges = np.unique([0.0, *ends, *(0.75 * end for end in ends)])
    inside = rank < edges[-1]
    part = np.digitize(rank[inside], edges) - 1
    of = np.bincount(part, minlength=len(edges) - 1).astype(float)
    hits = np.bincount(part, weights=differs[inside], minlength=len(edges) - 1)
    middle = (edges[:-1] + edges[1:])[of > 0]  # in (0, 1)
    of, hits = of[of > 0], hits[of > 0]
    if not len(of):
        return 0.0, 0.0, True
    rates = np.concatenate([[0.0], np.geomspace(1e-4, 0.9, 160)])
    amounts = np.concatenate([[0.0], np.geomspace(1e-4, 0.95, 60)])
    profiles = []
    for power in STEEP:
        share = np.clip(rates[:, None, None] + amounts[:, None] * middle**power, 1e-9, 1 - 1e-9)
        profiles.append((hits * np.log(share) + (of - hits) * np.log1p(-share)).sum(axis=2).max(axis=1))
    best, whole = np.max(profiles, axis=1), np.max(profiles, axis=0)
    bent = np.asarray(STEEP) < BENT
    surely = rates[np.flatnonzero(whole >= whole.max() - DROP)[0]]
    return float(rates[whole.argmax()]), float(surely), bool(best[bent].max() > best[~bent].max() + BETTER)


def _fitted(share: Array, of: Array, middle: Array) -> tuple[float, float, float, float, float]:
    """Return f, a, c and b of the best f + a u + c u^b, and what is left in the mean without c u^b."""
    from scipy.optimize import nnls

    weight = np.sqrt(of / np.maximum(share * (1 - share), 1 / of))
    found = []
    for power in OWN:
        columns = np.stack([np.ones_like(middle), middle, middle**power], axis=1)
        (floor, slope, own), misfit = nnls(columns * weight[:, None], share * weight)
        found.append((misfit, floor, slope, own, power, float(np.maximum(share - own * middle**power, 0).mean())))
    _, floor, slope, own, power, left = min(found)
    return float(floor), float(slope), float(own), power, left
