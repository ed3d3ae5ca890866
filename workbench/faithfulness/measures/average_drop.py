"""Average drop."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy.special import log_expit

from workbench.core.types import Array
from workbench.faithfulness.masking import log_odds_with_and_without
from workbench.faithfulness.measure import Better, Measure, Subject


class AverageDrop(Measure):
    """Share of the class's probability that is lost when the image is masked with the map.

    It is 100 max(0, p(x) - p(x ∘ L)) / p(x), L being the map stretched to [0, 1]; a flat map shows a black image.
    Source: Chattopadhay et al. 2017, arXiv:1710.11063, section 4.1.
    """

    title: ClassVar[str] = "Average drop"
    paper: ClassVar[str] = "arXiv:1710.11063, sec. 4.1"
    unit: ClassVar[str] = "%"
    better: ClassVar[Better] = "lower"
    use: ClassVar[str] = "Tells whether the map keeps what the model needs; not whether it leaves out the rest."
    of_probability: ClassVar[bool] = True

    def formula(self, subject: Subject) -> Array:
        """`(N,)` percent in [0, 100]."""
        before, after = log_odds_with_and_without(subject)
        return 100 * np.maximum(0, -np.expm1(log_expit(after) - log_expit(before)))
