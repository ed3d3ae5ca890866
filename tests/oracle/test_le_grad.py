"""LeGrad's sum over layers (arXiv:2404.03214, section 3) in float64; gradients are central differences."""

from __future__ import annotations

import numpy as np
import pytest


def replica(case, image, cotangent):
    """Σ_l mean over heads and attending tokens of (∂s/∂A_l)⁺, for each token that is attended to."""
    total = 0.0
    for n in range(2):
        slope = case.network.gradient(image, cotangent, f"attention{n}")
        heads, count, _ = slope.shape
        column = np.zeros(count)
        for h, i, j in np.ndindex(slope.shape):
            column[j] += max(slope[h, i, j], 0) / (heads * count)
        total = total + column
    return case.on_grid(total)


@pytest.mark.parametrize("score", ["logit", "contrast"])
def test_the_sum_over_layers(tokens, agree, score):
    pairs = zip(tokens.images, tokens.cotangents(score), strict=True)
    expected = np.stack([replica(tokens, *each) for each in pairs])
    agree(tokens.attribute("le-grad", score), expected, 1e-4, "le-grad")
