"""Average gain."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy.special import log_expit

from workbench.core.types import Array
from workbench.faithfulness.masking import log_odds_with_and_without
from workbench.faithfulness.measure import Better, Measure, Subject


class AverageGain(Measure):
    """Gain of the class's probability, as a share of 1 - p, when the image is masked with the map.

    It is 100 max(0, p(x ∘ L) - p(x)) / (1 - p(x)), L being the map stretched to [0, 1]; a flat map shows a black
    image. 1 - p comes from the logits, so that it is not 0 where the model is confident.
    Source: Zhang et al. 2023, arXiv:2301.07002, the measure AG.
    """

    title: ClassVar[str] = "Average gain"
    paper: ClassVar[str] = "arXiv:2301.07002, AG"
    unit: ClassVar[str] = "%"
    better: ClassVar[Better] = "higher"
    use: ClassVar[str] = "Tells how far masking helps the class; not much where the model was confident before."
    of_probability: ClassVar[bool] = True

    def formula(self, subject: Subject) -> Array:
        """`(N,)` percent in [0, 100]."""
        before, after = log_odds_with_and_without(subject)
        return 100 * np.maximum(0, -np.expm1(log_expit(-after) - log_expit(-before)))  # log(1 - p) of each
