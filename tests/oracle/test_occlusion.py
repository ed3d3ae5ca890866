"""Occlusion against section 4.2 of arXiv:1311.2901 in float64."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from workbench.attribution.methods import explainer
from workbench.core.errors import WorkbenchError
from workbench.core.params import make
from workbench.models.probe import Probe


def starts(side, size, stride):
    """Where the patches begin: every `stride` pixels, and the last one moved inside; one that is too long is cut."""
    size = min(size, side)
    found = list(range(0, side - size + 1, stride))
    return found if found[-1] == side - size else [*found, side - size]


def replica(case, number, score, size, stride, reference):
    """M_ij = mean over the patches q that cover (i, j) of s(x) - s(x with q filled)."""
    image = case.images[number].astype(np.float64)
    fill = {"black": 0.0, "grey": 0.5, "white": 1.0, "mean": image.mean(axis=(0, 1))}[reference]
    whole = case.value(image, number, score)
    total, count = np.zeros(image.shape[:2]), np.zeros(image.shape[:2])
    for top in starts(image.shape[0], size, stride):
        for left in starts(image.shape[1], size, stride):
            hidden = image.copy()
            hidden[top : top + size, left : left + size] = fill
            total[top : top + size, left : left + size] += whole - case.value(hidden, number, score)
            count[top : top + size, left : left + size] += 1
    return total / count


@pytest.mark.parametrize(
    ("score", "size", "stride", "reference"),
    [
        ("logit", 3, 3, "black"),
        ("probability", 4, 1, "grey"),
        ("contrast", 3, 2, "mean"),
        ("logit", 2, 2, "white"),
        ("logit", 8, 5, "black"),  # wider than the narrowest of the images
    ],
)
def test_every_model(case, agree, score, size, stride, reference):
    expected = np.stack([replica(case, n, score, size, stride, reference) for n in range(len(case.images))])
    values = case.attribute("occlusion", score, size=size, stride=stride, reference=reference)
    agree(values, expected, 1e-4, "occlusion")


def test_left_to_itself_a_patch_is_a_seventh_of_the_image_and_moves_by_half(case, agree):
    """On 8x8 to 10x9 pixels a seventh is one pixel."""
    expected = np.stack([replica(case, n, "logit", 1, 1, "black") for n in range(len(case.images))])
    agree(case.attribute("occlusion"), expected, 1e-4, "occlusion")


def test_a_patch_is_as_large_as_a_stride_that_is_given_alone(case, agree):
    expected = np.stack([replica(case, n, "logit", 3, 3, "black") for n in range(len(case.images))])
    agree(case.attribute("occlusion", stride=3), expected, 1e-4, "occlusion")


def test_a_stride_that_would_leave_gaps_is_refused():
    said = "`stride` must be at most `size`.*Got stride 5 with size 4: choose a size of 5 or more"
    with pytest.raises(WorkbenchError, match=said):
        make(explainer("occlusion"), {"size": "4", "stride": "5"})
    with pytest.raises(ValueError, match=said):
        explainer("occlusion")(size=4, stride=5)


@pytest.fixture(scope="module")
def linear():
    """s_c(x) = sum_ij w_ijc x_ij + b_c on 28x28 pixels, and w as float64."""
    model = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(3)])
    chance = np.random.default_rng(2)
    model.set_weights([chance.normal(0, 1, each.shape) for each in model.get_weights()])
    return Probe(model), model.get_weights()[0].astype(np.float64).reshape(28, 28, 3)


@pytest.mark.parametrize(("reference", "fill"), [("black", 0.0), ("grey", 0.5), ("white", 1.0), ("mean", None)])
def test_on_a_linear_model_a_pixel_hidden_alone_is_worth_its_weight_times_what_changes(linear, reference, fill):
    probe, weights = linear
    images = np.random.default_rng(3).random((2, 28, 28, 1), np.float32)
    wide = images.astype(np.float64)[..., 0]
    base = wide.mean(axis=(1, 2), keepdims=True) if fill is None else fill
    values = explainer("occlusion")(size=1, stride=1, reference=reference).attribute(probe, images, np.array([0, 2]))
    expected = weights[:, :, [0, 2]].transpose(2, 0, 1) * (wide - base)
    np.testing.assert_allclose(values.values, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize(("size", "stride"), [(3, 3), (4, 2), (5, 5), (28, 7), (40, 30), (27, 1), (1, 1), (9, 4)])
def test_on_a_linear_model_the_map_is_the_mean_over_the_patches_there_and_no_pixel_is_left_out(linear, size, stride):
    """28 = 9 x 3 + 1: the last patch of three is moved inside, else column 27 would be under none."""
    probe, weights = linear
    image = np.random.default_rng(4).random((1, 28, 28, 1), np.float32)
    worth = weights[:, :, 1] * image[0, :, :, 0]
    total, count = np.zeros((28, 28)), np.zeros((28, 28))
    for top in starts(28, size, stride):
        for left in starts(28, size, stride):
            place = np.s_[top : top + size, left : left + size]
            total[place] += worth[place].sum()
            count[place] += 1
    assert count.min() >= 1
    values = explainer("occlusion")(size=size, stride=stride).attribute(probe, image, np.array([1])).values[0]
    expected = total / count
    np.testing.assert_allclose(values, expected, atol=2e-4 * np.abs(expected).max())


def test_a_photograph_with_as_many_patches_as_pixels_needs_no_memory_for_all_of_them():
    """All 50,176 patches at full size would be 10 GB; they are kept as strips of rows and columns."""
    from workbench.attribution.patches import sliding_patches

    patches = sliding_patches((224, 224, 3), 1, 1)
    assert len(patches) == 224 * 224
    assert patches.rows.nbytes + patches.columns.nbytes < 1e6
    some = np.asarray(patches.at(np.array([0, 225, 224 * 224 - 1])))[..., 0]
    assert [tuple(map(int, np.argwhere(each)[0])) for each in some] == [(0, 0), (1, 1), (223, 223)]
    assert some.sum() == 3
    drops = np.arange(224 * 224, dtype=np.float32)[None]
    np.testing.assert_array_equal(np.asarray(patches.mean(drops))[0].ravel(), drops[0])
