"""The float64 transformer that the replicas stand on: equal to the Keras model, its attention, and its tokens."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.models.scorer import Scorer


def test_its_scores_and_tokens_are_those_of_keras(tokens):
    case = tokens
    seen = [case.network.forward(image) for image in case.images]
    np.testing.assert_allclose(case.probe.logits(case.images), [each["scores"] for each in seen], rtol=1e-4, atol=1e-5)
    for name in ("placed", "norm0", "block0", "block1", "norm"):
        maps = case.probe.feature_maps(case.images, name)
        np.testing.assert_allclose(maps, [case.on_grid(each[name]) for each in seen], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("score", ["logit", "contrast"])
def test_attention_and_its_gradients(tokens, score):
    case = tokens

    def both(images, target, against):
        return Scorer(case.probe, target, against, score).attention_and_gradients(images)

    from workbench.models.probe import CLASSES

    found = case.probe.compile(("both", score), both, (case.probe.images, CLASSES, CLASSES))(
        case.images, case.target, case.against
    )
    for n, (attention, gradient) in enumerate(found):
        for row, (image, cotangent) in enumerate(zip(case.images, case.cotangents(score), strict=True)):
            expected = case.network.forward(image)[f"attention{n}"]
            np.testing.assert_allclose(attention[row], expected, rtol=1e-4, atol=1e-6)
            slopes = case.network.gradient(image, cotangent, f"attention{n}")
            np.testing.assert_allclose(gradient[row], slopes, rtol=0, atol=1e-4 * np.abs(slopes).max())
    if case.further:  # behind the last attention only the class token is read
        assert not found[-1][1][:, :, 1:].any() and found[-1][1][:, :, 0].any()
