"""The float64 networks that the replicas stand on: equal to the Keras model, and with the right gradients."""

from __future__ import annotations

import numpy as np


def test_logits_are_those_of_the_keras_model(case, agree):
    logits = np.stack([case.network.scores(image) for image in case.images])
    agree(case.probe.logits(case.images), logits, 1e-5, "logits")
    said = case.model.predict(case.images, verbose=0)
    if "softmax" in case.probe.note.lower() and "without" not in case.probe.note:
        odds = np.exp(logits)
        logits = odds / odds.sum(axis=1, keepdims=True)
    agree(said, logits, 1e-5, "outputs of the model")


def test_feature_maps_are_those_of_the_keras_model(case, agree):
    outputs = [case.network.forward(image) for image in case.images]
    for layer in case.probe.layers:
        if layer in case.network.names and layer != "scores":
            expected = np.stack([each[layer] for each in outputs])
            agree(case.probe.feature_maps(case.images, layer), expected, 1e-5, "feature maps")


def test_hand_written_gradients_are_central_differences(case):
    image = case.images[0].astype(np.float64)
    cotangent = np.random.default_rng(3).normal(size=len(case.network.scores(image)))
    _, gradients = case.network.gradients(image, cotangent)
    step, by_differences = 1e-6, np.zeros_like(image)
    for place in np.ndindex(image.shape):
        moved = np.zeros_like(image)
        moved[place] = step
        ahead, behind = case.network.scores(image + moved), case.network.scores(image - moved)
        by_differences[place] = cotangent @ (ahead - behind) / (2 * step)
    np.testing.assert_allclose(gradients["image"], by_differences, rtol=0, atol=1e-7 * np.abs(by_differences).max())
