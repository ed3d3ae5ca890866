"""A linear classifier on the pixels: the simplest one, as a yardstick for a network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.types import Array
from workbench.data.sampling import balanced_rows, evenly
from workbench.statistics.linear_pixels import enough_of_each, linear_classifier, small_pixels


@dataclass(frozen=True, eq=False)
class LinearPixels:
    """A linear discriminant analysis of the principal components of the pixels; in closed form, hence quick.

    Its covariance is shrunk as Ledoit & Wolf 2004, doi:10.1016/S0047-259X(03)00096-4, have it.

    Attributes:
        fitted: how many training images it was fitted to.
        held_out: `(n,)` bool, whether it is right on training images that it was not fitted to.
        held_rows: `(n,)` int64, rows of those.
        rows: `(m,)` int64, rows of the images under study that it was asked about.
        correct: `(m,)` bool, whether it is right on those.
    """

    fitted: int
    held_out: Array
    held_rows: Array
    rows: Array
    correct: Array


def linear_pixels(
    train: Dataset, rows: Array, studied: Dataset, *, most: int = 5000, seed: int = 0
) -> LinearPixels | None:
    """Fit it to some training images, and ask it about others and about the images under study.

    Args:
        train: the training images.
        rows: `(n,)` those of them that may be used; a fifth of them, or what is left of `most`, is held out.
        studied: the images under study.
        most: images to fit it to, to hold out and to ask about, each at most.
        seed: of the choice.

    Returns:
        None where fewer than two classes have images, or there are fewer than ten.
    """
    chosen = rows[balanced_rows(train.labels[rows], min(2 * most, len(rows)), seed)]
    chosen = np.random.default_rng(seed).permutation(chosen)
    fitted, rest = np.split(chosen, [min(most, len(chosen) * 4 // 5)])
    fitted = fitted[enough_of_each(train.labels[fitted])]
    if len(chosen) < 10 or len(np.unique(train.labels[fitted])) < 2:
        return None
    model = linear_classifier(small_pixels(train, fitted), train.labels[fitted], seed=seed)

    def right(data: Dataset, some: Array) -> Array:
        return np.asarray(model.predict(small_pixels(data, some)) == data.labels[some])

    held, asked = np.sort(rest), evenly(len(studied), most)
    return LinearPixels(
        fitted=len(fitted), held_out=right(train, held), held_rows=held, rows=asked, correct=right(studied, asked)
    )
