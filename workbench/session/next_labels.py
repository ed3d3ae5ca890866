"""Which unlabelled images to label next: those that the model is unsure of, different ones, each once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.core.image_set import ImageSet
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.core.wording import plural
from workbench.data.folder.unlabelled import load_unlabelled
from workbench.statistics.copies import find_copies

if TYPE_CHECKING:
    import pandas as pd

    from workbench.session.session import Session

CANDIDATES = 10
"""For each image that is wanted, so many of the least sure ones are chosen from."""


@dataclass(frozen=True, eq=False, kw_only=True)
class NextLabels:
    """Images in the order in which they should be labelled.

    Attributes:
        pool: all unlabelled images; their labels mean nothing.
        images: rows of the pool, the first to be labelled first.
        predicted: `(n,)` int64, what the model says of each of these.
        margin: `(n,)` float64, probability of that class less that of the next one; small where it is unsure.
        copies: how many images of the pool were left out as copies of others in it.
        known: how many were left out as copies of training images, whose labels are known.
    """

    pool: Dataset
    images: ImageSet
    predicted: Array
    margin: Array
    copies: int
    known: int

    @property
    def names(self) -> list[str]:
        """Names of the images, paths below their folder."""
        return [str(name) for name in self.pool.names[self.images.rows]]

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row an image: rank, name, predicted class and margin."""
        import pandas as pd

        classes = np.array(self.pool.class_names, object)
        return pd.DataFrame(
            {
                "rank": np.arange(1, len(self.images) + 1),
                "name": self.names,
                "predicted": classes[self.predicted],
                "margin": self.margin,
            }
        )

    @property
    def sentence(self) -> str:
        """What was chosen from what."""
        left = [
            f"{count:,} {'copy' if count == 1 else 'copies'} of {of}"
            for count, of in ((self.copies, "others"), (self.known, "training images"))
            if count
        ]
        out = f", {' and '.join(left)} left out" if left else ""
        return f"{plural(len(self.images), 'image')} to label next, of {len(self.pool):,} without a label{out}."


def next_labels(session: Session, unlabelled: str | Path | Dataset, count: int = 100) -> NextLabels:
    """Rank unlabelled images: the least sure first, each as unlike those before it as can be.

    Of the ten times as many with the smallest margins, the next one is that with the largest product of its
    uncertainty, 1 less its margin, and its distance to the nearest one chosen, in the model's embeddings. Copies are
    left out first: exact, near, mirrored, turned and shifted ones, of images in the folder and of training images.

    Source: margins after Scheffer et al. 2001, doi:10.1007/3-540-44816-0_31; the farthest first after Sener & Savarese
    2018, arXiv:1708.00489, weighted by uncertainty.

    Args:
        session: the model, with its training images where they are known.
        unlabelled: a folder of image files, however deep; or images as a data set, whose labels are not looked at.
        count: how many to rank.

    Raises:
        Unavailable: if there is no such folder.
        WorkbenchError: if it has no image that can be read, or the model only gives predictions of its own images.
    """
    if count < 1:
        raise WorkbenchError(f"`count` must be at least 1. Got {count}.")
    if session.only_predictions:
        raise WorkbenchError("It needs the model itself. There are only its predictions here: open the model's file.")
    data = session.dataset
    pool = unlabelled
    if not isinstance(pool, Dataset):
        fit, interpolation = data.fit
        how = {"fit": fit, "interpolation": interpolation}
        pool = load_unlabelled(pool, data.image_shape, data.class_names, progress=report, **how)  # type: ignore[arg-type]
    pool = replace(pool, labels=np.zeros(len(pool), np.int64), class_names=data.class_names)
    learned = session.train
    found = find_copies([pool] if learned is None else [pool, learned])
    known = found.copied(0, 1) if learned is not None else np.zeros(0, np.int64)
    twice = np.setdiff1d(found.copied(0, 0), known)
    rows = np.setdiff1d(np.arange(len(pool)), np.concatenate([known, twice]))
    chosen, predicted, margin = rows[:0], rows[:0], np.zeros(0)
    if len(rows):
        asked = session.beside(pool.subset(rows))
        probabilities = np.sort(asked.predictions.probabilities, axis=1)
        margins = probabilities[:, -1] - probabilities[:, -2]
        places = _ranked(asked.embeddings, margins, count)
        chosen, predicted, margin = rows[places], asked.predictions.predicted[places], margins[places]
    return NextLabels(
        pool=pool,
        images=ImageSet(chosen, title="images to label next"),
        predicted=predicted,
        margin=margin,
        copies=len(twice),
        known=len(known),
    )


def _ranked(embeddings: Array, margins: Array, count: int) -> Array:
    """Return up to `count` places: the least sure one, then those that are unsure and unlike the ones before."""
    least = np.argsort(margins, kind="stable")[: CANDIDATES * count]
    vectors, unsure = embeddings[least].astype(np.float64), 1 - margins[least]
    away = np.full(len(least), np.inf)
    free = np.ones(len(least), bool)
    order: list[int] = []
    for _ in range(min(count, len(least))):
        worth = np.where(free, unsure * (away if order else 1.0), -1.0)
        place = int(worth.argmax())
        order.append(place)
        free[place] = False
        away = np.minimum(away, np.linalg.norm(vectors - vectors[place], axis=1))
    return np.asarray(least[order])
