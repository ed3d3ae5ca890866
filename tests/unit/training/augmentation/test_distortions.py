import numpy as np
import pytest

from workbench.training.augmentation.distortions import adjust_tone, erase, rotate_and_zoom, shift


def test_moved_by_whole_pixels_with_black_coming_in():
    image = np.arange(1, 7, dtype=np.uint8).reshape(1, 2, 3, 1)
    stack = np.repeat(image, 3, axis=0)
    result = np.asarray(shift(stack, np.array([[0, 0], [1, -2], [-1, 1]], np.int32), 2))[..., 0]
    assert result.tolist() == [[[1, 2, 3], [4, 5, 6]], [[0, 0, 0], [3, 0, 0]], [[0, 4, 5], [0, 0, 0]]]


def four(values):
    return np.array(values, np.float32)[None, :, :, None]


def test_a_quarter_turn_is_counter_clockwise_and_a_half_turn_mirrors_both_ways():
    image = four([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    for angle, expected in (
        (90, [[3, 6, 9], [2, 5, 8], [1, 4, 7]]),
        (-90, [[7, 4, 1], [8, 5, 2], [9, 6, 3]]),
        (180, [[9, 8, 7], [6, 5, 4], [3, 2, 1]]),
    ):
        found = rotate_and_zoom(image, np.deg2rad(np.array([angle], np.float32)), np.ones(1, np.float32))
        np.testing.assert_allclose(np.asarray(found)[0, :, :, 0], expected, atol=1e-5)


def test_enlarged_by_two_the_middle_fills_the_image_and_shrunk_the_border_goes_on():
    image = four([[0, 0, 0, 0, 0]] * 2 + [[0, 0, 8, 0, 0]] + [[0, 0, 0, 0, 0]] * 2)
    found = np.asarray(rotate_and_zoom(image, np.zeros(1, np.float32), np.array([2], np.float32)))[0, :, :, 0]
    assert found[2].tolist() == [0, 4, 8, 4, 0]  # read half a pixel apart, bilinearly
    ramp = four([[1, 2, 3]] * 3)
    found = np.asarray(rotate_and_zoom(ramp, np.zeros(1, np.float32), np.array([0.5], np.float32)))[0, 1, :, 0]
    assert found.tolist() == [1, 2, 3]  # read at -1, 1, 3: the border's pixels outside


def test_contrast_is_about_the_mean_and_brightness_is_added():
    image = np.array([[[[0.2], [0.6]]]], np.float32)
    found = adjust_tone(image, np.array([0.1], np.float32), np.array([0.5], np.float32))
    assert np.asarray(found).ravel().tolist() == pytest.approx([0.4, 0.6])  # 0.4 ∓ 0.1, + 0.1
    assert np.asarray(adjust_tone(image, np.array([0.9], np.float32), np.ones(1, np.float32))).max() == 1


def test_only_the_rectangle_is_erased_and_its_noise_is_the_same_again():
    images = np.full((2, 4, 5, 3), 2, np.float32)  # no noise is 2
    boxes = np.array([[1, 2, 3, 5], [0, 0, 0, 0]], np.int32)
    seed = np.array([3, 4], np.int32)
    found = np.asarray(erase(images, boxes, seed))
    changed = (found != 2).all(axis=-1)
    assert np.argwhere(changed).tolist() == [[0, y, x] for y in (1, 2) for x in (2, 3, 4)]
    assert found[0, 1:3, 2:].std() > 0.1
    assert np.array_equal(found, erase(images, boxes, seed))
    assert not np.array_equal(found, erase(images, boxes, seed + 1))
