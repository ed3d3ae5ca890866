"""Prototypes and criticisms against the paper's definitions, each evaluated anew for every candidate in float64."""

import numpy as np
import pytest

from workbench.statistics.mmd_critic import criticisms, gaussian, mmd, prototypes, witness


def values(seed, count=40):
    chance = np.random.default_rng(seed)
    return np.concatenate([chance.normal(0, 1, (count - 8, 3)), chance.normal(4, 0.5, (8, 3))]).astype(np.float32)


def kernel_of(given, width=1.0):
    given = given.astype(np.float64)
    apart = [[((a - b) ** 2).sum() for b in given] for a in given]
    middle = np.median([apart[i][j] for i in range(len(given)) for j in range(i)])
    return np.exp(-np.array(apart) / (width**2 * middle))


def discrepancy(kernel, chosen):
    """The biased estimate of MMD², term by term."""
    n, m = len(kernel), len(chosen)
    everyone = sum(kernel[i, j] for i in range(n) for j in range(n)) / n**2
    between = sum(kernel[i, j] for i in range(n) for j in chosen) / (n * m)
    among = sum(kernel[i, j] for i in chosen for j in chosen) / m**2
    return everyone - 2 * between + among


@pytest.mark.parametrize("width", [0.5, 1.0, 2.0])
def test_the_kernel_is_gaussian_in_median_distances(width):
    np.testing.assert_allclose(gaussian(values(0), width), kernel_of(values(0), width), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_each_prototype_lowers_the_discrepancy_the_most(seed):
    kernel = kernel_of(values(seed))
    found, curve = prototypes(kernel, 6)
    chosen = []
    for place, after in zip(found.tolist(), curve, strict=True):
        tried = {i: discrepancy(kernel, [*chosen, i]) for i in range(len(kernel)) if i not in chosen}
        assert tried[place] == pytest.approx(min(tried.values()), abs=1e-12)
        assert after == pytest.approx(tried[place], abs=1e-12)
        chosen.append(place)
    assert mmd(kernel, found) == pytest.approx(discrepancy(kernel, chosen), abs=1e-12)


@pytest.mark.parametrize("diversity", [0.0, 0.01, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_each_criticism_adds_the_most_of_witness_and_log_determinant(seed, diversity):
    kernel = kernel_of(values(seed))
    first = prototypes(kernel, 4)[0]
    known = [
        sum(kernel[i, j] for j in range(len(kernel))) / len(kernel) - sum(kernel[i, j] for j in first) / len(first)
        for i in range(len(kernel))
    ]
    np.testing.assert_allclose(witness(kernel, first), known, atol=1e-12)

    def objective(some):
        volume = np.linalg.slogdet(kernel[np.ix_(some, some)])[1]
        return sum(abs(known[i]) for i in some) + diversity * volume

    chosen = []
    for place in criticisms(kernel, first, 6, diversity=diversity).tolist():
        tried = {i: objective([*chosen, i]) for i in range(len(kernel)) if i not in {*chosen, *first.tolist()}}
        assert tried[place] == pytest.approx(max(tried.values()), abs=1e-9)
        chosen.append(place)


def test_all_values_as_prototypes_leave_no_discrepancy_and_no_criticism():
    kernel = kernel_of(values(5))
    found, curve = prototypes(kernel, 99)
    assert sorted(found.tolist()) == list(range(len(kernel)))
    assert curve[-1] == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(witness(kernel, found), 0, atol=1e-12)
    assert not len(criticisms(kernel, found, 3))


def test_equal_values_and_a_single_one_are_no_trouble():
    for count in (1, 2, 5):
        kernel = gaussian(np.ones((count, 3), np.float32))
        np.testing.assert_array_equal(kernel, 1)
        found, curve = prototypes(kernel, 3)
        assert len(found) == min(3, count) and not curve.any()
        assert len(criticisms(kernel, found, 3)) == count - len(found)


def test_most_values_may_be_equal():
    given = np.zeros((9, 2), np.float32)
    given[0] = 3
    kernel = gaussian(given)
    assert 0 < kernel[0, 1] < 1 and kernel[1, 2] == 1
