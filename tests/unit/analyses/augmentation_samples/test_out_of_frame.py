from dataclasses import replace

import numpy as np
import pytest

from analyses.augmentation_samples.out_of_frame import erased_share, share_outside
from workbench.training.augmentation.draws import Draws
from workbench.training.recipes import Recipe


def drawn(count=1, **changes):
    still = Draws.of(count, (4, 5), Recipe(), 0, 0)
    return replace(still, mirrored=np.zeros(count, bool), **changes)


def mask(*rows):
    return np.array([[each == "#" for each in row] for row in rows])[None]


CORNER = mask("##...", "##...", ".....", ".....")


@pytest.mark.parametrize(
    ("move", "share"), [((0, 0), 0), ((-1, 0), 0.5), ((-1, -1), 0.75), ((2, 3), 0), ((3, 0), 0.5), ((0, 5), 1)]
)
def test_what_is_moved_out(move, share):
    assert share_outside(CORNER, drawn(moves=np.array([move], np.int32)))[0] == share


def test_a_mirrored_image_is_moved_as_it_then_is():
    draws = replace(drawn(moves=np.array([[0, 1]], np.int32)), mirrored=np.array([True]))
    assert share_outside(CORNER, draws)[0] == 0.5


def test_what_is_enlarged_or_turned_out():
    middle = mask(".....", ".###.", ".###.", ".....")
    assert share_outside(middle, drawn(scales=np.array([1.5], np.float32)))[0] == 0
    assert share_outside(middle, drawn(scales=np.array([3], np.float32)))[0] == pytest.approx(
        4 / 6
    )  # the outer columns
    edge = mask("#.....#", ".......", "#.....#")
    quarter = drawn(angles=np.array([np.pi / 2], np.float32))
    assert share_outside(edge, quarter)[0] == 1  # columns 0 and 6 become rows 4 and -2
    assert share_outside(mask(".....", "..#..", "..#..", "....."), quarter)[0] == 0


def test_nothing_of_nothing_is_no_number():
    assert np.isnan(share_outside(mask(".....", "....."), drawn())[0])
    assert np.isnan(erased_share(mask(".....", "....."), drawn())[0])


def test_how_much_the_rectangle_hides():
    draws = drawn(2, boxes=np.array([[0, 1, 2, 5], [0, 0, 0, 0]], np.int32))
    assert erased_share(np.repeat(CORNER, 2, axis=0), draws).tolist() == [0.5, 0]
