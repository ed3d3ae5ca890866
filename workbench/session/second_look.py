"""A second look at the labels of the studied images, by what is not misled as the model is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.probabilities import portions
from workbench.core.types import Array
from workbench.data.sampling import balanced_rows, evenly
from workbench.session.patch_features import untrained_features
from workbench.statistics.label_quality import LabelQuality, quality
from workbench.statistics.linear_probe import cross_validated, fitted_probe
from workbench.statistics.neighbour_votes import neighbour_votes

if TYPE_CHECKING:
    from workbench.session.session import Session

FEW = 12_000
"""Images up to which neighbours vote too: then linear probes alone are too sure, and neighbours are found quickly."""
VALUES = 2**26
"""Probabilities of a look at embeddings: of more images in so many classes it is a sample, with as many of each."""
BOTH = 6_000
"""Images up to which features of the pixels are asked even where embeddings do not know the labels."""


@dataclass(frozen=True, eq=False)
class Look:
    """What a probe that was fitted to the other studied images says of some of them.

    Attributes:
        rows: `(n,)` int64, ascending.
        probabilities: `(n, K)` float64.
        quality: of the labels of `rows`.
        others: gives the `(m, K)` probabilities of other images, by their rows; None where none were asked for.
    """

    rows: Array
    probabilities: Array
    quality: LabelQuality
    others: Callable[[Array], Array] | None = None

    def says(self, rows: Array) -> Array:
        """Return the `(m, K)` probabilities of images that were asked for."""
        place = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        there = self.rows[place] == rows
        said = self.probabilities[place]
        if self.others is not None and not there.all():
            said[~there] = self.others(rows[~there])
        return said


def second_looks(session: Session, rows: Array | None = None) -> tuple[Look, ...]:
    """Judge the studied images by probes that were fitted to them, too: no shift misleads these as it does the model.

    First by the model's embeddings, of very many a sample; then by features of the pixels, which a model that fails has
    not shaped, of at most `BOTH` images.

    Args:
        session: of the studied images.
        rows: `(m,)` int, images that will be asked about.
    """
    labels, classes = session.dataset.labels, len(session.class_names)
    asked = np.zeros(0, np.int64) if rows is None else rows
    count = min(len(labels), max(1, VALUES // max(classes, 1)))
    some = np.sort(balanced_rows(labels, count, 0))
    found = [_look(some, asked, lambda rows: session.embeddings[rows], labels, classes)]
    if session.dataset.has_images:
        some = evenly(len(labels), BOTH)
        # Of a few more, all are looked at; of many more, the probe that knows the others is asked.
        some = np.union1d(some, asked) if len(asked) <= BOTH else some
        features = lambda rows: untrained_features(session.dataset.subset(rows))  # noqa: E731
        found.append(_look(some, asked, features, labels, classes))
    return tuple(found)


def supported(looks: tuple[Look, ...], rows: Array, labels: Array, predicted: Array) -> Array:
    """Say of some images whether those looks that know both classes take them for the predicted one, all in all.

    Args:
        looks: at these images, among others.
        rows: `(m,)` int, studied images.
        labels: `(m,)` int, of them.
        predicted: `(m,)` int.

    Returns:
        `(m,)` bool, by the mean over the looks of the logarithm of the odds; also where none knows both classes.
    """
    odds = np.zeros(len(rows))
    for look in looks:
        if look.quality.silence:
            continue
        knows = look.quality.knows[labels] & look.quality.knows[predicted]
        for part in portions(len(rows), look.probabilities.shape[1]):
            said, at = look.says(rows[part]) + 1e-3, np.arange(part.stop - part.start)
            ratio = np.log(said[at, predicted[part]] / said[at, labels[part]])
            odds[part] += np.where(knows[part], ratio, 0.0)
    return np.asarray(odds >= 0)


def _look(rows: Array, asked: Array, features: Callable[[Array], Array], labels: Array, classes: int) -> Look:
    """Look at `rows`; and at those of `asked` that are not among them, by a probe that was fitted to all of `rows`."""
    more = np.setdiff1d(asked, rows)
    both = np.concatenate([rows, more])
    known, fitted = features(both), np.arange(len(both)) < len(rows)
    if not len(more):
        said = probe_out_of_sample(known, labels[rows], classes)
        return Look(rows, said, quality(said, labels[rows], classes))
    said = cross_validated(known[fitted], labels[rows], classes)  # no votes: what is judged is what is asked
    probe = fitted_probe(known, labels[both], fitted, classes)
    judged = quality(said, labels[rows], classes)
    return Look(rows, said, judged, lambda wanted: probe(len(rows) + np.searchsorted(more, wanted)))


def probe_out_of_sample(features: Array, labels: Array, classes: int, *, seed: int = 0) -> Array:
    """Return out-of-sample probabilities by linear probes, of few images averaged with votes by their neighbours.

    Args:
        features: `(N, D)` float.
        labels: `(N,)` int.
        classes: K.
        seed: of the folds.

    Returns:
        `(N, K)` float64.
    """
    return with_votes(cross_validated(features, labels, classes, seed=seed), features, labels)


def with_votes(linear: Array, features: Array, labels: Array) -> Array:
    """Average what linear probes say, `(N, K)`, with votes by neighbours, where images are few."""
    return linear if len(labels) > FEW else (linear + neighbour_votes(features, labels, linear.shape[1])) / 2
