import numpy as np

from workbench.training.augmentation.draws import Draws, rectangles
from workbench.training.recipes import Recipe

FIELDS = ("order", "mirrored", "moves", "angles", "scales", "brightness", "contrast", "boxes")


def draws(seed=0, epoch=0, count=500, **settings):
    return Draws.of(count, (20, 10), Recipe(**settings), seed, epoch)


def test_a_setting_changes_its_own_draws_and_no_others():
    plain = draws(shift=2)
    for setting, name in (
        ({"rotation": 30}, "angles"),
        ({"zoom": 0.3}, "scales"),
        ({"brightness": 0.3}, "brightness"),
        ({"contrast": 0.3}, "contrast"),
        ({"erasing": 0.5}, "boxes"),
    ):
        changed = draws(shift=2, **setting)
        different = [each for each in FIELDS if not np.array_equal(getattr(plain, each), getattr(changed, each))]
        assert different == [name]


def test_seed_and_epoch_decide_and_nothing_else():
    settings = {"rotation": 30, "zoom": 0.3, "erasing": 1, "brightness": 0.1, "contrast": 0.1, "shift": 3}
    for name in FIELDS:
        one = getattr(draws(1, 2, **settings), name)
        assert np.array_equal(one, getattr(draws(1, 2, **settings), name))
        assert not np.array_equal(one, getattr(draws(1, 3, **settings), name))
        assert not np.array_equal(one, getattr(draws(2, 2, **settings), name))


def test_draws_fill_the_range_that_is_asked_for():
    found = draws(rotation=90, zoom=0.4, brightness=0.2, contrast=0.5, count=5000)
    assert np.abs(np.rad2deg(found.angles)).max() <= 90
    assert np.abs(found.angles.mean()) < 0.05
    assert found.scales.min() >= 0.6
    assert found.scales.max() <= 1.4
    assert abs(found.scales.std() - 0.4 / 3**0.5) < 0.005
    assert abs(found.brightness.std() - 0.2 / 3**0.5) < 0.005
    assert abs(found.contrast.std() - 0.5 / 3**0.5) < 0.01


def test_rectangles_are_whole_inside_and_of_the_sizes_of_the_paper():
    boxes = rectangles(4000, (20, 10), Recipe(erasing=0.4, erasing_size=0.3), np.random.default_rng(0))
    erased = boxes[:, 2] > boxes[:, 0]
    assert 0.36 < erased.mean() < 0.44
    tall, wide = (boxes[erased, 2] - boxes[erased, 0]), (boxes[erased, 3] - boxes[erased, 1])
    assert boxes.min() >= 0
    assert (boxes[:, 2] <= 20).all()
    assert (boxes[:, 3] <= 10).all()
    shares = tall * wide / 200
    assert 0.01 < shares.min() < 0.03  # of 2 % at least, before it is rounded to whole pixels
    assert 0.27 < shares.max() < 0.34
    assert (boxes[erased, 0] == 0).any()
    assert (boxes[erased, 2] == 20).any()
    assert not rectangles(5, (20, 10), Recipe(), np.random.default_rng(0)).any()
