"""Findings about copies: leaked images, duplicates within a part, copies with conflicting labels."""

from __future__ import annotations

import numpy as np

from workbench.core.finding import Finding, Severity
from workbench.core.image_set import ImageSet
from workbench.core.types import Array
from workbench.core.wording import join_names, percent, plural
from workbench.statistics.copies import WAYS, Pairs
from workbench.statistics.rates import difference, rate, wilson

SERIOUS = 0.005
"""Share of copies, surely exceeded, that makes the accuracy unreliable."""
CRITICAL = 0.1
"""The same that makes it meaningless."""
KINDS = ("evaluated", "training")


def severity_of(count: int, of: int) -> Severity:
    """Judge a share of copies by the lower end of its 95 % interval."""
    low = float(wilson(count, of)[0])
    return (
        Severity.CRITICAL
        if low > CRITICAL
        else Severity.SERIOUS
        if low > SERIOUS
        else Severity.MILD
        if count
        else Severity.INFO
    )


def _how(ways: Array) -> str:
    count = np.bincount(ways, minlength=len(WAYS))
    return join_names([f"{number:,} {way}" for way, number in zip(WAYS, count, strict=True) if number], 9)


def leakage(correct: Array, trained: int, pairs: Pairs) -> Finding:
    """Report how many evaluated images have a copy in training, and the accuracy without them.

    Args:
        correct: `(N,)` bool, of the evaluated images.
        trained: training images.
        pairs: rows of evaluated images with numbers of training images.
    """
    rows, first = np.unique(pairs.images[:, 0], return_index=True)
    count, of = len(rows), len(correct)
    share = rate(count, of)
    if not count:
        return Finding(
            f"None of {plural(of, 'evaluated image')} has a copy among {plural(trained, 'training image')}, {share}.",
            effect=share,
        )
    claim = (
        f"{plural(count, 'evaluated image')} of {of:,} {'has a copy' if count == 1 else 'have copies'} among "
        f"{plural(trained, 'training image')}, {share}: {_how(pairs.ways[first])}"
    )
    if rest := of - count:
        seen, unseen = int(correct[rows].sum()), int(correct.sum() - correct[rows].sum())
        # Paired: both accuracies are of the same images, so they differ by the leaked share of this gap.
        gap = 100 * count / of * np.array([*difference(seen, count, unseen, rest)[0]])
        change, low, high = (f"{each:+.2f}".replace("-", "−") for each in gap)
        claim += (
            f". Without them the accuracy is {percent(unseen / rest)} instead of {percent(float(correct.mean()))}, so "
            f"they change it by {change} points (95 % interval {low} to {high})"
        )
    return Finding(
        f"{claim}.",
        severity=severity_of(count, of),
        effect=share,
        evidence=ImageSet(rows[np.argsort(first, kind="stable")]),
        advice="Remove these images from training and retrain; until then, report the accuracy without them.",
        kind="leakage",
        cost=share,
        confirm="Look at the pairs side by side: they show the same picture.",
    )


def duplicates(part: int, of: int, pairs: Pairs, count: int) -> Finding:
    """Report how many images of a part are copies of an earlier one.

    Args:
        part: 0 for the evaluated images, 1 for the training images.
        of: images in the part.
        pairs: rows of two images of it, the earlier first.
        count: images that are copies of an earlier one.
    """
    share, kind = rate(count, of), KINDS[part]
    if not count:
        return Finding(f"None of {plural(of, f'{kind} image')} is a copy of another, {share}.", effect=share)
    meant = len(np.unique(pairs.images[pairs.ways > 1, 1])) if part else 0  # moved copies may be augmentation
    severity = severity_of(max(count - meant, 0), of)
    advice = "Keep one image of each group: duplicates make intervals too narrow"
    advice += ", and leak into a validation part that is split off from these images." if part else "."
    return Finding(
        f"{plural(count, f'{kind} image')} of {of:,} {'is a copy' if count == 1 else 'are copies'} of an earlier one, "
        f"{share}; pairs: {_how(pairs.ways)}.",
        severity=Severity.MILD if severity == Severity.INFO else severity,
        effect=share,
        evidence=ImageSet(dict.fromkeys(pairs.images[:, 1])),
        advice=advice,
        kind="duplicates",
        part="train" if part else "data",
        cost=None if part else share,
    )


def conflicts(part: int, of: int, rows: Array, kinds: Array, names: tuple[str, ...]) -> Finding:
    """Report how many images have a copy with another label; at least one label of each such pair is wrong.

    Args:
        part: 0 for the evaluated images, 1 for the training images.
        of: images in the part.
        rows: `(n,)` images of the part that have such a copy, in the part or in the other.
        kinds: `(P, 2)` the two labels of each such pair.
        names: of the classes.
    """
    share = rate(len(rows), of)
    pairs, count = np.unique(np.sort(kinds, axis=1), axis=0, return_counts=True)
    one, other = pairs[np.argmax(count)].tolist()
    return Finding(
        f"{plural(len(rows), f'{KINDS[part]} image')} of {of:,} {'has' if len(rows) == 1 else 'have'} a copy with "
        f"another label, {share}, most often {names[one]} and {names[other]}; at least one label of each such pair is "
        "wrong.",
        severity=severity_of(len(rows), of),
        effect=share,
        evidence=ImageSet(rows),
        advice="Look at each pair, choose one label, and keep one image.",
        kind="duplicates",
        classes=(one, other),
        part="train" if part else "data",
        cost=None if part else share,
    )
