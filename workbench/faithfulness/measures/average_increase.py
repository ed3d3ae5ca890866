"""Average increase."""

from __future__ import annotations

from typing import ClassVar

from workbench.core.types import Array
from workbench.faithfulness.masking import log_odds_with_and_without
from workbench.faithfulness.measure import Better, Measure, Subject


class AverageIncrease(Measure):
    """Whether the class becomes more probable when the image is masked with the map.

    It is 100 where it does and 0 where it does not, so that the mean over images is the paper's percentage; a flat map
    shows a black image.
    Source: Chattopadhay et al. 2017, arXiv:1710.11063, section 4.1, "increase in confidence".
    """

    title: ClassVar[str] = "Average increase"
    paper: ClassVar[str] = "arXiv:1710.11063, sec. 4.1"
    unit: ClassVar[str] = "%"
    better: ClassVar[Better] = "higher"
    use: ClassVar[str] = "Tells how often masking removes distractors; not by how much: any increase counts fully."
    of_probability: ClassVar[bool] = True

    def formula(self, subject: Subject) -> Array:
        """`(N,)` percent, 0 or 100."""
        before, after = log_odds_with_and_without(subject)
        return 100.0 * (after > before)
