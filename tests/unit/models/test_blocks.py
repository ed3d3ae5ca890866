"""Layers inside a layer of somebody's own: seen, continued from, and left as they were."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.transformers import transformer
from workbench.models.blocks import overheard, parts_of
from workbench.models.probe import Probe

SHAPE = (12, 12, 1)
IMAGES = np.random.default_rng(0).random((2, *SHAPE), np.float32)


@pytest.fixture(scope="module")
def model():
    return transformer(SHAPE, patch=4, width=8, inside=True)


def test_its_layers_are_steps_and_give_what_they_give(model):
    probe, encoder = Probe(model, given="unit"), model.get_layer("encoder")
    inside = [f"encoder/{kind}{n}" for n in range(2) for kind in ("norm", "attention")]
    assert [name for name in probe.layers if name.startswith("encoder/")] == inside
    assert probe.default_layer == "encoder/norm1"
    placed = np.asarray(model.get_layer("placed")(model.get_layer("embedded")(model.get_layer("cut")(IMAGES))))
    normed = np.asarray(encoder.norms[0](placed))
    np.testing.assert_allclose(
        probe.feature_maps(IMAGES, "encoder/norm0"), normed[:, 1:].reshape(2, 3, 3, 8), atol=1e-5
    )
    np.testing.assert_allclose(probe.logits(IMAGES), model.predict(IMAGES, verbose=0), rtol=1e-4, atol=1e-5)


def test_the_model_goes_on_from_changed_tokens_inside(model):
    """What is given in place of a layer's output is taken by the layers behind it, and moves the scores."""
    probe = Probe(model, given="unit")

    def scores(images):
        outputs = probe.trace(images).outputs
        known = {"encoder/norm1": 0 * outputs["encoder/norm1"]}
        return probe.trace(images, known).logits

    found = probe.run("from inside", scores, IMAGES)
    encoder = model.get_layer("encoder")
    tokens = model.get_layer("placed")(model.get_layer("embedded")(model.get_layer("cut")(IMAGES)))
    given = encoder.norms[0](tokens)
    tokens = tokens + encoder.attentions[0](given, given)
    nothing = np.zeros_like(np.asarray(tokens))
    tokens = tokens + encoder.attentions[1](nothing, nothing)
    expected = model.get_layer("scores")(model.get_layer("norm")(tokens)[:, 0])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert not np.allclose(found, probe.logits(IMAGES), atol=1e-3)


def test_the_layers_are_as_before(model):
    encoder = model.get_layer("encoder")
    Probe(model, given="unit").logits(IMAGES)
    assert all("call" not in vars(each) for each in parts_of(encoder))
    with overheard(parts_of(encoder), lambda *_: None):
        assert all("call" in vars(each) for each in parts_of(encoder))

    def failing(part, call, given):
        raise ValueError("planted")

    with pytest.raises(ValueError, match="planted"), overheard(parts_of(encoder), failing):
        encoder(np.ones((1, 10, 8), np.float32))
    assert all("call" not in vars(each) for each in parts_of(encoder))


def test_another_thread_is_not_heard(model):
    encoder, heard = model.get_layer("encoder"), []
    tokens = np.ones((1, 10, 8), np.float32)
    before = np.asarray(encoder(tokens))

    def listener(part, call, given):
        heard.append(part.name)
        return call(*given[0], **given[1])

    with overheard(parts_of(encoder), listener), ThreadPoolExecutor(1) as pool:
        np.testing.assert_allclose(pool.submit(encoder, tokens).result(), before)
        assert heard == []
        encoder(tokens)
    assert heard == ["norm0", "attention0", "norm1", "attention1"]


def test_layers_of_keras_and_models_are_not_opened(model):
    assert parts_of(model) == [] and parts_of(model.get_layer("norm")) == []
    assert {each.name for each in parts_of(model.get_layer("encoder"))} == {
        "norm0",
        "norm1",
        "attention0",
        "attention1",
    }
