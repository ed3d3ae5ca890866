"""LIME against equation 2 of arXiv:1602.04938 in float64, with scikit-learn's ridge as a second witness of the fit."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest
from sklearn.linear_model import Ridge

from workbench.attribution.coalitions import coin_coalitions
from workbench.attribution.methods import explainer
from workbench.attribution.regions import segments
from workbench.models.probe import Probe


def regions_of(kind, image, side):
    """(H, W) number of each pixel's region: `side` cells along each side, no more than pixels, or SLIC's segments."""
    height, width = image.shape[:2]
    if kind == "slic":
        return segments(image, min(side * side, height * width))
    down, across = min(side, height), min(side, width)
    return np.array(
        [[(i * down // height) * across + j * across // width for j in range(width)] for i in range(height)]
    )


def kernel(shown, width):
    """pi(z) = exp(-D(z, 1)^2 / sigma^2), D = 1 - cosine of the angle between z and all ones."""
    found = []
    for z in shown:
        length = np.sqrt(z @ z) * np.sqrt(len(z))
        cosine = z.sum() / length if length else 0.0
        found.append(np.exp(-((1 - cosine) ** 2) / width**2))
    return np.array(found)


def ridge(shown, scores, weights):
    """argmin sum_z pi(z) (v(z) - b0 - z b)^2 + |b|^2, b0 free: from its normal equations, b0 as one more column."""
    columns = np.column_stack([np.ones(len(shown)), shown])
    penalty = np.eye(columns.shape[1])
    penalty[0, 0] = 0
    both = np.linalg.solve(columns.T @ (columns * weights[:, None]) + penalty, columns.T @ (weights * scores))
    level = np.average(scores, weights=weights)
    left = weights @ (scores - columns @ both) ** 2
    return both[1:], 1 - left / (weights @ (scores - level) ** 2)


def replica(case, number, score, kind, side, reference, samples, seed, width):
    image = case.images[number].astype(np.float64)
    labels = regions_of(kind, case.images[number], side)
    most = min(side**2, labels.size) if kind == "slic" else labels.max() + 1
    fill = np.zeros_like(image) + {"black": 0.0, "grey": 0.5, "white": 1.0, "mean": image.mean(axis=(0, 1))}[reference]
    seen = [each for each in range(labels.max() + 1) if np.abs(image - fill)[labels == each].max() > 1e-6]
    shown = coin_coalitions(most, samples, seed)[:, seen].astype(np.float64)
    scores = []
    for z in shown:
        visible = np.isin(labels, np.array(seen)[z > 0])[..., None]
        scores.append(case.value(np.where(visible, image, fill), number, score))
    weights, scores = kernel(shown, width), np.array(scores)
    found, fit = ridge(shown, scores, weights)
    witness = Ridge(alpha=1).fit(shown, scores, sample_weight=weights)
    np.testing.assert_allclose(witness.coef_, found, atol=1e-9)
    assert witness.score(shown, scores, sample_weight=weights) == pytest.approx(fit)
    return np.array([found[seen.index(each)] if each in seen else 0 for each in range(labels.max() + 1)])[labels], fit


@pytest.mark.parametrize(
    ("score", "kind", "side", "reference", "samples", "seed", "width"),
    [
        ("logit", "grid", 4, "black", 50, 0, 0.25),
        ("probability", "grid", 3, "grey", 40, 3, 0.5),
        ("contrast", "slic", 4, "mean", 50, 1, 0.25),
        ("logit", "grid", 2, "white", 40, 2, 0.1),
        ("logit", "grid", 8, "black", 50, 5, 0.25),  # the ridge decides what few samples leave open
    ],
)
def test_every_model(case, agree, score, kind, side, reference, samples, seed, width):
    params = {"side": side, "reference": reference, "samples": samples, "seed": seed, "width": width}
    expected = [replica(case, number, score, kind, **params) for number in range(len(case.images))]
    given = case.attribution("lime", score, regions=kind, **params)
    agree(given.values, np.stack([found for found, _ in expected]), 1e-4, "lime")
    np.testing.assert_allclose(given.details["R²"], [fit for _, fit in expected], atol=1e-4)


def test_a_region_that_looks_like_the_reference_gets_nothing_and_disturbs_nobody(case, agree):
    """The upper half is black: how near a coalition is to the image is counted over the other cells only."""
    images = case.images.copy()
    images[:, : images.shape[1] // 2] = 0
    dark = replace(case, images=images)
    expected = [replica(dark, number, "logit", "grid", 4, "black", 50, 0, 0.25)[0] for number in range(len(images))]
    values = dark.attribute("lime", side=4, samples=50)
    agree(values, np.stack(expected), 1e-4, "lime")
    assert not values[:, : images.shape[1] // 4].any()


@pytest.mark.parametrize("kind", ["grid", "slic"])
def test_a_linear_model_is_recovered_the_better_the_more_is_tried(kind):
    """The ridge holds the coefficients back by about 1 / (sum of weights x variance of a coin)."""
    model = keras.Sequential([keras.Input((12, 13, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    chance = np.random.default_rng(5)
    model.set_weights([chance.normal(0, 1, each.shape) for each in model.get_weights()])
    images, target = chance.random((2, 12, 13, 3), np.float32), np.array([1, 0])
    worth = model.get_weights()[0].astype(np.float64)[:, target].T.reshape(images.shape) * images
    errors = []
    for samples in (100, 1000, 10000):
        given = explainer("lime")(regions=kind, side=4, samples=samples).attribute(Probe(model), images, target)
        off = []
        for number, image in enumerate(images):
            labels = regions_of(kind, image, 4)
            alone = np.bincount(labels.ravel(), worth[number].sum(axis=2).ravel())
            off.append(np.abs(given.values[number] - alone[labels]).max() / np.abs(alone).max())
        errors.append(max(off))
        assert (given.details["R²"] <= 1).all()
    assert errors[0] > 4 * errors[1] > 20 * errors[2]
    assert errors[2] < 4e-3
    assert given.details["R²"].min() > 1 - 1e-5


def test_r2_is_low_where_no_linear_model_will_do():
    """The score is whether two regions are both shown or both hidden: each alone says nothing about it."""
    method = explainer("lime")(samples=4000)
    shown = method.coalitions(6).astype(np.float64)
    from workbench.attribution.surrogate import r_squared

    scores = (shown[:, 0] == shown[:, 1]).astype(np.float64)[None]
    found, constant, weights = (np.asarray(each) for each in method.fit(shown, scores, np.ones((1, 6))))
    assert 0 <= r_squared(scores, constant + found @ shown.T, weights).numpy()[0] < 0.5
    alike = np.full((1, 4000), 2.5)
    found, constant, weights = (np.asarray(each) for each in method.fit(shown, alike, np.ones((1, 6))))
    np.testing.assert_allclose(found, 0, atol=1e-12)
    assert constant == pytest.approx(2.5)
    assert r_squared(alike, constant + found @ shown.T, weights).numpy().tolist() == [1]
