"""Occlusion against section 4.2 of arXiv:1311.2901 in float64."""

from __future__ import annotations

import numpy as np
import pytest


def starts(side, size, stride):
    """Where the patches begin: every `stride` pixels, and the last one moved inside."""
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
    [("logit", 3, 3, "black"), ("probability", 4, 1, "grey"), ("contrast", 3, 2, "mean"), ("logit", 2, 2, "white")],
)
def test_every_model(case, agree, score, size, stride, reference):
    expected = np.stack([replica(case, n, score, size, stride, reference) for n in range(len(case.images))])
    values = case.attribute("occlusion", score, size=size, stride=stride, reference=reference)
    agree(values, expected, 1e-4, "occlusion")


def test_left_to_itself_a_patch_is_a_seventh_of_the_image_and_moves_by_half(case, agree):
    """On 8x8 to 10x9 pixels a seventh is one pixel."""
    expected = np.stack([replica(case, n, "logit", 1, 1, "black") for n in range(len(case.images))])
    agree(case.attribute("occlusion"), expected, 1e-4, "occlusion")
