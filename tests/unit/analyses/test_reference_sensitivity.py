from dataclasses import replace

import keras
import numpy as np
import pytest

from analyses.reference_sensitivity import ReferenceSensitivity, ReferenceSensitivityParams
from workbench.core.dataset import Dataset
from workbench.session.session import Session

PIXELS = np.zeros((4, 5, 5, 1), np.uint8)
PIXELS[:, 1:4, 1:4, 0] = np.arange(20, 56).reshape(4, 3, 3) * 4  # an object of nine pixels on black


class Leaking(Session):
    """Gives a black pixel what integrated gradients from black cannot."""

    def attribute(self, method, rows, **params):
        found = super().attribute(method, rows, **params)
        values = found.values.copy()
        values[:, 0, 0] += 0.125
        return replace(found, values=values)


class Missing(Session):
    """Scores differ from any reference by 1 and -1 alike, and each map misses that by a given share."""

    share = 0.0

    def attribute(self, method, rows, **params):
        found = super().attribute(method, rows, **params)
        values = np.zeros_like(found.values)
        signs = np.resize([1, -1, 1, -1], len(rows))
        values[:, 1:4, 1:4] = np.multiply.outer(signs * (1 + self.share), np.arange(9).reshape(3, 3) / 36)
        return replace(found, values=values, details={**found.details, "completeness gap": signs * self.share})


def session(kind=Session, rows=5):
    """A linear model that sees the upper `rows` rows."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((5, 5, 1)), keras.layers.Flatten(), keras.layers.Dense(2, use_bias=False)])
    (kernel,) = model.get_weights()
    model.set_weights([kernel * (np.arange(25) < 5 * rows)[:, None]])
    return kind(
        model,
        Dataset(PIXELS, np.array([0, 1, 0, 1]), class_names=("a", "b"), indices=np.arange(4), name="hand/test"),
        cache=False,
    )


def claims(result, words):
    return [finding.claim for finding in result.findings if words in finding.claim]


@pytest.fixture(scope="module")
def result():
    return ReferenceSensitivity().compute(session(), ReferenceSensitivityParams(steps=2, examples=2))


def test_on_a_linear_model_the_map_is_the_weights_times_the_way_from_the_reference(result):
    opened = session()
    table, weights = result.tables["images"], opened.model.get_weights()[0]
    images = PIXELS[table["row"]].reshape(4, 25) / 255
    own = weights.T[opened.predictions.predicted[table["row"]]]  # (N, 25)
    np.testing.assert_allclose(table["difference_black"], (images * own).sum(axis=1), rtol=1e-4)
    from_mean = (images - images.mean(axis=1, keepdims=True)) * own
    np.testing.assert_allclose(table["difference_mean"], from_mean.sum(axis=1), rtol=1e-3, atol=1e-5)
    inside = (images > 0).astype(float)
    share = (np.abs(from_mean) * (1 - inside)).sum(axis=1) / np.abs(from_mean).sum(axis=1)
    np.testing.assert_allclose(table["background_mean"], share, rtol=1e-4)
    assert table["background_black"].tolist() == [0, 0, 0, 0]
    assert np.abs(table["gap_black"]).max() < 1e-5


def test_black_pixels_are_counted_and_their_attribution_looked_at(result):
    (said,) = claims(result, "equal the black reference")
    assert said.startswith("64.0 % of the pixels, 64 of 100, equal the black reference.")
    assert said.endswith("Their attribution is exactly 0, even if the model uses them.")


def test_were_a_black_pixel_given_something_it_would_be_said():
    (said,) = claims(
        ReferenceSensitivity().compute(session(Leaking), ReferenceSensitivityParams(steps=2)),
        "equal the black reference",
    )
    assert said.endswith("Their attribution is at most 0.12.")


def test_a_row_that_the_model_does_not_see_is_told_apart_from_one_that_equals_the_reference(result):
    assert claims(result, "the score does not depend on them") == []
    found = ReferenceSensitivity().compute(session(rows=4), ReferenceSensitivityParams(steps=2))
    (said,) = claims(found, "the score does not depend on them")
    assert said.startswith("20.0 % of the pixel positions have an attribution of exactly 0 in each of 4 images under")


@pytest.mark.parametrize(("share", "coarse"), [(0.04, False), (0.06, True)])
def test_maps_are_coarse_by_the_size_of_the_differences_not_by_what_is_left_of_their_signs(share, coarse):
    kind = type("Missed", (Missing,), {"share": share})
    found = ReferenceSensitivity().compute(session(kind), ReferenceSensitivityParams(steps=2))
    np.testing.assert_allclose(found.tables["references"]["difference"], 0, atol=1e-6)
    (said,) = [each for each in found.findings if "completeness gap" in each.claim]
    assert f"is {100 * share:.1f} % of the mean absolute score difference" in said.claim
    assert ("Give more `steps`" in said.advice) == coarse


def test_pairs_and_their_mean_agree(result):
    pairs, images = result.tables["pairs"], result.tables["images"]
    assert len(pairs) == 6
    assert pairs["spearman"].mean() == pytest.approx(images["agreement"].mean())
    assert result.findings[0].effect.value == pytest.approx(images["agreement"].mean())
    least = pairs.loc[pairs["spearman"].idxmin()]
    assert f"lowest for {least['reference']} and {least['other']}" in result.findings[0].claim


def test_the_figure_shows_four_references_beside_each_image_and_greys_exact_zeros(result, words):
    figure = ReferenceSensitivity().draw(replace(result, params=ReferenceSensitivityParams(examples=2).model_dump()))
    said = words(figure)
    assert said.count("reference") == 8
    assert {"black", "mean", "blurred", "training", "black – mean", "blurred – training"} <= set(said)
    pictures = [
        each.get_array() for axes in figure.findobj() if hasattr(axes, "get_images") for each in axes.get_images()
    ]
    black = next(each for each in pictures if each.shape == (5, 5, 3) and (each[0, 0] == 212).all())
    assert (black[0] == 212).all()
