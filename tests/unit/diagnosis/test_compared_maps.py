"""Maps of one image by two models: on linear ones, where the map is the pixels times the weights."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest

import workbench as wb
from tests.unit.diagnosis.test_comparison import NAMES, data
from workbench.attribution.map_difference import difference_of
from workbench.core.attribution import Attribution
from workbench.core.errors import WorkbenchError
from workbench.diagnosis.comparison import compare

LABELS = [0, 1, 2, 0, 1, 2]


def linear(kernel):
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(3, use_bias=False)])
    model.set_weights([kernel])
    return model


@pytest.fixture(scope="module")
def kernels():
    return np.random.default_rng(0).normal(size=(2, 16, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def compared(kernels):
    """The second knows the classes, and has the images, in another order."""
    kinds, order = ("fox", "cat", "dog"), np.array([5, 3, 4, 0, 2, 1])
    one = data(LABELS)
    one.images[:, 1:] = np.random.default_rng(1).integers(0, 256, (6, 3, 4, 1))
    other = data([kinds.index(NAMES[label]) for label in LABELS], order=order, names=kinds)
    other.images[:] = one.images[order]
    second = kernels[1][:, [NAMES.index(name) for name in kinds]]
    sessions = (
        wb.Session(linear(kernels[0]), one, name="old", preprocessing="unit", cache=False),
        wb.Session(linear(second), other, name="new", preprocessing="unit", cache=False),
    )
    return compare(*sessions)


def test_both_are_explained_for_one_class_and_subtracted(compared, kernels):
    made = compared.maps("test/4", "input-x-gradient", target="dog")
    pixels = compared.first.dataset.images[4].reshape(16) / 255
    expected = [(pixels * kernel[:, 1]).reshape(4, 4) for kernel in kernels]
    for each, values in zip((made.first, made.second), expected, strict=True):
        np.testing.assert_allclose(each.values[0], values, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(made.difference.values[0], expected[1] - expected[0], rtol=1e-4, atol=1e-5)
    assert (made.explained, made.label, made.names) == ("dog", "dog", ("old", "new"))
    assert made.predicted == (NAMES[compared.before.predicted[4]], NAMES[compared.after.predicted[4]])
    contrast = compared.maps(4, "input-x-gradient", contrast=("fox", "cat"))
    apart = [(pixels * (kernel[:, 2] - kernel[:, 0])).reshape(4, 4) for kernel in kernels]
    np.testing.assert_allclose(contrast.difference.values[0], apart[1] - apart[0], rtol=1e-4, atol=1e-5)
    assert contrast.explained == "fox rather than cat"


def test_the_figure_has_both_maps_and_their_difference_on_one_scale(compared):
    made = compared.maps("test/4", "input-x-gradient", target="dog")
    figure = made.draw()
    words = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert {"old", "new", "difference", "new − old", "true dog"} <= set(words)
    assert len(figure.axes) == 2  # the pictures and one colour bar
    largest = max(np.abs(each.values).max() for each in (made.first, made.second, made.difference))
    assert figure.axes[1].get_ylim()[1] == pytest.approx(largest)
    assert len(compared.maps("test/4", "saliency").draw().axes) == 3  # of an unsigned map, and of the difference
    assert made.record["largest_difference"] == pytest.approx(float(np.abs(made.difference.values).max()))


def test_what_cannot_be_compared_is_a_sentence(compared):
    with pytest.raises(WorkbenchError, match="There is no image"):
        compared.maps("nowhere.png")
    with pytest.raises(WorkbenchError, match=r"test/0 is not among the 2 images that are compared\."):
        compare(compared.first, compared.second, where="label:dog").maps("test/0")
    made = compared.maps("test/4", "saliency").first
    with pytest.raises(WorkbenchError, match="Got 4×4 and 8×8 pixels"):
        difference_of(made, replace(made, image_size=(8, 8)))


def test_maps_of_two_resolutions_are_subtracted_at_the_pixels(compared):
    made: Attribution = compared.maps("test/4", "saliency").first
    coarse = replace(made, values=np.array([[[1, 3]]], np.float32), layer="conv", unit="logit")
    gap = difference_of(made, coarse)
    assert (gap.signed, gap.layer, gap.values.shape) == (True, None, (1, 4, 4))
    np.testing.assert_allclose(gap.values[0], np.array([[1, 1.5, 2.5, 3]] * 4) - made.values[0], rtol=1e-6)
    assert gap.unit == f"logit less {made.unit}"
