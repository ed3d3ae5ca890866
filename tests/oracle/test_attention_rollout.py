"""Attention rollout against section 3 of arXiv:2005.00928 in float64, matrix products written out."""

from __future__ import annotations

import numpy as np


def product(one, other):
    count = len(one)
    found = np.zeros((count, count))
    for i, j, k in np.ndindex(count, count, count):
        found[i, j] += one[i, k] * other[k, j]
    return found


def replica(case, image):
    """Ā = 0.5 W_att + 0.5 I of the mean over heads, and the product of all layers up to the last."""
    seen, rollout = case.network.forward(image), None
    for n in range(2):
        mean = sum(head for head in seen[f"attention{n}"]) / len(seen[f"attention{n}"])
        around = 0.5 * mean + 0.5 * np.eye(len(mean))
        rollout = around if rollout is None else product(around, rollout)
    return rollout


def test_every_token_to_every_token(tokens, agree):
    expected = np.stack([tokens.read(replica(tokens, image)) for image in tokens.images])
    agree(tokens.attribute("attention-rollout"), expected, 1e-5, "attention-rollout")


def test_a_row_shares_out_one(tokens):
    """Of a mean over tokens nothing goes to tokens without a place."""
    total = tokens.attribute("attention-rollout").sum(axis=(1, 2))
    assert np.allclose(total, 1, atol=1e-5) == (tokens.further == 0)
    assert (total < 1 + 1e-5).all()
