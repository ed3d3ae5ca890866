"""Integrated gradients against equations 1 and 3 of arXiv:1703.01365 in float64."""

from __future__ import annotations

import numpy as np
import pytest


def references(kind, image):
    """The image that the path starts from, (H, W, C)."""
    if kind == "mean":
        return np.broadcast_to([image[..., c].mean() for c in range(image.shape[2])], image.shape)
    return np.full_like(image, {"black": 0.0, "grey": 0.5, "white": 1.0}[kind])


def replica(case, number, score, reference, steps):
    """(x - x') times the trapezoid rule of ds/dx along x' + a (x - x'), added over channels."""
    image = case.images[number].astype(np.float64)
    start = references(reference, image)
    total = np.zeros_like(image)
    for step in range(steps + 1):
        point = start + step / steps * (image - start)
        slope = case.network.gradients(point, case.cotangent(number, point, score))[1]["image"]
        total += slope * (0.5 if step in (0, steps) else 1.0) / steps
    return ((image - start) * total).sum(axis=2)


@pytest.mark.parametrize(
    ("score", "reference", "steps"),
    [("logit", "black", 50), ("probability", "grey", 7), ("contrast", "mean", 2), ("logit", "white", 5)],
)
def test_every_model(case, agree, score, reference, steps):
    numbers = range(len(case.images)) if steps < 50 else [1]
    expected = np.stack([replica(case, number, score, reference, steps) for number in numbers])
    values = case.attribute("integrated-gradients", score, reference=reference, steps=steps)[list(numbers)]
    agree(values, expected, 1e-4, "integrated-gradients")


@pytest.mark.parametrize(("score", "reference"), [("logit", "black"), ("probability", "mean"), ("contrast", "white")])
def test_it_adds_up_to_the_difference_of_the_scores(case, score, reference):
    """Completeness, up to the trapezoid rule: a hundredth of the largest difference at 500 steps."""
    values = case.attribute("integrated-gradients", score, reference=reference, steps=500)
    gaps = [
        case.value(image, n, score) - case.value(references(reference, image), n, score)
        for n, image in enumerate(case.images.astype(np.float64))
    ]
    np.testing.assert_allclose(values.sum(axis=(1, 2)), gaps, rtol=0, atol=0.01 * np.abs(gaps).max())
