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
    from workbench.models.feature_layers import LayerInfo
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
    while names and _width(probe.layers[names[-1]]) == probe.units:
        names.pop()
    return [names[place] for place in evenly(len(names), most)] if names else []


def layer_features(probe: Probe, images: Any, layers: Sequence[str]) -> tuple[list[Array], Array]:
    """Return the features of each image at each layer, and the scores.

    Feature maps are averaged over an even grid of places, so that a layer gives at most `MOST` values, or one for
    each of its maps if they are more. Tokens without a place, as a class token, follow them as they are.

    Args:
        probe: the model.
        images: `(N, H, W, C)` uint8, or what slices like it.
        layers: L names of layers.

    Returns:
        L + 1 arrays `(N, D)` float32, the images themselves first; and `(N, K)` float32 logits.
    """
    from keras import ops

    infos = [probe.layers[name] for name in layers]

    def run(batch: Any) -> Any:
        trace = probe.trace(batch)
        flat = [trace.logits]
        for name, info in zip(layers, infos, strict=True):
            output = ops.cast(trace.maps(name), probe.floats)
            if (weights := grid(_shape(info))) is not None:
                rows, columns = (ops.convert_to_tensor(each, probe.floats) for each in weights)
                output = ops.einsum("ph,bhwf,qw->bpqf", rows, output, columns)
            parts = [output]
            if info.grid is not None and info.grid.before + info.grid.after:
                parts.append(ops.cast(info.grid.further(trace.outputs[name]), probe.floats))
            flat += [ops.reshape(each, (-1, int(np.prod(each.shape[1:])))) for each in parts]
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
    widths = [probe.classes, *map(_width, infos)]
    logits, *parts = np.split(values, np.cumsum(widths)[:-1], axis=1)
    return [np.concatenate(seen), *parts], logits


def grid(shape: Sequence[int | None]) -> tuple[Array, Array] | None:
    """Return the weights that average a layer's places, `(p, h)` and `(q, w)` float64; None for a flat layer."""
    if len(shape) != 3:
        return None
    height, width, maps = (int(size or 1) for size in shape)
    most = max(int((MOST / maps) ** 0.5), 1)
    return cells(height, most), cells(width, most)


def _shape(info: LayerInfo) -> tuple[int | None, ...]:
    return info.shape if info.grid is None else (*info.places, info.shape[-1])


def _width(info: LayerInfo) -> int:
    weights, values = grid(_shape(info)), [int(size or 1) for size in _shape(info)]
    if weights is None:
        return int(np.prod(values))
    further = 0 if info.grid is None else info.grid.before + info.grid.after
    return (len(weights[0]) * len(weights[1]) + further) * values[2]
