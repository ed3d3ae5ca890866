"""The nearest images of others: of the training images where they are known, else of the studied images themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.types import Array
from workbench.data.lazy_images import Some
from workbench.data.thumbnails import comparable, pixel_rows
from workbench.statistics.nearest import nearest

if TYPE_CHECKING:
    from workbench.session.study import Study


@dataclass(frozen=True, eq=False)
class Witnesses:
    """Images that can stand beside studied ones.

    Attributes:
        session: of the model on them.
        part: whether they are the training images or the studied ones.
        own: `(N,)` int64, the row at which each studied image itself stands among them; -1 where it does not.
    """

    session: Study
    part: Literal["train", "data"]
    own: Array

    @property
    def dataset(self) -> Dataset:
        """Their images and labels."""
        return self.session.dataset

    @property
    def title(self) -> str:
        """What a sentence calls them."""
        return "training images" if self.part == "train" else "other evaluated images"

    @property
    def column(self) -> str:
        """What a table calls their rows."""
        return "train_row" if self.part == "train" else "other_row"

    def nearest(self, queries: Array, base: Array, k: int, rows: Array) -> tuple[Array, Array]:
        """Find neighbours among the witnesses, never an image itself.

        Args:
            queries: `(n, D)` of the studied images `rows`.
            base: `(M, D)` of the witnesses.
            k: neighbours; fewer where there are not so many.
            rows: `(n,)` studied rows.

        Returns:
            Distances and rows of the witnesses, `(n, k')` each.
        """
        return nearest(queries, base, k, own=self.own[rows])

    def by_embedding(self, session: Study, k: int, rows: Array) -> tuple[Array, Array]:
        """Find the nearest witnesses by the angle of embeddings; distances are those of vectors of length 1."""
        return self.nearest(unit(session.embeddings[rows]), unit(self.session.embeddings), k, rows)


def witnesses(session: Study) -> Witnesses:
    """Return the training images, or the studied ones where there are none or of another size."""
    studied, training = session.dataset, session.training
    everyone = np.arange(len(studied))
    if training is None or training.dataset.image_shape != studied.image_shape:
        return Witnesses(session, "data", everyone)
    train = training.dataset
    if train.fingerprint == studied.fingerprint:
        return Witnesses(training, "train", everyone)
    own = np.full(len(studied), -1)
    if train.name == studied.name:  # some of the training images themselves
        order = np.argsort(train.indices, kind="stable")
        at = order[np.minimum(np.searchsorted(train.indices[order], studied.indices), len(train) - 1)]
        own = np.where(train.indices[at] == studied.indices, at, -1)
    return Witnesses(training, "train", own)


def unit(vectors: Array) -> Array:
    """Scale vectors to length 1; zero stays zero."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-30), np.float32)


def pictures(dataset: Dataset, rows: Array | None = None) -> Array:
    """Shrink images so that they can be compared, a batch at a time: `(n, d)` uint8.

    Args:
        dataset: its images.
        rows: which; all if not given.
    """
    return pixel_rows(dataset.images if rows is None else Some(dataset, rows), comparable)
