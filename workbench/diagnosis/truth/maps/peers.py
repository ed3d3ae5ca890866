"""Maps of another library beside ours, where it runs in the same process: tf-keras-vis."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.types import Array

if TYPE_CHECKING:
    from workbench.models.probe import Probe

NAME = "tf-keras-vis"
SAMPLES, NOISE = 50, 0.15
"""Of SmoothGrad: our defaults."""
Explains = Callable[[Array], Array]


def peers(probe: Probe, images: Array) -> Iterator[tuple[str, Explains]]:
    """Return each method of tf-keras-vis by the name that it has here, and what explains `images` by it.

    Args:
        probe: of a model that ends in logits.
        images: `(N, H, W, C)` float32, as the model takes them.

    Returns:
        Functions of `(N,)` int classes that return `(N, H, W)` maps, each scaled to [0, 1] by the library.
    """
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.gradcam_plus_plus import GradcamPlusPlus
    from tf_keras_vis.layercam import Layercam
    from tf_keras_vis.saliency import Saliency
    from tf_keras_vis.scorecam import Scorecam
    from tf_keras_vis.utils.scores import CategoricalScore

    layer = {"penultimate_layer": probe.default_layer}
    kinds: Mapping[str, tuple[Any, Mapping[str, object]]] = {
        "saliency": (Saliency, {}),
        "smooth-grad": (Saliency, {"smooth_samples": SAMPLES, "smooth_noise": NOISE}),
        "grad-cam": (Gradcam, layer),
        "grad-cam-plus-plus": (GradcamPlusPlus, layer),
        "layer-cam": (Layercam, layer),
        "score-cam": (Scorecam, layer),
    }
    tokens = probe.layers[str(probe.default_layer)].grid is not None  # it knows no grid of theirs
    for name, (kind, how) in kinds.items():
        if tokens and how is layer:
            continue
        made = kind(probe.model, clone=False)

        def explain(target: Array, made: Callable[..., Array] = made, how: Mapping[str, object] = how) -> Array:
            # It shows a bar, and Keras warns of how it gives the images.
            with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(action="ignore"):
                return np.asarray(made(CategoricalScore(target.tolist()), images, **how))

        yield name, explain
