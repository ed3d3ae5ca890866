"""Gradient rollout against equations 5 and 6 of arXiv:2103.15679 in float64; gradients are central differences."""

from __future__ import annotations

import numpy as np
import pytest


def replica(case, image, cotangent):
    """Ā = E_h[(∇A ∘ A)⁺]; R = R + Ā R from R = I; less I."""
    seen = case.network.forward(image)
    count = len(seen["attention0"][0])
    relevance = np.eye(count)
    for n in range(2):
        attention, slope = seen[f"attention{n}"], case.network.gradient(image, cotangent, f"attention{n}")
        raised = np.zeros((count, count))
        for h, i, j in np.ndindex(attention.shape):
            raised[i, j] += max(slope[h, i, j] * attention[h, i, j], 0) / len(attention)
        added = np.zeros((count, count))
        for i, j, k in np.ndindex(count, count, count):
            added[i, j] += raised[i, k] * relevance[k, j]
        relevance = relevance + added
    return relevance - np.eye(count)


@pytest.mark.parametrize("score", ["logit", "contrast"])
def test_the_equations(tokens, agree, score):
    pairs = zip(tokens.images, tokens.cotangents(score), strict=True)
    expected = np.stack([tokens.read(replica(tokens, *each)) for each in pairs])
    agree(tokens.attribute("gradient-rollout", score), expected, 1e-4, "gradient-rollout")
