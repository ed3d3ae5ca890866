"""How a map is spread: the papers' equations in float64, one pixel after the other."""

from __future__ import annotations

import math

import numpy as np
import pytest


def gini(values):
    """Half the mean difference of any two magnitudes, in mean magnitudes: the definition that needs no sorting."""
    sizes = [abs(float(value)) for value in values.ravel()]
    return sum(abs(a - b) for a in sizes for b in sizes) / (2 * len(sizes) * sum(sizes))


def entropy(values):
    sizes = [abs(float(value)) for value in values.ravel()]
    return -sum(size / sum(sizes) * math.log(size / sum(sizes)) for size in sizes if size)


def test_sparseness_and_complexity(kit, case, agree):
    maps = kit.random_maps(case) ** 3
    maps[1, :4] = 0
    subject = kit.judged(case, maps)
    agree(kit.measured("sparseness", subject), np.array([gini(values) for values in maps]), 1e-4, "sparseness")
    agree(kit.measured("complexity", subject), np.array([entropy(values) for values in maps]), 1e-4, "complexity")


@pytest.mark.parametrize("above", [0.0, 0.1, 0.5])
def test_effective_complexity(kit, case, agree, above):
    maps = kit.random_maps(case)
    maps[2, 1:3] = 0
    expected = np.array([(abs(values) > above * abs(values).max()).sum() for values in maps.astype(np.float64)])
    found = kit.measured("effective-complexity", kit.judged(case, maps), above=above)
    agree(found, expected, 0, "effective-complexity")


def test_relevance_mass(kit, case, agree):
    subject = kit.judged(case, kit.random_maps(case), images=kit.framed(case))
    inside = np.zeros(case.images.shape[:3], bool)
    inside[:, 2:-2, 1:-2] = True  # where the frame is not
    expected = [
        sum(abs(float(values[at])) for at in np.argwhere(there).tolist() for at in [tuple(at)])
        / sum(abs(float(value)) for value in values.ravel())
        for values, there in zip(subject.maps, inside, strict=True)
    ]
    agree(kit.measured("relevance-mass", subject), np.array(expected), 1e-4, "relevance-mass")
