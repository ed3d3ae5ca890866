"""An integral along a path in float64, by steps that are halved where the gradient changes most."""

from __future__ import annotations

import numpy as np


def halved(point, gradient, difference, tolerance):
    """The map, the square of its estimated error, and the number of steps.

    Args:
        point: of 0 to 1 along the path to an image, (H, W, C).
        gradient: of an image to that of the score, of the same shape.
        difference: of the scores at both ends.
        tolerance: largest error as a share of the map, and largest gap as a share of the difference.
    """
    known = {}

    def at(along):
        if along not in known:
            known[along] = point(along), gradient(point(along))
        return known[along]

    def share(a, b):
        (one, slope), (other, end) = at(a), at(b)
        return ((slope + end) / 2 * (other - one)).sum(axis=2)

    def jump(a, b):
        (one, slope), (other, end) = at(a), at(b)
        return np.linalg.norm(((end - slope) * (other - one)).sum(axis=2))

    steps = [(k / 8, (k + 1) / 8) for k in range(8)]
    while True:
        values, jumps = sum(share(*step) for step in steps), [jump(*step) for step in steps]
        square = sum(each**2 / 12 for each in jumps)
        allowed, gap = tolerance * np.linalg.norm(values), abs(values.sum() - difference)
        surely = square**0.5 <= allowed / 4
        if surely or (square**0.5 <= allowed and gap <= tolerance * abs(difference)) or len(steps) * 3 // 2 > 500:
            return values, square, len(steps)
        worst = sorted(steps, key=lambda step: -jumps[steps.index(step)])[: len(steps) // 2]
        halves = [half for a, b in worst for half in ((a, (a + b) / 2), ((a + b) / 2, b))]
        steps = sorted([step for step in steps if step not in worst] + halves)
