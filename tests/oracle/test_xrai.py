"""XRAI against section 3 of arXiv:1906.02825 in float64: segments are taken one after the other, by their gain."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tests.oracle.halving import halved
from workbench.attribution.methods import explainer
from workbench.attribution.methods.xrai import taken
from workbench.attribution.regions import segments
from workbench.models.probe import Probe


def integrated(case, number, score, level, steps):
    """(x - x') times the trapezoid rule of ds/dx on the way from a flat image, added over channels."""
    image = case.images[number].astype(np.float64)
    start, total = np.full_like(image, level), np.zeros_like(image)
    for step in range(steps + 1):
        point = start + step / steps * (image - start)
        slope = case.network.gradients(point, case.cotangent(number, point, score))[1]["image"]
        total += slope * (0.5 if step in (0, steps) else 1.0) / steps
    return ((image - start) * total).sum(axis=2)


def masks_of(kind, image, sides):
    """Each segment of each segmentation, (H, W) bool."""
    height, width = image.shape[:2]
    found = []
    for side in sides:
        down, across = min(side, height), min(side, width)
        labels = (
            segments(image, min(side * side, height * width))
            if kind == "slic"
            else np.array(
                [[(i * down // height) * across + j * across // width for j in range(width)] for i in range(height)]
            )
        )
        found += [labels == number for number in range(labels.max() + 1)]
    return found


def by_gain(contributions, masks):
    """Until every pixel is taken: of all segments the one whose pixels that are left have the largest mean."""
    left, values, gains = np.ones(contributions.shape, bool), np.zeros(contributions.shape), []
    while left.any():
        best = max((mask & left for mask in masks if (mask & left).any()), key=lambda new: contributions[new].mean())
        gains.append(contributions[best].mean())
        values[best], left = gains[-1], left & ~best
    return values, gains


@pytest.mark.parametrize(
    ("score", "kind", "finest", "sides", "steps"),
    [
        ("logit", "slic", 4, (4, 3, 2), 4),
        ("probability", "grid", 6, (6, 4, 3, 2), 3),
        ("contrast", "slic", 3, (3, 2), 2),
    ],
)
def test_every_model(case, agree, score, kind, finest, sides, steps):
    expected = []
    for number, image in enumerate(case.images):
        mean = (integrated(case, number, score, 0, steps) + integrated(case, number, score, 1, steps)) / 2
        expected.append(by_gain(mean, masks_of(kind, image, sides))[0])
    given = case.attribution("xrai", score, regions=kind, finest=finest, steps=steps)
    agree(given.values, np.stack(expected), 1e-4, "xrai")
    differences = [
        case.value(image, n, score)
        - (case.value(np.zeros_like(image), n, score) + case.value(np.ones_like(image), n, score)) / 2
        for n, image in enumerate(case.images.astype(np.float64))
    ]
    gaps = np.stack(expected).sum(axis=(1, 2)) - differences
    within = 2e-6 * max(1, np.abs(expected).sum(axis=(1, 2)).max())
    np.testing.assert_allclose(given.details["completeness gap"], gaps, rtol=0, atol=within)


@pytest.mark.parametrize(("score", "tolerance"), [("logit", 0.05), ("contrast", 0.1)])
def test_every_model_with_steps_that_follow_from_the_tolerance(case, agree, score, tolerance):
    """Steps, error and gap are those of the integrated gradients; steps the mean over both references."""
    expected, errors, steps, gaps = [], [], [], []
    for number, image in enumerate(case.images.astype(np.float64)):
        ways = []
        for level in (0, 1):
            start = np.full_like(image, level)
            ways.append(
                halved(
                    lambda along, start=start, image=image: start + along * (image - start),
                    lambda at, n=number: case.network.gradients(at, case.cotangent(n, at, score))[1]["image"],
                    case.value(image, number, score) - case.value(start, number, score),
                    tolerance,
                )
            )
        maps, squares, counts = zip(*ways, strict=True)
        mean = np.mean(maps, axis=0)
        expected.append(by_gain(mean, masks_of("grid", image, (4, 3, 2)))[0])
        errors.append(sum(squares) ** 0.5 / 2 / np.linalg.norm(mean))
        steps.append(np.mean(counts))
        ends = [case.value(np.full_like(image, level), number, score) for level in (0, 1)]
        gaps.append(mean.sum() - case.value(image, number, score) + np.mean(ends))
    given = case.attribution("xrai", score, regions="grid", finest=4, tolerance=tolerance)
    agree(given.values, np.stack(expected), 1e-4, "xrai, auto")
    assert given.details["steps"].tolist() == steps
    np.testing.assert_allclose(given.details["relative error"], errors, rtol=1e-3, atol=1e-6)
    within = 2e-6 * max(1, np.abs(expected).sum(axis=(1, 2)).max())
    np.testing.assert_allclose(given.details["completeness gap"], gaps, rtol=0, atol=within)


@pytest.mark.parametrize("seed", range(4))
def test_segments_are_taken_in_order_and_nothing_is_lost(seed):
    chance = np.random.default_rng(seed)
    contributions = chance.normal(size=(7, 6))
    labels = np.stack([chance.integers(0, count, (7, 6)) for count in (9, 5, 3)])
    labels = np.stack([np.unique(each, return_inverse=True)[1].reshape(7, 6) for each in labels])
    values = taken(contributions, labels)
    masks = [each == number for each in labels for number in range(each.max() + 1)]
    expected, gains = by_gain(contributions, masks)
    np.testing.assert_allclose(values, expected, atol=1e-12)
    assert values.max() == pytest.approx(max(contributions[mask].mean() for mask in masks))
    assert values.max() == pytest.approx(gains[0])
    assert values.sum() == pytest.approx(contributions.sum())


def test_of_a_linear_model_a_segment_has_the_mean_of_weight_times_difference_from_grey():
    """Of cells that lie in each other, a larger one is taken only where its mean is larger."""
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
    kernel = np.zeros((8, 8, 2), np.float32)
    kernel[:4, :4, 0], kernel[4:, 4:, 0] = 1, 2
    model.set_weights([kernel.reshape(64, 2), np.zeros(2)])
    white = np.ones((1, 8, 8, 1), np.float32)
    values = (
        explainer("xrai")(regions="grid", finest=4, steps=2).attribute(Probe(model), white, np.array([0])).values[0]
    )
    np.testing.assert_allclose(values, kernel[..., 0] / 2, atol=1e-6)
