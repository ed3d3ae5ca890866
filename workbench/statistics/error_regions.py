"""Regions in which images look like those that a model gets wrong, each image judged without its own error."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from workbench.core.cores import at_most
from workbench.core.probabilities import portions
from workbench.core.types import Array
from workbench.data.sampling import evenly
from workbench.statistics.slicing import Group

FOLDS = 10
"""Parts of the images; of each it is foretold from the others which images are wrong."""
SEEN = 3000
"""Right images that are learned from at most, in each fold."""
FIRMNESS = 10.0
"""Penalty of a wrongly told image in the support vector machine."""
ALIKE = -0.2
"""Decision value from which an image looks like the errors.

On 20 worlds of `workbench truth --only slices` (seed 77), regions alone found .68 of the blind spots from -0.4, .75
from -0.2 and .76 from 0: it hardly matters.
"""
TREES, LEAF = 100, 3
"""Of the forest whose leaves say which of these images are alike, and images of a leaf at least."""
MOST = 10
"""Regions at most, and as many as there are images for: of two kinds in one region neither is found.

On 50 worlds of `workbench truth --only slices` (seeds 100, 101 and 300; 99 blind spots) regions alone found 90 with 8,
91 with 10, 89 with 12, and 81 with the number of the best silhouette, which is 3.3 on average.
"""
LEAST = 6
"""Images of a region."""
LINKED, AT_ONCE = 6000, 512
"""Images that look like errors of which regions are made, which takes all pairs of them: further ones belong to the
region of the one that they are most alike; and how many of these are compared at once."""
EXTREME = 0.001
"""Share of the values of a property at either end that is drawn in: one odd image is to stretch no axis."""


def error_regions(embeddings: Array, properties: Array, wrong: Array, seed: int) -> Iterator[Group]:
    """Find regions of errors that are images of one kind.

    Whether an image looks like the errors is foretold by a support vector machine from the images of other folds, so
    that it does not depend on whether it is wrong itself, and the error rate among those that do is an honest one. A
    forest that tells them from the others then says which of them are alike, those that fall into the same leaves; it
    sees no error either. Ward's linkage of this makes the regions.

    Args:
        embeddings: `(N, D)` float.
        properties: `(N, P)` float, columns of `image_properties`.
        wrong: `(N,)` bool.
        seed: of folds and forest.
    """
    if min(wrong.sum(), (~wrong).sum()) < FOLDS:
        return
    values = _both(embeddings, properties)
    taken = _look_like_errors(values, wrong, seed)
    rows = np.flatnonzero(taken)
    if len(rows) < LEAST or len(rows) == len(taken):
        return
    parts = _parts(values, taken, rows, seed)
    for number in np.unique(parts):
        members = np.zeros(len(taken), bool)
        members[rows[parts == number]] = True
        if members.sum() >= LEAST:
            yield Group(members=members, alike=members, learned=None, source="errors")


def _both(embeddings: Array, properties: Array) -> Array:
    """Embeddings and properties in units of their spread, each of the two of the same weight: `(N, F)` float32."""
    low, high = np.quantile(properties, [EXTREME, 1 - EXTREME], axis=0)
    units = _Units(embeddings), _Units(properties, low, high)
    width = sum(int(each.kept.sum()) for each in units)
    values = np.zeros((len(embeddings), max(width, 1)), np.float32)
    for part in portions(*values.shape):
        at = 0
        for each in units:
            if count := int(each.kept.sum()):
                values[part, at : at + count] = each.measured(part) / np.sqrt(count)
                at += count
    return values


class _Units:
    """Columns of `(N, F)` values, drawn in at both ends, in units of their spread; those that do not vary are left out.

    Attributes:
        kept: `(F,)` bool, columns that vary.
    """

    def __init__(self, values: Array, low: Array | None = None, high: Array | None = None) -> None:
        self._values, self._low, self._high = values, low, high
        parts, count = list(portions(*values.shape)), len(values)
        self._mean = np.sum([self._read(part).sum(axis=0) for part in parts], axis=0) / count
        squares = np.sum([((self._read(part) - self._mean) ** 2).sum(axis=0) for part in parts], axis=0)
        self._spread = np.sqrt(squares / count)
        self.kept = self._spread > 1e-6 * max(float(self._spread.max(initial=0)), 1e-12)

    def _read(self, part: slice) -> Array:
        some = np.asarray(self._values[part], np.float64)
        return some if self._low is None else np.clip(some, self._low, self._high)

    def measured(self, part: slice) -> Array:
        """Return some rows of the columns kept."""
        return np.asarray(((self._read(part) - self._mean) / np.where(self.kept, self._spread, 1))[:, self.kept])


def _look_like_errors(values: Array, wrong: Array, seed: int) -> Array:
    """Say which images look like the errors of the other folds: `(N,)` bool."""
    from sklearn.model_selection import StratifiedKFold
    from sklearn.svm import SVC

    chance = np.random.default_rng(seed)
    taken = np.zeros(len(wrong), bool)
    for learned, told in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(values, wrong):
        errors, right = learned[wrong[learned]], learned[~wrong[learned]]
        errors, right = (chance.choice(rows, min(len(rows), SEEN), replace=False) for rows in (errors, right))
        rows = np.concatenate([errors, right])
        weight = {True: (wrong[learned]).sum() / len(errors), False: (~wrong[learned]).sum() / len(right)}
        machine = SVC(C=FIRMNESS, class_weight=weight).fit(values[rows], wrong[rows])
        for part in portions(len(told), values.shape[1]):
            taken[told[part]] = machine.decision_function(values[told[part]]) > ALIKE
    return taken


def _parts(values: Array, taken: Array, rows: Array, seed: int) -> Array:
    """Number of the region of each of `rows`."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import pdist
    from sklearn.ensemble import RandomForestClassifier

    count = min(MOST, len(rows) // (2 * LEAST))
    if count < 2:
        return np.ones(len(rows), np.int64)
    chance = np.random.default_rng(seed)
    others = np.flatnonzero(~taken)
    others = chance.choice(others, min(len(others), SEEN), replace=False)
    seen = np.concatenate([rows[:: -(-len(rows) // SEEN)], others])
    with at_most(1):
        forest = RandomForestClassifier(
            TREES, min_samples_leaf=LEAF, class_weight="balanced", random_state=seed, n_jobs=1
        ).fit(values[seen], taken[seen])
    leaves = np.empty((len(rows), TREES), np.int32)
    for part in portions(*leaves.shape):
        leaves[part] = forest.apply(values[rows[part]])
    some = evenly(len(rows), LINKED)
    parts = fcluster(linkage(pdist(leaves[some], "hamming"), "ward"), count, "maxclust")
    return np.asarray(parts if len(some) == len(rows) else parts[_most_alike(leaves, leaves[some])])


def _most_alike(leaves: Array, others: Array) -> Array:
    """Return which of the `others` is in most of the same leaves as each image: `(n,)` int, the first of equals."""
    found = np.empty(len(leaves), np.int64)
    for start in range(0, len(leaves), AT_ONCE):
        part = leaves[start : start + AT_ONCE]
        same = np.zeros((len(part), len(others)), np.int16)
        for one, other in zip(part.T, others.T, strict=True):
            same += one[:, None] == other
        found[start : start + AT_ONCE] = same.argmax(axis=1)
    return found
