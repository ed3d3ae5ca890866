"""Concept vectors: ridge regression written out, random divisions that find nothing, and planted directions."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.concepts.vectors import CELLS, FOLDS, RIDGE, cells_of, chance_of, directions, divisions, spread


@pytest.fixture(scope="module")
def known():
    """Sixty images whose features differ by 2 along the first of 40 numbers."""
    chance = np.random.default_rng(0)
    inside = np.arange(60) < 30
    features = chance.normal(size=(60, 40))
    features[inside, 0] += 2
    return features, inside


def test_the_vector_is_the_normal_of_ridge_regression(known):
    features, inside = known
    found = directions(features, divisions(inside, 10))
    centred = features - features.mean(axis=0)
    penalty = RIDGE * (centred**2).sum() / len(features)
    wanted = np.linalg.solve(centred.T @ centred + penalty * np.eye(40), centred.T @ np.where(inside, 1.0, -1.0))
    np.testing.assert_allclose(found.vector, wanted / np.linalg.norm(wanted), atol=1e-9)
    gradients = np.random.default_rng(1).normal(size=(5, 40))
    np.testing.assert_allclose(found.slopes(gradients)[:, 0], gradients @ found.vector, atol=1e-9)
    np.testing.assert_allclose(found.middle, (centred[~inside] @ found.vector).mean(), atol=1e-9)


def test_accuracy_and_step_are_of_images_left_out(known):
    features, inside = known
    found = directions(features, divisions(inside, 3), seed=4)
    of = np.random.default_rng(4).permutation(60) % FOLDS
    right, steps = 0, []
    for fold in range(FOLDS):
        known_, asked = features[of != fold], features[of == fold]
        middle = known_.mean(axis=0)
        target = np.where(inside[of != fold], 1.0, -1.0)
        centred = known_ - middle
        penalty = RIDGE * (centred**2).sum() / len(known_)
        v = np.linalg.solve(centred.T @ centred + penalty * np.eye(40), centred.T @ (target - target.mean()))
        v /= np.linalg.norm(v)
        places, own = (asked - middle) @ v, centred @ v
        limit = (own[target > 0].mean() + own[target < 0].mean()) / 2
        right += ((places > limit) == inside[of == fold]).sum()
        steps.append(places[inside[of == fold]].mean() - places[~inside[of == fold]].mean())
    np.testing.assert_allclose(found.accuracy[0], right / 60)
    np.testing.assert_allclose(found.step[0], np.mean(steps))


def test_random_divisions_keep_sizes_and_classes():
    chance = np.random.default_rng(0)
    inside, within = chance.random(80) < 0.3, chance.integers(0, 4, 80)
    free, bound = divisions(inside, 200), divisions(inside, 200, within=within)
    assert (free.sum(axis=0) == inside.sum()).all()
    for label in range(4):
        assert (bound[within == label].sum(axis=0) == inside[within == label].sum()).all()
    assert len(np.unique(free[:, 1:], axis=1).T) > 190


def test_a_difference_is_found_and_none_is_not(known):
    features, inside = known
    gradient = np.zeros((20, 40))
    gradient[:, 0] = 1
    found = directions(features, divisions(inside, 999))
    effects = found.slopes(gradient).mean(axis=0) * found.step
    assert chance_of(effects) == 0.001
    assert effects[0] > 0
    chances = []
    for draw in range(200):
        chance = np.random.default_rng(draw)
        features = chance.normal(size=(40, 60))
        found = directions(features, divisions(np.arange(40) < 20, 199, seed=draw), seed=draw)
        chances.append(chance_of(found.slopes(chance.normal(1, 1, (10, 60))).mean(axis=0) * found.step))
    # Uniform on multiples of 1/200, so that 5 % lie at or below 0.05: 10 of 200, and seldom more than 20.
    assert (np.array(chances) <= 0.05).sum() <= 20
    assert 0.4 < np.mean(chances) < 0.6


@pytest.mark.parametrize("size", [(3, 5), (7, 7), (8, 20)])
def test_cells_are_means_and_spread_gives_them_back(size):
    chance = np.random.default_rng(0)
    maps = chance.normal(size=(4, *size, 3)).astype(np.float32)
    cells = cells_of(maps)
    assert cells.shape[1:3] == tuple(min(side, CELLS) for side in size)
    np.testing.assert_allclose(cells_of(spread(cells, size)), cells, atol=1e-5)
    if max(size) <= CELLS:
        np.testing.assert_array_equal(cells, maps)
    # What moves by a vector over the cells changes a linear score by the sum of its gradients in each cell.
    gradient, vector = chance.normal(size=(1, *size, 3)), chance.normal(size=cells.shape[1:])
    moved = (gradient * spread(vector, size)).sum()
    np.testing.assert_allclose((cells_of(gradient, sums=True) * vector).sum(), moved, rtol=1e-4)
