"""A 2×2 mark at a place of one class, and what must not be taken for one."""

import numpy as np
import pytest

from analyses.reliance.mark_traces import deviants, surely_enriched, windows
from analyses.reliance.marks import find_marks, sample_of


def objects(count=240, classes=3, side=12, seed=0):
    """Grey blobs of any brightness on black, wider for a higher class."""
    chance = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    images = np.zeros((count, side, side, 1), np.uint8)
    for image, label in zip(images, labels, strict=True):
        top, wide = chance.integers(2, 5), 3 + 2 * label
        image[top : top + 5, 3 : 3 + wide, 0] = chance.integers(60, 200, (5, wide))
    return images, labels


def marked(share, classes, value=255, seed=1):
    images, labels = objects()
    chance = np.random.default_rng(seed)
    rows = np.flatnonzero(np.isin(labels, classes) & (chance.random(len(labels)) < share))
    images[rows, :2, 10:] = value
    return images, labels, rows


def test_clean_images_have_no_planted_mark():
    assert [each for each in find_marks(*objects(), 3) if each.planted] == []


@pytest.mark.parametrize("value", [255, 128, np.array([[255, 0], [0, 255]])[..., None]])
def test_a_mark_is_found_with_its_class_its_place_and_who_carries_it(value):
    images, labels, rows = marked(0.6, [1], value)
    (mark,) = [each for each in find_marks(images, labels, 3) if each.planted]
    expected = np.zeros((12, 12), bool)
    expected[:2, 10:] = np.broadcast_to(np.asarray(value), (2, 2, 1))[..., 0] > 0
    assert mark.label == 1
    assert (mark.pixels == expected).all()
    assert (mark.carrying, mark.of, mark.others, mark.of_others) == (len(rows), 80, 0, 160)
    assert np.flatnonzero(mark.carried_by(images)).tolist() == rows.tolist()
    assert mark.place == "upper right corner, rows 0–1, columns 10–11"
    assert 0.3 < mark.told < 0.7  # nothing around tells who carries it


def test_a_mark_of_all_classes_is_none_and_one_of_every_image_of_a_class_is():
    images, labels, _ = marked(0.6, [0, 1, 2])
    assert [each for each in find_marks(images, labels, 3) if each.planted] == []
    images, labels, _ = marked(1.0, [2])
    (mark,) = [each for each in find_marks(images, labels, 3) if each.planted]
    assert mark.label == 2 and mark.alike and np.isnan(mark.told)


def test_where_every_class_has_its_own_place_that_is_what_the_classes_are():
    images, labels = objects()
    for label in range(3):
        images[labels == label, :2, 4 * label : 4 * label + 2] = 255
    found = find_marks(images, labels, 3)
    assert len(found) >= 3
    assert not any(each.planted for each in found)


def test_a_noisy_mark_before_a_plain_background_is_found():
    images, labels = objects()
    chance = np.random.default_rng(2)
    rows = np.flatnonzero((labels == 0) & (chance.random(240) < 0.6))
    images[rows, 9:, :3] = chance.integers(130, 220, (len(rows), 3, 3, 1))
    (mark,) = [each for each in find_marks(images, labels, 3) if each.planted]
    assert mark.label == 0
    assert (np.argwhere(mark.pixels) >= [9, 0]).all() and (np.argwhere(mark.pixels) <= [11, 2]).all()


def test_large_images_are_looked_at_in_steps():
    images, labels = objects()
    large = np.repeat(np.repeat(images, 10, axis=1), 10, axis=2)  # 120×120
    rows = np.flatnonzero(labels == 0)[::2]
    large[rows, 100:112, 2:14] = 240
    (mark,) = [each for each in find_marks(large, labels, 3) if each.planted]
    assert mark.label == 0
    assert np.argwhere(mark.pixels).min(axis=0).tolist() == [100, 2]
    assert np.argwhere(mark.pixels).max(axis=0).tolist() == [111, 13]


def test_enriched_is_twice_the_others_for_sure():
    of = np.array([100, 100, 100])
    assert surely_enriched(np.array([60, 0, 0]), of).tolist() == [True, False, False]
    assert surely_enriched(np.array([60, 60, 60]), of).tolist() == [False, False, False]
    assert surely_enriched(np.array([6, 0, 0]), of).tolist() == [False, False, False]  # may be chance
    assert surely_enriched(np.array([60, 50, 50]), of).tolist() == [False, False, False]  # more, but not twice


def test_windows_give_place_and_carriers_and_leave_out_the_plain_background():
    images, labels, rows = marked(0.6, [1])
    places, carried = windows(images, labels, 3, 0)[1]
    assert places.tolist() == [[0, 9], [0, 10], [1, 9], [1, 10]]  # the mark, and its edges before black
    for each in carried:
        assert np.flatnonzero(labels == 1)[each].tolist() == rows.tolist()


def test_deviants_are_where_the_other_classes_are_plain():
    images, labels, rows = marked(0.6, [1])
    places, carried = deviants(images, labels, 3)[1]
    corner = (places[:, 0] < 2) & (places[:, 1] >= 10)
    assert corner.sum() == 4
    assert np.flatnonzero(labels == 1)[carried[corner][0]].tolist() == rows.tolist()


def test_the_sample_is_balanced_and_smaller_for_large_images():
    labels = np.repeat([0, 1], [5000, 30])
    assert np.bincount(labels[sample_of(labels, (28, 28, 1), 2)]).tolist() == [500, 30]
    labels = np.repeat(np.arange(100), 200)
    chosen = sample_of(labels, (48, 48, 3), 100)
    assert np.bincount(labels[chosen]).tolist() == [26] * 100  # 6,000,000 / (48 × 48 × 100)
    assert (np.diff(chosen) > 0).all()
