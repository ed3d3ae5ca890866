"""Guided IG against the algorithm of arXiv:2106.09788, with the authors' band, one value after the other in float64."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from workbench.attribution.methods import explainer
from workbench.attribution.methods.guided_ig import go_on
from workbench.models.probe import Probe

FILL = {"black": 0.0, "grey": 0.5, "white": 1.0}


def advance(at, slope, way, reached, fraction, band):
    """Move the values with the smallest slopes, a fraction of all at a time, until the path is as long as is asked."""
    last, at = min(reached + band, 1.0), np.maximum(at, reached - band)
    size = max(1, round(fraction * at.size))
    remaining = [k for k in np.argsort(np.abs(slope), kind="stable") if way[k] * (last - at[k]) > 0]
    target = reached * way.sum()
    while remaining and (missing := target - (way * at).sum()) > 0:
        group, remaining = remaining[:size], remaining[size:]
        room = sum(way[k] * (last - at[k]) for k in group)
        share = min(missing / room, 1.0)
        for k in group:
            at[k] += share * (last - at[k])
    return at


def replica(case, number, score, reference, steps, fraction, band):
    """Sum over the path of the mean slope at both ends of a step times the step; the gap, and how far it strayed."""
    image = case.images[number].astype(np.float64)
    start = np.full_like(image, FILL[reference])
    way, at, values, strayed = (image - start).ravel(), np.zeros(image.size), np.zeros(image.size), 0.0

    def slope_at(at):
        point = start + (at * way).reshape(image.shape)
        return case.network.gradients(point, case.cotangent(number, point, score))[1]["image"].ravel()

    slope = slope_at(at)
    for step in range(steps):
        reached = (step + 1) / steps
        moved = advance(at.copy(), slope, np.abs(way), reached, fraction, band)
        assert (np.abs(way) * moved).sum() == pytest.approx(reached * np.abs(way).sum())
        after = slope_at(moved)
        values += (slope + after) / 2 * (moved - at) * way
        at, slope, strayed = moved, after, max(strayed, np.abs(moved - reached)[way != 0].max())
    difference = case.value(image, number, score) - case.value(start, number, score)
    return values.reshape(image.shape).sum(axis=2), values.sum() - difference, strayed


@pytest.mark.parametrize(
    ("score", "reference", "steps", "fraction", "band"),
    [
        ("logit", "black", 12, 0.25, 0.1),
        ("probability", "grey", 5, 0.1, 0.3),
        ("contrast", "white", 4, 0.5, 1.0),
        ("logit", "black", 7, 0.02, 1.0),
    ],
)
def test_every_model(case, agree, score, reference, steps, fraction, band):
    numbers = range(len(case.images))
    found = [replica(case, number, score, reference, steps, fraction, band) for number in numbers]
    expected, gaps, strayed = (np.stack(each) for each in zip(*found, strict=True))
    assert 0 < strayed.max() <= band + 1e-9
    given = case.attribution("guided-ig", score, reference=reference, steps=steps, fraction=fraction, band=band)
    agree(given.values, expected, 1e-4, "guided-ig")
    within = 2e-6 * max(1, np.abs(expected).sum(axis=(1, 2)).max())
    np.testing.assert_allclose(given.details["completeness gap"], gaps, rtol=0, atol=within)


def test_in_a_band_of_no_width_it_is_integrated_gradients(case, agree):
    straight = case.attribute("integrated-gradients", steps=6)
    agree(case.attribute("guided-ig", steps=6, band=0), straight, 1e-5, "guided-ig, straight")


def test_of_a_smooth_network_it_adds_up_to_the_difference_of_the_scores():
    """Completeness. Of ReLUs it would not come nearer with more steps: the path runs along their kinks."""
    image = keras.Input((6, 5, 2))
    x = keras.layers.Conv2D(4, 3, activation="tanh")(image)
    model = keras.Model(image, keras.layers.Dense(3)(keras.layers.Flatten()(x)))
    chance = np.random.default_rng(4)
    model.set_weights([chance.normal(0, 0.5, each.shape) for each in model.get_weights()])
    probe, images, target = Probe(model), chance.random((4, 6, 5, 2), np.float32), np.array([2, 0, 1, 1])
    scores = [probe.logits(each)[np.arange(4), target] for each in (images, np.zeros_like(images))]
    for steps, within in ((20, 0.03), (200, 0.003)):
        given = explainer("guided-ig")(steps=steps).attribute(probe, images, target)
        near = within * np.abs(scores[0] - scores[1]).max()
        np.testing.assert_allclose(given.values.sum(axis=(1, 2)), scores[0] - scores[1], rtol=0, atol=near)
        assert np.abs(given.details["completeness gap"]).max() < near


def test_what_the_score_does_not_react_to_goes_first():
    """A score of x0² + 0 · x1: all of x1 is moved before x0, as far as the band allows."""
    how = {"fraction": 0.5, "band": 0.3}
    at = np.zeros((1, 1, 2, 1), np.float32)
    slope, way = np.array([1, 0], np.float32).reshape(at.shape), np.ones_like(at)
    moved = np.asarray(go_on(at, slope, way, np.float32(0.25), **how)).ravel()
    np.testing.assert_allclose(moved, [0, 0.5], atol=1e-6)
    moved = np.asarray(go_on(moved.reshape(at.shape), slope, way, np.float32(0.5), **how)).ravel()
    np.testing.assert_allclose(moved, [0.2, 0.8], atol=1e-6)  # 0.2: no further behind than the band


def test_of_a_linear_model_it_is_the_weight_times_the_difference():
    model = keras.Sequential([keras.Input((9, 7, 2)), keras.layers.Flatten(), keras.layers.Dense(3)])
    chance = np.random.default_rng(2)
    model.set_weights([chance.normal(0, 1, each.shape) for each in model.get_weights()])
    images, target = chance.random((2, 9, 7, 2), np.float32), np.array([2, 0])
    given = explainer("guided-ig")(steps=3, reference="grey").attribute(Probe(model), images, target)
    weights = model.get_weights()[0].astype(np.float64)[:, target].T.reshape(images.shape)
    np.testing.assert_allclose(given.values, (weights * (images - 0.5)).sum(axis=-1), atol=2e-5)
