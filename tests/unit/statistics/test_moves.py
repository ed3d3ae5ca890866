"""An image is known again mirrored, turned and shifted, and not otherwise."""

import numpy as np
import pytest

from workbench.statistics.moves import Moves


def images(seed=0, count=6, shape=(9, 9, 1)):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


@pytest.mark.parametrize("shape", [(9, 9, 1), (9, 9, 3)])
@pytest.mark.parametrize(
    ("way", "move"),
    [
        ("mirrored", lambda x: x[:, ::-1]),
        ("mirrored", lambda x: x[::-1]),
        ("turned", lambda x: x[::-1, ::-1]),
        ("turned", np.rot90),
        ("turned", lambda x: np.rot90(x, 3)),
        ("shifted", lambda x: np.roll(x, 1, axis=0)),
        ("shifted", lambda x: np.roll(x, (-1, 1), axis=(0, 1))),
    ],
)
def test_a_moved_image_is_found_and_only_it(way, move, shape):
    made = images(shape=shape)
    made[4] = move(made[1])
    moves = Moves(*shape)
    found = moves.matches(moves.codes(made))
    assert {name: pairs.tolist() for name, pairs in found.items() if len(pairs)} == {way: [[1, 4]]}


def test_what_is_nearly_mirrored_is_not():
    made = images()
    made[4] = made[1][:, ::-1]
    made[4, 3, 3] ^= 1
    moves = Moves(9, 9, 1)
    assert not any(len(pairs) for pairs in moves.matches(moves.codes(made)).values())


def test_an_image_of_one_colour_is_nobody_s_copy():
    made = images()
    made[1], made[4] = 7, 7
    made[4, 0, 0] = 9
    moves = Moves(9, 9, 1)
    assert np.isnan(moves.codes(made)[[1, 4]]).all()
    assert not any(len(pairs) for pairs in moves.matches(moves.codes(made)).values())
