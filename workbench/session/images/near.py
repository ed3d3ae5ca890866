"""The images nearest to one, by the model's embedding or by pixels, in the same part or another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from workbench.core.errors import Unavailable, unknown
from workbench.core.image_set import Part
from workbench.core.types import Array
from workbench.session.neighbours import pictures, unit, witnesses
from workbench.statistics.nearest import nearest

if TYPE_CHECKING:
    from workbench.session.study import Study

By = Literal["embedding", "pixels"]
BY: tuple[By, ...] = ("embedding", "pixels")
MOST = 48


@dataclass(frozen=True, eq=False)
class Compared:
    """What images are compared by.

    Attributes:
        by: embeddings scaled to length 1, or pixels, shrunk where images are large.
        vectors: `(N, D)` one row an image.
    """

    by: By
    vectors: Array

    @classmethod
    def of(cls, study: Study, by: By) -> Compared:
        """Ask the model for the embeddings, or read all images."""
        return cls(by, pictures(study.dataset) if by == "pixels" else unit(study.embeddings))

    def fits(self, other: Compared) -> bool:
        """Whether they can be compared: images of another size, or of another model, cannot."""
        return (self.by, self.vectors.shape[1:]) == (other.by, other.vectors.shape[1:])

    def nearest(self, row: int, base: Compared, k: int, *, itself: int = -1) -> tuple[Array, Array]:
        """Find the nearest of `base` to the image at `row`.

        Args:
            row: among these.
            base: what is chosen from, of the same kind.
            k: neighbours; fewer where there are not so many.
            itself: the row of `base` at which the image itself stands, and which is none of them; -1 for nowhere.

        Returns:
            `(k,)` rows, the nearest first, and their distances: Euclidean of embeddings of length 1, 0 to 2; root mean
            square of pixels, 0 to 255.
        """
        distances, rows = nearest(self.vectors[row : row + 1], base.vectors, k, own=np.array([itself]))
        scale = 1.0 if self.by == "embedding" else self.vectors.shape[1] ** -0.5
        return rows[0], distances[0] * scale


def comparable(study: Study, by: By) -> bool:
    """Whether its images can be compared so: predictions alone have no embeddings, and may have no images."""
    return study.dataset.has_images if by == "pixels" else not study.only_predictions


def itself_in(session: Study, row: int, of: Part, other: Part) -> int:
    """Return the row of a part at which an image of a part stands itself; -1 where it does not.

    The images under study may be some of those that the model was trained on: its validation images, for example.
    """
    if of == other:
        return row
    if "train" not in (of, other):
        return -1
    asked = session.on(other if of == "train" else of)
    beside = None if asked is None else witnesses(asked)
    if beside is None or beside.part != "train":
        return -1
    if other == "train":
        return int(beside.own[row])
    (found,) = np.nonzero(beside.own == row)
    return int(found[0]) if len(found) else -1


def nearest_rows(
    session: Study, of: tuple[Study, Part], row: int, base: tuple[Study, Part], *, by: By, k: int
) -> Array:
    """Find the `(k,)` rows of one part that are nearest to the image at `row` of another.

    Raises:
        WorkbenchError: if there is no such sense.
        Unavailable: if they cannot be compared.
    """
    if by not in BY:
        raise unknown("sense", by, BY)
    (asked, part), (others, among) = of, base
    for study in (asked, others):
        if not comparable(study, by):
            needed = "images" if by == "pixels" else "a model, and not predictions alone"
            raise Unavailable(f"Images are compared by {by} where there are {needed}.")
    own = Compared.of(asked, by)
    there = own if part == among else Compared.of(others, by)
    if not own.fits(there):
        raise Unavailable(f"{others.dataset.name} and {asked.dataset.name} have images of different sizes.")
    return own.nearest(row, there, k, itself=itself_in(session, row, part, among))[0]
