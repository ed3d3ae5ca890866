"""Verdicts of hand-made numbers, for what shows them."""

from __future__ import annotations

import math
from typing import Any

from workbench.core.attribution import Verdict
from workbench.core.estimate import Estimate


def verdict(right: float = 0.96, **other: Any) -> Verdict:
    """A verdict on a map of which `right` of its like showed the evidence, give or take two points."""
    ends = (max(right - 0.02, 0.0), min(right + 0.02, 1.0))
    made: dict[str, Any] = {
        "share": 0.71,
        "excess": 0.5,
        "agreement": 0.98,
        "reliability": Estimate(right, *ends, unit="%"),
        "percentile": 98.0,
        "controls": 50,
        "largest": 2.5,
    }
    if other.get("untold"):
        made |= {"share": math.nan, "excess": math.nan, "reliability": Estimate(math.nan, unit="%")}
    return Verdict(**{**made, **other})
