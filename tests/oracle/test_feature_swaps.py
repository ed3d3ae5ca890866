"""Exchanged cells against an explicit loop over composites through a slow float64 network."""

from __future__ import annotations

from itertools import product

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from tests.oracle.conftest import Network
from workbench.attribution.feature_swaps import FeatureSwaps, swap_layer
from workbench.core.errors import WorkbenchError
from workbench.models.probe import Probe

SHAPE, LAYER = (10, 8, 1), "maps"


def made(seed=0):
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Conv2D(5, 3, activation="relu", name="first"),
            layers.MaxPooling2D(2, name="maps"),
            layers.Conv2D(4, 2, activation="relu", name="last"),
            layers.Flatten(name="flat"),
            layers.Dense(3, name="scores"),
        ]
    )


def images(seed, count=2):
    return np.random.default_rng(seed).random((count, *SHAPE)).astype(np.float32)


def log_softmax(scores):
    return scores - scores.max() - np.log(np.exp(scores - scores.max()).sum())


def of_composite(network, image, other, pairs):
    """Log-probabilities of f(I) in which the cells of `pairs` are those of f(I')."""
    here, there = (network.forward(each)[LAYER] for each in (image, other))
    mixed = here.copy()
    width = here.shape[1]
    for cell, from_cell in pairs:
        mixed[divmod(cell, width)] = there[divmod(from_cell, width)]
    return log_softmax(network.scores(image, {LAYER: mixed}))


@pytest.mark.parametrize("seed", range(3))
def test_every_composite_is_scored_as_the_explicit_loop_scores_it(agree, seed):
    model = made(seed)
    network, (image, other) = Network(model), images(seed)
    swaps = FeatureSwaps(Probe(model), image, other, LAYER)
    assert swaps.grid == (4, 3)
    several = [[], *[[pair] for pair in product(range(12), range(12))], [(0, 5), (3, 7), (11, 0)]]
    found = swaps.log_probabilities(several)
    expected = np.array([of_composite(network, image, other, pairs) for pairs in several])
    agree(found, expected, 1e-5, "feature swaps")


@pytest.mark.parametrize("seed", range(4))
def test_each_step_takes_the_pair_that_raises_the_other_class_the_most(seed):
    model = made(seed)
    network, (image, other) = Network(model), images(seed + 10)
    swaps = FeatureSwaps(Probe(model), image, other, LAYER)
    before = of_composite(network, image, other, [])
    target = int(before.argmin())
    done, pairs = swaps.greedy(target, most=3), []
    for step in done:
        cells, others = ({pair[which] for pair in pairs} for which in (0, 1))
        free = product(set(range(12)) - cells, set(range(12)) - others)
        tried = {pair: of_composite(network, image, other, [*pairs, pair]) for pair in free}
        best = max(values[target] for values in tried.values())
        pairs.append((step.cell, step.other))
        assert tried[pairs[-1]][target] == pytest.approx(best, abs=1e-5)
        assert step.log_probability == pytest.approx(best, abs=1e-5)
        assert step.predicted == int(tried[pairs[-1]].argmax())
    assert len(done) == 3 or done[-1].predicted == target
    assert all(step.predicted != target for step in done[:-1])


@settings(max_examples=12)
@given(st.integers(0, 10_000))
def test_an_identical_image_flips_nothing_and_its_own_cells_change_nothing(seed):
    image = images(seed, 1)[0]
    swaps = FeatureSwaps(PROBE, image, image, LAYER)
    plain = swaps.log_probabilities([[]])[0]
    own = int(plain.argmax())
    assert swaps.greedy(own) == ()
    same = [[(cell, cell) for cell in range(size)] for size in (1, 5, 12)]
    np.testing.assert_allclose(swaps.log_probabilities(same), plain[None].repeat(3, axis=0), atol=1e-6)
    other = (own + 1) % 3
    assert np.isinf(swaps.at_random(other, 3)).all()


@settings(max_examples=12)
@given(st.integers(0, 10_000))
def test_all_cells_at_their_places_are_the_other_image(seed):
    image, other = images(seed)
    swaps = FeatureSwaps(PROBE, image, other, LAYER)
    every = swaps.log_probabilities([[(cell, cell) for cell in range(12)]])[0]
    np.testing.assert_allclose(every, FeatureSwaps(PROBE, other, image, LAYER).log_probabilities([[]])[0], atol=1e-5)
    target = int(every.argmax())
    random = swaps.at_random(target, 4)
    assert np.isfinite(random).all() and (random <= 12).all()
    done = swaps.greedy(target)
    assert len({step.cell for step in done}) == len({step.other for step in done}) == len(done)


PROBE = Probe(made(1))


def test_cells_of_fine_maps_are_blocks_whose_edges_are_told():
    swaps = FeatureSwaps(PROBE, *images(0), "first", side=3)  # 8 × 6 places, blocks of 3 × 3
    assert swaps.grid == (3, 2)
    np.testing.assert_allclose(swaps.edges[0], [0, 3 / 8, 6 / 8, 1])
    np.testing.assert_allclose(swaps.edges[1], [0, 3 / 6, 1])
    here, there = PROBE.feature_maps(images(0), "first")
    whole = swaps.composite([(cell, cell) for cell in range(6)])
    np.testing.assert_array_equal(whole, there)
    moved = swaps.composite([(0, 5)])  # the last block has two rows; the second is repeated
    np.testing.assert_array_equal(moved[:2, :3], there[6:, 3:])
    np.testing.assert_array_equal(moved[2, :3], there[7, 3:])
    np.testing.assert_array_equal(moved[3:], here[3:])


def test_the_layer_is_the_last_with_enough_places():
    assert swap_layer(PROBE, None) == "first"
    assert swap_layer(PROBE, "last") == "last"
    with pytest.raises(WorkbenchError, match="There is no layer 'moon'"):
        swap_layer(PROBE, "moon")
    small = keras.Sequential([keras.Input((5, 5, 1)), layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(2)])
    assert swap_layer(Probe(small), None) == small.layers[0].name
    flat = keras.Sequential([keras.Input((5, 5, 1)), layers.Flatten(), layers.Dense(2)])
    with pytest.raises(WorkbenchError, match="This model has no"):
        swap_layer(Probe(flat), None)
