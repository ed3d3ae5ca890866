"""Slow bilinear resize with half-pixel centres, for the replicas that need one."""

from __future__ import annotations

import numpy as np


def bilinear(values, size):
    """(h, w) to `size`: each new place's centre lies among the old ones', and the four around it are mixed."""
    grown = np.zeros(size)
    for i, j in np.ndindex(*size):
        (low, high, part), (left, right, share) = (
            _neighbours(place, old, new) for place, old, new in zip((i, j), values.shape, size, strict=True)
        )
        above = (1 - share) * values[low, left] + share * values[low, right]
        below = (1 - share) * values[high, left] + share * values[high, right]
        grown[i, j] = (1 - part) * above + part * below
    return grown


def _neighbours(place, old, new):
    """The two old places around a new one, and how far it is on the way from the first to the second."""
    centre = min(max((place + 0.5) * old / new - 0.5, 0), old - 1)
    first = int(np.floor(centre))
    return first, min(first + 1, old - 1), centre - first
