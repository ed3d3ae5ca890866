"""Guided Grad-CAM against section 3.2 of arXiv:1610.02391 in float64, and against captum."""

from __future__ import annotations

import numpy as np
import pytest

from tests.oracle.bilinear import bilinear


def replica(network, image, cotangent, layer):
    """Guided backpropagation times the upsampled max(0, sum_k a_k A_k), a_k = mean_ij ds/dA_ijk."""
    outputs, slopes = network.gradients(image, cotangent)
    cam = np.maximum((slopes[layer].mean(axis=(0, 1)) * outputs[layer]).sum(axis=2), 0)
    guided = network.gradients(image, cotangent, rule="guided")[1]["image"]
    return (guided * bilinear(cam, image.shape[:2])[..., None]).sum(axis=2)


@pytest.mark.parametrize("score", ["logit", "probability", "contrast"])
def test_every_model_and_for_the_logit_every_spatial_layer(case, agree, score):
    for layer in case.probe.spatial_layers if score == "logit" else [case.probe.default_layer]:
        pairs = zip(case.images, case.cotangents(score), strict=True)
        expected = [replica(case.network, *each, layer) for each in pairs]
        agree(case.attribute("guided-grad-cam", score, layer=layer), np.stack(expected), 1e-4, "guided-grad-cam")


def test_it_is_the_product_of_the_two_that_users_see(case, agree):
    """Of the maps as they are drawn: guided backpropagation, and Grad-CAM at the image's size."""
    product = case.attribute("guided-backprop") * case.attribution("grad-cam").at_pixels()
    agree(case.attribute("guided-grad-cam"), product, 1e-5, "guided-grad-cam, product")


@pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU activations")
def test_second_witness_captum(case, agree):
    """GuidedGradCam of captum, told to resize bilinearly.

    =====================  =============================================  =======================================
    what                   captum                                         here
    =====================  =============================================  =======================================
    upsampling             nearest place by default                       bilinear, half-pixel centres
    channels               kept                                           summed
    =====================  =============================================  =======================================
    """
    torch = pytest.importorskip("torch", reason="torch is not installed: pip install -e '.[witness]'")
    attr = pytest.importorskip("captum.attr", reason="captum is not installed: pip install -e '.[witness]'")
    from tests.oracle.torch_port import describe, port, to_numpy, to_torch

    layer = case.probe.default_layer
    model = port(describe(case.model), case.network.joins)
    witness = attr.GuidedGradCam(model, model.get_submodule(layer))
    given = to_torch(case.images).requires_grad_(), torch.from_numpy(case.target)
    maps = to_numpy(witness.attribute(*given, interpolate_mode="bilinear")).sum(axis=-1)
    agree(case.attribute("guided-grad-cam", layer=layer), maps, 1e-5, "guided-grad-cam, captum")
