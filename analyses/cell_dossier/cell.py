"""One cell of the confusion matrix and its reverse: how often each happens, and whether they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Severity
from workbench.core.image_set import ImageSet
from workbench.core.types import Array
from workbench.core.wording import number, p_value, plural
from workbench.statistics.rates import capped, difference, rate, wilson

if TYPE_CHECKING:
    import pandas as pd


def most_frequent_error(counts: Array, true: int | None, predicted: int | None) -> tuple[int, int] | None:
    """Return the classes of the cell with the most errors.

    Args:
        counts: `(K, K)` int, rows true, columns predicted.
        true: class that is asked for; None leaves it open.
        predicted: the same.

    Returns:
        True and predicted class; both as asked for where both are; None where there is no such error.

    Raises:
        WorkbenchError: if both are the same class.
    """
    if true is not None and predicted is not None:
        if true == predicted:
            raise WorkbenchError(f"`true` and `predicted` must be two different classes. Got class {true} twice.")
        return true, predicted
    asked = np.ones(counts.shape, bool)
    np.fill_diagonal(asked, False)
    classes = np.arange(len(counts))
    asked &= (classes[:, None] == true) | (true is None)
    asked &= (classes == predicted) | (predicted is None)
    errors = np.where(asked, counts, 0)
    first, second = np.unravel_index(int(errors.argmax()), errors.shape)
    return (int(first), int(second)) if errors.any() else None


def cell_rates(counts: Array, cells: list[tuple[int, int]], names: tuple[str, ...]) -> pd.DataFrame:
    """Return a line for each cell: its classes, images, and their share of the true class with its interval."""
    import pandas as pd

    first, second = np.array(cells, np.int64).reshape(-1, 2).T
    images, of = counts[first, second], counts.sum(axis=1)[first]
    low, high = wilson(images, of)
    return pd.DataFrame(
        {
            "true": [names[c] for c in first],
            "predicted": [names[c] for c in second],
            "images": images,
            "of": of,
            "rate": np.divide(images, of, out=np.full(len(of), np.nan), where=of > 0),
            "low": low,
            "high": high,
        }
    )


def compare_directions(rates: pd.DataFrame, evidence: ImageSet) -> list[Finding]:
    """Say how often a cell happens, and whether its reverse, the second line, is as frequent."""
    (one, two, hits, of), (_, _, others, among) = rates[["true", "predicted", "images", "of"]].to_numpy().tolist()
    if not of:
        return [Finding(f"There are no images of {one}.")]
    share = rate(hits, of)
    claim = f"{hits:,} of {plural(of, 'image')} of {one}, {share}, are predicted as {two}"
    if among:
        claim += f"; {others:,} of {among:,} in the other direction, {rate(others, among)}"
    findings = [
        Finding(
            f"{claim}.",
            severity=capped(Severity.SERIOUS if share.low > 0.05 else Severity.MILD if hits else Severity.INFO, of),
            effect=share,
            evidence=evidence,
        )
    ]
    if among:
        (gap, low, high), chance = difference(hits, of, others, among)
        more, less = (one, two) if gap > 0 else (two, one)
        verdict = f"{more} is predicted as {less} more often than the reverse"
        if chance >= 0.05:
            verdict = "Neither direction is significantly more frequent"
        points = [number(100 * each, 1) for each in (gap, low, high)]
        findings.append(
            Finding(
                f"{verdict}: the rates differ by {points[0]} points (95 % interval {points[1]} to {points[2]}), "
                f"{p_value(chance, named=True)} (Fisher's exact test, two-sided).",
                severity=capped(Severity.MILD, min(of, among)) if chance < 0.05 else Severity.INFO,
                effect=Estimate(gap, low, high),
            )
        )
    return findings
