"""Complexity."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy.special import entr

from workbench.core.types import Array
from workbench.faithfulness.measure import Measure, Subject


class Complexity(Measure):
    """Entropy of the map's magnitudes: 0 for a single pixel, ln n for n equal pixels.

    Not defined for an empty map. Source: Bhatt et al. 2020, arXiv:2005.00631, definition 4.
    """

    title: ClassVar[str] = "Complexity"
    paper: ClassVar[str] = "arXiv:2005.00631, def. 4"
    unit: ClassVar[str] = "nats"
    use: ClassVar[str] = "Tells how much there is to look at in the map; not whether it is right."

    def formula(self, subject: Subject) -> Array:
        """`(N,)` in [0, ln HW]."""
        sizes = np.abs(subject.maps.reshape(len(subject.maps), -1).astype(np.float64))
        total = sizes.sum(axis=1, keepdims=True)
        return entr(np.divide(sizes, total, out=np.full_like(sizes, np.nan), where=total > 0)).sum(axis=1)
