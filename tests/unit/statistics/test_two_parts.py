import numpy as np
import pytest

from workbench.statistics.two_parts import LEAST, two_parts


def clouds(chance, sizes, apart):
    """Vectors round two directions, `apart` standard deviations from each other, in 16 dimensions."""
    which = np.repeat([0, 1], sizes)
    vectors = chance.normal(size=(len(which), 16)) + 8.0  # as of activations, far from the origin
    vectors[which == 1, :8] += apart / np.sqrt(8)
    order = chance.permutation(len(which))
    return vectors[order], which[order]


@pytest.mark.parametrize("seed", range(3))
def test_two_clouds_far_apart_are_found_and_each_image_is_in_its_own(seed):
    vectors, which = clouds(np.random.default_rng(seed), (180, 120), 12)
    found = two_parts(vectors, seed=seed)
    assert found.separate and found.valley < 0.05
    assert np.array_equal(found.parts, which)  # the smaller one is 1
    assert found.share == 0.4


def lengths(chance):
    """One direction, more or less of it."""
    return (1 + chance.normal(size=(300, 16)) / 20) * chance.choice([1, 9], (300, 1))


ONE = {
    "one cloud": lambda chance: chance.normal(size=(300, 16)) + 8,
    "clouds that touch": lambda chance: clouds(chance, (150, 150), 2.5)[0],
    "a rod": lambda chance: chance.normal(size=(300, 16)) / 5 + 8 + chance.random((300, 1)) * np.eye(16)[:1] * 9,
    "two lengths of one direction": lengths,
    "a few strangers": lambda chance: clouds(chance, (285, 15), 12)[0],
    "all the same": lambda _: np.ones((300, 16)),
    "of a few values": lambda chance: np.eye(16)[chance.integers(0, 3, 300)],
    "of one number": lambda chance: chance.random((300, 1)),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shape", ONE)
def test_one_part_is_not_made_two(shape, seed):
    assert not two_parts(ONE[shape](np.random.default_rng(seed)), seed=seed).separate


def test_of_a_few_nothing_is_told():
    vectors, _ = clouds(np.random.default_rng(0), (60, 60), 12)
    assert two_parts(vectors[: LEAST - 1]) is None
    assert two_parts(vectors[:LEAST]).separate


def test_it_is_the_same_each_time():
    vectors, _ = clouds(np.random.default_rng(0), (90, 90), 4)
    one, other = two_parts(vectors), two_parts(vectors)
    assert np.array_equal(one.parts, other.parts)
    assert (one.valley, one.gain) == (other.valley, other.gain)
