"""How near prototypes come to their class, and what the model makes of the criticisms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.estimate import Estimate
from workbench.core.finding import Finding
from workbench.core.image_set import ImageSet
from workbench.core.predictions import Predictions
from workbench.core.types import Array
from workbench.core.wording import plural, points
from workbench.data.sampling import worst_first
from workbench.statistics.medians import median
from workbench.statistics.rates import ENOUGH, rate
from workbench.statistics.significance import holm

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("prototype", "criticism")
REST = "rest"
ROUNDING = 1e-12
"""Squared discrepancy of random images up to which it is one of rounding."""
SURE = 0.05
"""Chance, adjusted for all classes, below which one is said to differ from the others."""


def findings_of(
    tables: Mapping[str, pd.DataFrame], sets: Mapping[str, Sequence[Array]], predictions: Predictions
) -> list[Finding]:
    """Say how near the prototypes come, how often criticisms are errors, and of which class most are.

    Args:
        tables: "classes" and "curve" of the answer.
        sets: rows of prototypes, criticisms and the rest, for each class.
        predictions: of all images.
    """
    sampled = sum(len(rows) for kind in sets.values() for rows in kind) < len(predictions)
    found = [_nearness(tables["curve"], sets, sampled)]
    if any(len(rows) for rows in sets[KINDS[1]]):
        found += [_errors(tables["classes"], sets, predictions, sampled), *_most(tables["classes"], sets, predictions)]
    return found


def _nearness(curve: pd.DataFrame, sets: Mapping[str, Sequence[Array]], sampled: bool) -> Finding:
    last = curve.groupby("class", sort=False).last()
    left = np.array([len(one) + len(rest) for one, rest in zip(sets[KINDS[1]], sets[REST], strict=True)])
    known = last[(last["at_random"].to_numpy() > ROUNDING) & (left > 0)]
    rows = ImageSet(np.concatenate(sets[KINDS[0]]))
    counts = [len(each) for each in sets[KINDS[0]]]
    chosen = f"{plural(max(counts), 'prototype')} {'a' if min(counts) == max(counts) else 'at most a'} class"
    if known.empty:
        return Finding(f"{chosen}: the images of each class are all alike, or all of them are chosen.", evidence=rows)
    ratio = median((known["discrepancy"] / known["at_random"]).to_numpy())
    said = f"a median of {ratio} over {plural(len(known), 'class')}" if len(known) > 1 else str(ratio)
    return Finding(
        f"{chosen}: their squared discrepancy (MMD) to {whole(sampled)}, as a share of that of as many random "
        f"images, is {said}.",
        effect=ratio,
        evidence=rows,
    )


def whole(sampled: bool) -> str:
    """Say which images prototypes are chosen to be near to."""
    return "the images of the class that were sampled, evenly spaced" if sampled else "all images of the class"


def _errors(
    classes: pd.DataFrame, sets: Mapping[str, Sequence[Array]], predictions: Predictions, sampled: bool
) -> Finding:
    rows, rest = np.concatenate(sets[KINDS[1]]), np.concatenate(sets[REST])
    wrong = int((~predictions.correct[rows]).sum())
    share = rate(wrong, len(rows))
    claim = f"Of {plural(len(rows), 'criticism')}, the model is wrong on {wrong:,}, {share}"
    if len(rest):
        others = rate(int((~predictions.correct[rest]).sum()), len(rest))
        claim += f"; of {len(rest):,} other {'sampled ' if sampled else ''}images that are no prototypes, on {others}"
        gap = within_classes(*(classes[f"{kind}_{what}"].to_numpy() for kind in (KINDS[1], REST) for what in COUNTED))
        if gap.interval is not None and len(rows) >= ENOUGH and len(rest) >= ENOUGH:
            claim += f". Within classes the difference is {points(*gap)}"
    first = np.concatenate(sets[KINDS[0]])
    on = int((~predictions.correct[first]).sum())
    claim += f". On the prototypes it is wrong {on:,} of {plural(len(first), 'time')}"
    errors = rows[~predictions.correct[rows]]
    return Finding(f"{claim}.", effect=share, evidence=worst_first(predictions, errors))


COUNTED = ("errors", "images")


def within_classes(errors: Array, images: Array, other_errors: Array, others: Array) -> Estimate:
    """Difference of two error rates within classes, so that it is not one of how many of each class there are.

    The risk difference of Mantel and Haenszel with the variance of Sato 1989, doi:10.2307/2531670: `Σ (a n' - b n) / N`
    over `Σ n n' / N`.

    Args:
        errors: `(K,)`, a of each class.
        images: `(K,)`, of n.
        other_errors: `(K,)`, b of each class, that are compared with.
        others: `(K,)`, of n'.

    Returns:
        The difference, in [-1, 1], NaN where no class has both; without an interval where nothing varies.
    """
    a, n, b, m = (np.asarray(each, np.float64) for each in (errors, images, other_errors, others))
    both = (n > 0) & (m > 0)
    a, n, b, m = a[both], n[both], b[both], m[both]
    total = n + m
    weight = float((n * m / total).sum())
    if not weight:
        return Estimate(float("nan"))
    gap = float(((a * m - b * n) / total).sum()) / weight
    one = ((n**2 * b - m**2 * a + n * m * (m - n) / 2) / total**2).sum()
    other = ((a * (m - b) + b * (n - a)) / (2 * total)).sum()
    half = 1.959964 * np.sqrt(max(float(gap * one + other), 0.0)) / weight
    return Estimate(gap, max(gap - half, -1.0), min(gap + half, 1.0)) if half > 0 else Estimate(gap)


def _most(classes: pd.DataFrame, sets: Mapping[str, Sequence[Array]], predictions: Predictions) -> list[Finding]:
    """Name the class whose criticisms are surely misclassified more often than those of the other classes.

    Fisher's exact test of each class with enough criticisms against all others together, adjusted for all of them.
    """
    from scipy.stats import fisher_exact

    wrong, images = (classes[f"{KINDS[1]}_{what}"].to_numpy() for what in COUNTED)
    others, of = wrong.sum() - wrong, images.sum() - images
    chances = np.full(len(classes), np.nan)
    for place in np.flatnonzero((images >= ENOUGH) & (of >= ENOUGH)).tolist():
        table = [[wrong[place], images[place] - wrong[place]], [others[place], of[place] - others[place]]]
        chances[place] = fisher_exact(table, alternative="greater")[1]
    surely = np.flatnonzero(holm(chances) < SURE)  # NaN is not below
    if not len(surely):
        return []
    place = int(surely[(wrong[surely] / images[surely]).argmax()])
    line, rows = classes.iloc[place], sets[KINDS[1]][place]
    share = rate(int(wrong[place]), int(images[place]))
    return [
        Finding(
            f"Criticisms of {line['class']} are misclassified more often than those of the other classes: "
            f"{wrong[place]:,} of {images[place]:,}, {share}, against {rate(int(others[place]), int(of[place]))}.",
            effect=share,
            evidence=worst_first(predictions, rows[~predictions.correct[rows]]),
            classes=(int(line["number"]),),
        )
    ]
