"""Features of images at several layers, in one pass, as short vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.pixels import as_floats
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.data.lazy_images import portions
from workbench.data.sampling import evenly
from workbench.data.thumbnails import cells

if TYPE_CHECKING:
    from workbench.models.probe import Probe

MOST = 1024
"""Values a layer gives for an image at most; places are averaged until they fit."""
BATCH = 256
SILENT = ("Dropout", "Noise", "Padding", "Rescaling", "Identity", "Regularization", "Reshape", "Flatten", "Input")
"""Kinds of layers whose features are those of the layer before."""


def story_layers(probe: Probe, most: int) -> list[str]:
    """Choose at most `most` layers with weights or places, evenly; those that only give the scores are left out."""
    names = [
        name
        for name, layer in probe.layers.items()
        if (layer.spatial or getattr(probe.keras_layers[name], "weights", None))
        and not any(word in layer.kind for word in SILENT)
        and None not in layer.shape
        and layer.shape
    ]
    while names and _width(probe.layers[names[-1]].shape) == probe.units:
        names.pop()
    return [names[place] for place in evenly(len(names), most)] if names else []


def layer_features(probe: Probe, images: Any, layers: Sequence[str]) -> tuple[list[Array], Array]:
    """Return the features of each image at each layer, and the scores.

    Feature maps are averaged over an even grid of places, so that a layer gives at most `MOST` values, or one for
    each of its maps if they are more.

    Args:
        probe: the model.
        images: `(N, H, W, C)` uint8, or what slices like it.
        layers: L names of layers.

    Returns:
        L + 1 arrays `(N, D)` float32, the images themselves first; and `(N, K)` float32 logits.
    """
    from keras import ops

    grids = [grid(probe.layers[name].shape) for name in layers]

    def run(batch: Any) -> Any:
        trace = probe.trace(batch)
        flat = [trace.logits]
        for name, weights in zip(layers, grids, strict=True):
            output = ops.cast(trace.outputs[name], probe.floats)
            if weights is not None:
                rows, columns = (ops.convert_to_tensor(each, probe.floats) for each in weights)
                output = ops.einsum("ph,bhwf,qw->bpqf", rows, output, columns)
            size = int(np.prod(output.shape[1:]))
            flat.append(ops.reshape(output, (-1, size)))
        return ops.concatenate(flat, axis=1)

    pixels = grid(probe.image_shape)
    rows, columns = (np.eye(side) for side in probe.image_shape[:2]) if pixels is None else pixels
    found, seen = [], []
    for place in portions(images, BATCH):
        part = as_floats(images[place])
        found.append(probe.run(("layer features", tuple(layers)), run, part))
        averaged = np.einsum("ph,bhwf,qw->bpqf", rows, part, columns, optimize=True)
        seen.append(averaged.reshape(len(part), -1).astype(np.float32))
        report("Layer features", place.stop, len(images))
    values = np.concatenate(found)
    widths = [probe.classes, *(_width(probe.layers[name].shape) for name in layers)]
    logits, *parts = np.split(values, np.cumsum(widths)[:-1], axis=1)
    return [np.concatenate(seen), *parts], logits


def grid(shape: Sequence[int | None]) -> tuple[Array, Array] | None:
    """Return the weights that average a layer's places, `(p, h)` and `(q, w)` float64; None for a flat layer."""
    if len(shape) != 3:
        return None
    height, width, maps = (int(size or 1) for size in shape)
    most = max(int((MOST / maps) ** 0.5), 1)
    return cells(height, most), cells(width, most)


def _width(shape: Sequence[int | None]) -> int:
    weights = grid(shape)
    values = [int(size or 1) for size in shape]
    return int(np.prod(values)) if weights is None else len(weights[0]) * len(weights[1]) * values[2]
