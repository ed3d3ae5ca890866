"""Relevance mass."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from workbench.core.types import Array
from workbench.data.objects import plain
from workbench.faithfulness.measure import Better, Measure, Subject


class RelevanceMass(Measure):
    """Share of the map's magnitude on the object.

    A flat map gives the object's share of the area. Not defined for an empty map, and where the object cannot be told
    from its background. Source: Arras et al. 2020, arXiv:2003.07258, relevance mass accuracy.
    """

    title: ClassVar[str] = "Relevance mass"
    paper: ClassVar[str] = "arXiv:2003.07258, relevance mass accuracy"
    unit: ClassVar[str] = "share"
    better: ClassVar[Better] = "higher"
    use: ClassVar[str] = (
        "Tells whether the map stays on the object; not whether the model does: it may use the background."
    )

    def missing(self, subject: Subject) -> str | None:
        """Say so where no image shows an object on a plain background."""
        if len(subject.attribution) and not plain(subject.objects).any():
            return f"{self.title} needs objects on a plain background. None of these images shows one."
        return super().missing(subject)

    def formula(self, subject: Subject) -> Array:
        """`(N,)` in [0, 1]."""
        sizes = np.abs(subject.maps.astype(np.float64))
        total, inside = sizes.sum(axis=(1, 2)), (sizes * subject.objects).sum(axis=(1, 2))
        known = plain(subject.objects) & (total > 0)
        return np.divide(inside, total, out=np.full(len(total), np.nan), where=known)
