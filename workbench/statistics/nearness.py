"""What is near in a data set."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from workbench.core.types import Array

NEIGHBOUR = 5
"""The neighbour whose distance says what is near here: a copy or two do not change it."""
SHARE = 0.25
"""Of that distance, how much a near copy keeps at most."""
CHANCE = 0.0005
"""Share of images that may look like copies by chance."""


@dataclass(frozen=True, eq=False)
class Scale:
    """What is near in a dataset.

    Attributes:
        distance: median distance of an image to its fifth neighbour; of pictures with values 0…255.
        dimension: intrinsic dimension.
        share: of its fifth neighbour's distance, how much a near copy keeps at most.
        ratios: `(n,)` float64, distance to the nearest neighbour over that to the fifth, of a sample.
    """

    distance: float = 0.0
    dimension: float = np.inf
    share: float = 0.0
    ratios: Array = field(default_factory=lambda: np.zeros(0))


def scale_of(apart: Array) -> Scale:
    """Say what is near, from the distances of some images to their five nearest others, `(n, 5)` ascending."""
    second, fifth = apart[:, 1], apart[:, -1]
    known = second > 0
    if not known.any():
        return Scale()
    # The second smallest of four evenly spread volumes: E[-log] = 1/4 + 1/3 + 1/2.
    stretch = float(np.log(fifth[known] / second[known]).mean())
    dimension = (1 / 4 + 1 / 3 + 1 / 2) / stretch if stretch > 0 else np.inf
    share = min(SHARE, (CHANCE / (NEIGHBOUR - 1)) ** (1 / dimension))
    return Scale(float(np.median(fifth)), dimension, float(share), apart[known, 0] / fifth[known])
