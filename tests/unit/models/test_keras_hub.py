"""Keras Hub's vision transformer, built without downloaded weights; skipped where Keras Hub is not installed."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from workbench.attribution.methods import explainer, explainers
from workbench.diagnosis.contracts.trial import quick
from workbench.models.double_precision import double_probe, relative_difference
from workbench.models.probe import Probe
from workbench.models.tokens import TokenGrid

hub = pytest.importorskip("keras_hub")
IMAGES, TARGET = np.random.default_rng(0).random((2, 16, 24, 3), np.float32), np.array([0, 3])
REFUSED = {"deconvnet", "guided-backprop", "guided-grad-cam", "deep-lift", "lrp"}


@pytest.fixture(scope="module", params=["token", "gap"])
def probe(request):
    keras.utils.set_random_seed(1)
    backbone = hub.models.ViTBackbone(
        image_shape=(16, 24, 3), patch_size=8, num_layers=3, num_heads=2, hidden_dim=12, mlp_dim=24,
        use_class_token=request.param == "token",
    )  # fmt: skip
    model = hub.models.ViTImageClassifier(backbone, num_classes=4, preprocessor=None, pooling=request.param)
    probe = Probe(model, given="unit")
    probe.kind = request.param
    return probe


def test_its_blocks_grid_and_attention_are_seen(probe):
    further = int(probe.kind == "token")
    blocks = [f"vi_t_backbone/vit_encoder/transformer_block_{n}" for n in (1, 2, 3)]
    tails = [name.partition("/")[2] for name in probe.layers]
    assert all(each.partition("/")[2] in tails for each in blocks)
    assert probe.default_layer.endswith("vit_encoder/transformer_block_3/ln_1")
    assert probe.layers[probe.default_layer].grid == TokenGrid(2, 3, before=further)
    assert len(probe.attention.numbers) == 3
    assert probe.attention.read == ((0,) if further else tuple(range(6)))
    np.testing.assert_allclose(probe.logits(IMAGES), probe.model.predict(IMAGES, verbose=0), rtol=1e-4, atol=1e-5)


def test_every_method_but_those_of_relus_and_by_layers_explains_it(probe):
    for name in explainers():
        reason = explainer(name).missing(probe)
        assert (reason is not None) == (name in REFUSED), reason
        if reason is None and explainer(name).kin() in ("layer", "attention", "control"):
            maps = quick(name).attribute(probe, IMAGES, TARGET, background=IMAGES)
            assert np.isfinite(maps.values).all() and maps.at_pixels().shape == (2, 16, 24), name


def test_a_float64_copy_says_the_same(probe):
    exact = double_probe(probe)
    for name in ("hires-cam", "attention-rollout", "gradient-rollout", "le-grad"):
        maps, checked = (explainer(name)().attribute(each, IMAGES, TARGET).values for each in (probe, exact))
        assert relative_difference(maps, checked) < 1e-3, name
