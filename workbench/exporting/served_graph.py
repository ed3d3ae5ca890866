"""The graph that is exported: images in [0, 1] to probabilities and, if wanted, the map of the predicted class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

from workbench.exporting.closed_form import grad_cam
from workbench.exporting.format import HEATMAP, IMAGES, PROBABILITIES
from workbench.models.probe import Probe
from workbench.models.turns import TURNS

Tensor = Any


def outputs_of(probe: Probe, images: Tensor, layer: str | None) -> dict[str, Tensor]:
    """What the exported graph computes.

    Args:
        probe: the model.
        images: `(N, H, W, C)` float32 tensor in [0, 1].
        layer: whose Grad-CAM is given too; None for none.

    Returns:
        "probabilities", `(N, K)`, and "heatmap", `(N, h, w)`.

    Raises:
        WorkbenchError: if a layer behind `layer` has no backward pass that is written forward.
    """
    if layer is None:
        return {PROBABILITIES: tf.nn.softmax(probe.trace(images).logits)}
    logits, heatmap = grad_cam(probe, images, layer)
    return {PROBABILITIES: tf.nn.softmax(logits), HEATMAP: heatmap}


def write_graph(probe: Probe, folder: Path, layer: str | None) -> None:
    """Write the graph as a SavedModel; arguments and errors are those of `outputs_of`."""
    spec = tf.TensorSpec((None, *probe.image_shape), tf.float32, name=IMAGES)
    module = tf.Module()
    # A Keras variable is no resource that TensorFlow would save; what is behind it is.
    module.weights = [each.value for each in probe.model.variables]
    module.serve = tf.function(lambda images: outputs_of(probe, images, layer), input_signature=[spec], autograph=False)
    with TURNS:
        tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
