"""Which classes are told apart from all others best."""

from __future__ import annotations

import numpy as np

from workbench.core.types import Array
from workbench.statistics.rates import wilson


def separate_groups(counts: Array) -> Array | None:
    """Find the group of classes that errors least often enter or leave.

    Classes are merged by average linkage on how often they are confused (both ways, over the images of
    the two); of all groups on the way with at least two and at most half of the classes, the one whose share of
    border-crossing errors has the lowest upper Wilson bound is taken, if that is below the error rate of
    the whole and errors do happen within the group.

    Args:
        counts: `(K, K)` int, rows true, columns predicted.

    Returns:
        Indices of the classes in ascending order, or None if no group stands out.
    """
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    classes, of = len(counts), counts.sum(axis=1)
    both = (counts + counts.T).astype(np.float64)
    np.fill_diagonal(both, 0)
    if classes < 4 or not both.any():
        return None
    confused = both / np.maximum(of[:, None] + of[None], 1)
    tree = linkage(squareform(confused.max() - confused, checks=False), "average")
    groups: dict[int, list[int]] = {c: [c] for c in range(classes)}
    best, bound = None, both.sum() / 2 / of.sum()
    for step, (one, other, *_) in enumerate(tree):
        members = groups[classes + step] = groups[int(one)] + groups[int(other)]
        within = both[np.ix_(members, members)].sum() / 2
        if len(members) > classes // 2 or not within:
            continue
        crossing = both[members].sum() - 2 * within
        high = float(
            wilson(crossing, of[members].sum() + counts[:, members].sum() - counts[np.ix_(members, members)].sum())[1]
        )
        if high < bound:
            best, bound = np.sort(members), high
    return best
