"""Factors of feature maps: against scikit-learn on the same matrix, planted ones, negative values."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import NMF

from workbench.concepts.factors import MOST_PLACES, factorise


@pytest.fixture(scope="module")
def planted():
    """Maps that are sums of three parts, each on channels of its own: `(40, 5, 4, 9)`, and how much of each."""
    chance = np.random.default_rng(0)
    basis = np.zeros((3, 9))
    for part in range(3):
        basis[part, 3 * part : 3 * part + 3] = chance.uniform(0.5, 1, 3)
    amounts = chance.exponential(1, (40, 5, 4, 3)) * (chance.random((40, 5, 4, 3)) < 0.4)
    return amounts @ basis, amounts, basis


def test_planted_parts_are_found(planted):
    maps, amounts, basis = planted
    factors = factorise(maps, 3)
    assert factors.unexplained < 1e-3
    alike = np.corrcoef(np.concatenate([factors.basis, basis]))[:3, 3:]
    np.testing.assert_allclose(np.sort(alike.max(axis=0)), 1, atol=1e-3)
    found = factors.coefficients(maps)[..., alike.argmax(axis=0)]
    for part in range(3):
        assert np.corrcoef(found[..., part].ravel(), amounts[..., part].ravel())[0, 1] > 0.999


@pytest.mark.parametrize("count", [2, 5])
def test_they_reconstruct_as_scikit_learn_does_on_the_same_matrix(count):
    chance = np.random.default_rng(1)
    maps = np.maximum(chance.normal(size=(30, 3, 4, 12)) @ chance.normal(size=(12, 12)), 0)
    rows = maps.reshape(-1, 12)
    factors = factorise(maps, count, seed=3)
    model = NMF(count, init="nndsvda", max_iter=1000, random_state=3)
    best = ((rows - model.fit_transform(rows) @ model.components_) ** 2).sum() / (rows**2).sum()
    ours = ((rows - factors.coefficients(maps).reshape(-1, count) @ factors.basis) ** 2).sum() / (rows**2).sum()
    assert factors.unexplained <= best * 1.01
    assert ours <= best * 1.01


def test_negative_values_have_parts_of_their_own():
    chance = np.random.default_rng(2)
    maps = chance.normal(size=(20, 3, 3, 2))
    factors = factorise(maps, 4)
    assert factors.signed
    assert factors.basis.shape == (4, 4)
    both = factors.coefficients(maps) @ factors.basis
    np.testing.assert_allclose(both[..., :2] - both[..., 2:], maps, atol=0.05)
    assert factors.unexplained < 1e-3


def test_of_many_places_some_are_drawn_and_of_few_no_more_factors_than_there_are():
    chance = np.random.default_rng(3)
    maps = chance.random((MOST_PLACES // 16 + 50, 4, 4, 3))
    one, again = (factorise(maps, 2, seed=5) for _ in range(2))
    np.testing.assert_array_equal(one.basis, again.basis)
    assert len(factorise(maps[:1, :1, :2], 8)) == 2
    nothing = factorise(np.zeros((3, 2, 2, 4)), 2)
    assert nothing.unexplained == 0
    assert not nothing.coefficients(np.zeros((1, 2, 2, 4))).any()
