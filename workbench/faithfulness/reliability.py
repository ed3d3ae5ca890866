"""What an excess share is worth: how often such a map showed the evidence, in worlds where the evidence is known.

The numbers lie in `reliability.json`, as `workbench truth --only maps --seed 1000` measures and writes them.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from functools import cache
from pathlib import Path
from typing import Any

from workbench.core.estimate import Estimate

FILE = Path(__file__).with_name("reliability.json")
EDGES = (-1.0, 0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 1.0)
"""Edges of the excess share between which maps are counted together."""


def reliability(excess: float) -> Estimate:
    """Return how many of the maps with such an excess share showed the evidence, with its 95 % interval.

    Args:
        excess: of a map, as `Effects.excess` measures it; NaN for what cannot be told.
    """
    if math.isnan(excess):
        return Estimate(math.nan, unit="%")
    row = measured()["ranges"][place(excess)]
    return Estimate(row["share"], row["low"], row["high"], unit="%")


def place(excess: float) -> int:
    """Return which of the ranges between `EDGES` an excess share lies in, from 0."""
    return min(max(bisect_right(EDGES, excess) - 1, 0), len(EDGES) - 2)


@cache
def measured() -> dict[str, Any]:
    """Return what was measured: "ranges", from low to high, and what they were measured on."""
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found
