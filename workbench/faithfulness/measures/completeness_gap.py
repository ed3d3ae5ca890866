"""Completeness gap."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from workbench.core.types import Array
from workbench.faithfulness.measure import Better, Measure, Subject
from workbench.faithfulness.scoring import explained_scores, references

DETAIL = "completeness gap"
"""Name of the detail of methods that report it with their maps."""


class CompletenessGap(Measure):
    """How far the sum of the map is from the score's difference to the reference.

    It is |Σ φ - (s(x) - s(x'))|, taken from the method where it reports it.
    Source: Sundararajan et al. 2017, arXiv:1703.01365, proposition 1.
    """

    title: ClassVar[str] = "Completeness gap"
    paper: ClassVar[str] = "arXiv:1703.01365, prop. 1"
    unit: ClassVar[str] = "score"
    better: ClassVar[Better] = "lower"
    use: ClassVar[str] = "Tells whether the values are shares of the score; not whether they are at the right pixels."

    def missing(self, subject: Subject) -> str | None:
        """Say so where the method compares with no reference image."""
        method = subject.method
        reported = DETAIL in subject.attribution.details
        if not reported and getattr(method, "reference", "training") == "training":
            return (
                f"{self.title} needs maps that distribute the score's difference to a reference image. "
                f"{method.title} has no reference image."
            )
        return super().missing(subject)

    def formula(self, subject: Subject) -> Array:
        """`(N,)`, at least 0."""
        found = subject.attribution
        if DETAIL in found.details:
            return np.abs(found.details[DETAIL])
        reference = references(subject, str(getattr(subject.method, "reference")))  # noqa: B009 - some methods' own
        difference = explained_scores(subject, subject.images) - explained_scores(subject, reference)
        return np.abs(found.values.sum(axis=(1, 2), dtype=np.float64) - difference)
