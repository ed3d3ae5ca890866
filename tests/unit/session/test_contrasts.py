import numpy as np
import pytest

from workbench.core.attribution import Attribution
from workbench.core.predictions import Predictions
from workbench.session import contrasts


def test_cells_keep_the_sum_also_where_the_image_does_not_divide():
    values = np.random.default_rng(0).normal(size=(2, 10, 17))
    cells = contrasts.sum_over_cells(values)
    assert cells.shape == (2, 7, 7)
    np.testing.assert_allclose(cells.sum(axis=(1, 2)), values.sum(axis=(1, 2)))
    np.testing.assert_allclose(cells[0, 0, 0], values[0, :2, :3].sum())
    assert contrasts.sum_over_cells(np.ones((1, 3, 20)))[0, :, 0].tolist() == [3, 3, 3]


def test_a_coarse_map_is_spread_without_losing_any_of_it():
    values = np.array([[[1, -2], [0, 4]]], np.float32)
    found = Attribution(
        values,
        target=np.zeros(1),
        score="contrast",
        signed=True,
        method="hires-cam",
        params={},
        layer="conv",
        image_size=(4, 6),
    )
    whole = contrasts.spread_over_pixels(found)
    np.testing.assert_allclose(whole.sum(), 3)
    np.testing.assert_allclose(whole[0, 0, 0], 1 / (2 * 3))  # a corner pixel belongs to its place alone
    assert whole[0, 0, 2] == pytest.approx((2 / 3 * 1 + 1 / 3 * -2) / 6)


def test_what_lies_on_object_and_background():
    values = np.array([[[2, -1], [-3, 0]], [[1, 1], [1, -1]], [[1, 1], [1, 1]]], np.float64)
    masks = np.array([[[1, 1], [0, 0]], [[1, 1], [1, 1]], [[1, 0], [0, 0]]], bool)
    on, beyond, share = contrasts.on_object_and_background(values, masks)
    assert on.tolist() == [1, 2, 1]
    np.testing.assert_array_equal(beyond, [-3, np.nan, 3])  # the second has no plain background
    np.testing.assert_array_equal(share, [3 / 4, np.nan, np.nan])  # in the third nothing speaks for the other class


def test_the_share_of_a_cell_that_an_object_covers():
    mask = np.zeros((1, 14, 14), bool)
    mask[0, :2, 1:4] = True
    assert contrasts.coverage(mask)[0, 0, :3].tolist() == [0.5, 1, 0]


@pytest.mark.parametrize(
    ("cell", "said"),
    [((0, 6), "top right"), ((3, 3), "middle"), ((6, 3), "bottom"), ((3, 0), "left"), ((6, 0), "bottom left")],
)
def test_where_half_of_a_map_lies(cell, said):
    cells = np.full((7, 7), 0.01)
    cells[cell] = -3
    places, weights, words = contrasts.core(cells)
    assert places.tolist() == [cell[0] * 7 + cell[1]]
    assert weights.tolist() == [1]
    assert words == said


def test_the_rival_is_the_predicted_class_or_the_second_one():
    logits = np.array([[1, 5, 3], [9, 5, 3], [0, 0, 0]], np.float32)
    predictions = Predictions(logits, np.array([0, 0, 1]))
    assert contrasts.rivals(predictions, np.arange(3)).tolist() == [1, 1, 0]
    assert predictions.logits is logits
    assert logits[0, 0] == 1  # nothing was written
    assert contrasts.margins(predictions, np.array([0, 1]), 0, np.array([1, 2])).tolist() == [-4, 6]
