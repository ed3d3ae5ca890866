"""Effective complexity."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from workbench.core.types import Array
from workbench.faithfulness.measure import Measure, Subject


class EffectiveComplexity(Measure):
    """Number of pixels above a given share of the map's largest magnitude.

    Not defined for an empty map. The paper's criterion, how few features suffice, is read with a threshold on the map,
    as libraries do. Source: Nguyen and Martínez 2020, arXiv:2007.07584, effective complexity.
    """

    title: ClassVar[str] = "Effective complexity"
    paper: ClassVar[str] = "arXiv:2007.07584, read with a threshold"
    unit: ClassVar[str] = "pixels"
    use: ClassVar[str] = "Tells how many pixels stand out in the map; not whether they matter to the model."

    above: Annotated[float, Field(ge=0, le=0.99, description="threshold, as a share of the largest magnitude")] = 0.1

    def formula(self, subject: Subject) -> Array:
        """`(N,)` pixels, 1 to HW."""
        sizes = np.abs(subject.maps.reshape(len(subject.maps), -1))
        largest = sizes.max(axis=1, keepdims=True)
        return np.where(largest[:, 0] > 0, (sizes > self.above * largest).sum(axis=1), np.nan)
