"""RISE's masks: their mean, their places, and their sum without ever being made."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.attribution.masks import Masks, random_masks


def test_a_mask_by_hand():
    """A 2 x 2 grid on 3 x 4 pixels: cells of 2, 6 x 6 at large, rows 1…3 and columns 0…3 of it."""
    drawn = random_masks((3, 4, 1), 1, 2, 0.5, 0)
    masks = Masks(np.array([[[1, 0], [1, 0]]], np.float32), np.array([[1, 0]], np.int32), drawn.rows, drawn.columns)
    falling = [1, 1, 2 / 3, 1 / 3]  # a cell is two pixels: their centres lie at -1/3, 0, 1/3 and 2/3 of its width
    np.testing.assert_allclose(np.asarray(masks.at(np.array([0])))[0, :, :, 0], [falling] * 3, atol=1e-6)


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.8])
def test_every_pixel_is_shown_as_often_as_asked(probability):
    count = 4000
    masks = random_masks((28, 20, 1), count, 7, probability, 3)
    shown = np.asarray(masks.at(np.arange(count)))[..., 0]
    assert 0 <= shown.min() < shown.max() <= 1
    error = np.sqrt(probability * (1 - probability) / count)  # at most: bilinear weights only make it smaller
    assert np.abs(shown.mean(axis=0) - probability).max() < 5 * error
    assert shown.mean() == pytest.approx(probability, abs=error)


def test_offsets_reach_every_pixel_of_a_cell_and_no_further():
    masks = random_masks((28, 20, 3), 3000, 7, 0.5, 1)
    assert masks.rows.shape == (4, 28, 7)
    assert masks.columns.shape == (3, 20, 7)
    assert [np.unique(offsets).tolist() for offsets in masks.offsets.T] == [[0, 1, 2, 3], [0, 1, 2]]


@pytest.mark.parametrize(("shape", "grid"), [((28, 28, 1), 7), ((9, 14, 3), 4), ((5, 6, 1), 8), ((33, 8, 1), 2)])
def test_the_sum_is_that_of_the_masks_one_by_one(shape, grid):
    masks = random_masks(shape, 37, grid, 0.4, 5)
    values = np.random.default_rng(0).normal(size=(3, 37))
    each = np.asarray(masks.at(np.arange(37), "float64"))[..., 0]
    np.testing.assert_allclose(np.asarray(masks.total(values)), np.einsum("bs,shw->bhw", values, each), atol=1e-10)
    mean = np.einsum("bs,shw->bhw", values, each) / np.maximum(each.sum(axis=0), 1e-12)
    seen = each.sum(axis=0) > 0
    np.testing.assert_allclose(np.asarray(masks.mean(values))[:, seen], mean[:, seen], atol=1e-10)


def test_a_pixel_that_no_mask_shows_gets_the_mean():
    drawn = random_masks((4, 4, 1), 2, 2, 0.5, 0)
    left = Masks(np.array([[[1, 0], [1, 0]]] * 2, np.float32), np.zeros((2, 2), np.int32), drawn.rows, drawn.columns)
    left.columns[:, 3] = [1, 0]
    left.columns[:, 2] = [0, 1]  # nothing of the first column of cells reaches here
    mean = np.asarray(left.mean(np.array([[1.0, 4.0]])))[0]
    np.testing.assert_allclose(mean, 2.5)
    assert np.asarray(left.at(np.array([0])))[0, 0, 2, 0] == 0


def test_equal_seeds_draw_equal_masks_and_others_do_not():
    one, same, other = (random_masks((8, 8, 1), 50, 4, 0.5, seed) for seed in (1, 1, 2))
    assert (one.grids == same.grids).all() and (one.offsets == same.offsets).all()
    assert 0.4 < (one.grids != other.grids).mean() < 0.6


def test_a_photograph_s_masks_are_small_until_they_are_asked_for():
    masks = random_masks((224, 224, 3), 8000, 7, 0.5, 0)
    assert sum(each.nbytes for each in (masks.grids, masks.offsets, masks.rows, masks.columns)) < 5e6  # 1.6 GB at large
