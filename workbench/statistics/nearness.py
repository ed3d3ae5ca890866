"""What is near in a data set."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from workbench.core.types import Array

NEIGHBOUR = 5
"""The neighbour whose distance says what is near here: a copy or two do not change it."""
SHARE = 0.25
"""Of that distance, how much a near copy keeps at most, unless the data's own ratios leave room for more."""
CHANCE = 0.0005
"""Share of images that may look like copies by chance."""
BODY = (0.1, 0.3)
"""Quantiles of the ratios between which their distribution is read: beyond what copies there may be, up to 10 %."""
PAIRS_BY_CHANCE = 0.1
"""Pairs of the whole data that may lie below the cut by chance. On 8 clean worlds (letters of 3 to 26 classes, digits,
shapes, Fashion-MNIST) none did, and the nearest pair lay 4 to 60 % beyond the cut."""
WIDEST = 0.75
"""Of the fifth neighbour's distance, how much a near copy keeps in any case: beyond, all are alike."""


ENOUGH = 200
"""Images whose neighbours tell that distribution."""


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


def scale_of(apart: Array, count: int | None = None) -> Scale:
    """Say what is near.

    Args:
        apart: `(n, 5)` ascending, distances of some images to their five nearest others.
        count: images of which these are some, drawn evenly; None where they are not, so that the share is `SHARE`.
    """
    second, fifth = apart[:, 1], apart[:, -1]
    known = second > 0
    if not known.any():
        return Scale()
    # The second smallest of four evenly spread volumes: E[-log] = 1/4 + 1/3 + 1/2.
    stretch = float(np.log(fifth[known] / second[known]).mean())
    dimension = (1 / 4 + 1 / 3 + 1 / 2) / stretch if stretch > 0 else np.inf
    ratios = apart[known, 0] / fifth[known]
    share = min(SHARE, (CHANCE / (NEIGHBOUR - 1)) ** (1 / dimension))
    share = share if count is None else max(share, _beyond_chance(ratios, count))
    return Scale(float(np.median(fifth)), dimension, float(share), ratios)


def _beyond_chance(ratios: Array, count: int) -> float:
    """Find the ratio below which nearest neighbours do not come by chance, so that what lies below is a copy.

    Four images lie evenly within the fifth's distance, so that the nearest one's share x of it has the distribution
    1 − (1 − (x/a)^d)⁴. Its a and d are read off `BODY`, and not off all distances: it then holds for the lower end.

    Args:
        ratios: `(n,)` distance to the nearest image over that to the fifth.
        count: images of which these are some.
    """
    low, high = np.quantile(ratios, BODY)
    if len(ratios) < ENOUGH or not 0 < low < high < 1:
        return 0.0
    volumes = [np.log(1 - (1 - share) ** (1 / (NEIGHBOUR - 1))) for share in BODY]
    dimension = (volumes[1] - volumes[0]) / np.log(high / low)
    wanted = np.log(2 * PAIRS_BY_CHANCE / count / (NEIGHBOUR - 1))  # a pair is the nearest of two images
    return min(WIDEST, float(low * np.exp((wanted - volumes[0]) / dimension)))
