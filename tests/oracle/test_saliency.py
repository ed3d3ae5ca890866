"""Saliency against section 3.1 of arXiv:1312.6034 in float64, and against tf-keras-vis."""

from __future__ import annotations

import keras
import numpy as np
import pytest


def replica(network, image, cotangent):
    """M_ij = max_c |ds/dx_ijc|."""
    slopes = network.gradients(image, cotangent)[1]["image"]
    return np.array([[max(abs(slope) for slope in pixel) for pixel in row] for row in slopes])


@pytest.mark.parametrize("score", ["logit", "probability", "contrast"])
def test_every_model(case, agree, score):
    expected = [replica(case.network, *each) for each in zip(case.images, case.cotangents(score), strict=True)]
    agree(case.attribute("saliency", score), np.stack(expected), 1e-4, "saliency")


@pytest.mark.filterwarnings("ignore:Please import `zoom`:DeprecationWarning", "ignore:The structure of `inputs`")
def test_second_witness_tf_keras_vis(case, agree):
    """Raw maps of tf-keras-vis 0.8.7 (`normalize_map=False`) are ours.

    Expected differences, and why they are no errors of ours:

    =====================  =============================================  =======================================
    what                   tf-keras-vis                                   here
    =====================  =============================================  =======================================
    scaling                each map to [0, 1] by default                  never
    softmax                left in, unless `ReplaceToLinear` is given     left out on our own walk
    SmoothGrad             absolute value of each noisy gradient, then    signed gradients' mean, as the paper has
                           the mean: it never cancels                     it: no witness for `smooth-grad`
    =====================  =============================================  =======================================
    """
    from tf_keras_vis.saliency import Saliency
    from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
    from tf_keras_vis.utils.scores import CategoricalScore

    if case.name == "colour":
        witness = Saliency(keras.Model(case.model.inputs, case.model.get_layer("scores").output))
    else:
        witness = Saliency(case.model, model_modifier=ReplaceToLinear())
    maps = witness(CategoricalScore(case.target.tolist()), case.images, normalize_map=False)
    agree(case.attribute("saliency"), np.asarray(maps), 1e-5, "saliency, tf-keras-vis")
