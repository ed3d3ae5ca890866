"""Sparseness."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from workbench.core.types import Array
from workbench.faithfulness.measure import Measure, Subject


class Sparseness(Measure):
    """Gini index of the map's magnitudes: 0 if all pixels are equal, near 1 if few dominate.

    One pixel of n gives (n - 1) / n. Not defined for an empty map. Source: Chalasani et al. 2018, arXiv:1810.06583,
    section 4 (the Gini index of the attribution vector).
    """

    title: ClassVar[str] = "Sparseness"
    paper: ClassVar[str] = "arXiv:1810.06583, sec. 4"
    unit: ClassVar[str] = "Gini index"
    use: ClassVar[str] = "Tells how few pixels the map points at; not whether they are the right ones."

    def formula(self, subject: Subject) -> Array:
        """`(N,)` in [0, 1)."""
        ascending = np.sort(np.abs(subject.maps.reshape(len(subject.maps), -1).astype(np.float64)), axis=1)
        count = ascending.shape[1]
        weights = 2 * np.arange(1, count + 1) - count - 1
        total = ascending.sum(axis=1)
        return np.divide(ascending @ weights, count * total, out=np.full(len(total), np.nan), where=total > 0)
