"""tf-keras-vis as second witness: its raw maps of a case, of the logits."""

from __future__ import annotations

import keras
import numpy as np


def witness_maps(kind, case, layer):
    """`(N, h, w)` of one of its methods, neither enlarged nor scaled to 0…1."""
    from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
    from tf_keras_vis.utils.scores import CategoricalScore

    if case.name == "colour":  # its softmax is a layer, which ReplaceToLinear does not take away
        witness = kind(keras.Model(case.model.inputs, case.model.get_layer("scores").output))
    else:
        witness = kind(case.model, model_modifier=ReplaceToLinear())
    maps = witness(
        CategoricalScore(case.target.tolist()),
        case.images,
        penultimate_layer=layer,
        seek_penultimate_conv_layer=False,
        expand_cam=False,
        normalize_cam=False,
    )
    return np.asarray(maps)
