"""What a model does to its pixels before its first weights: measured on a few images, not read off names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from workbench.core.types import Array
from workbench.models.data_flow import ancestors
from workbench.models.graph import Tensor
from workbench.models.preprocessing import PIXELS, UNIT, Preprocessing

WHITE = 255.0
CROSSING = 0.5
"""Zero lies between black and white, or at most this far outside, where a network scales its pixels for itself."""
WIDTHS = (0.05, 13.0)
"""Width of what the first weights receive, for pixels of 0…255: a pixel's step is not lost, nor are values huge."""
UNIT_WIDTHS = (0.5, 300.0)
"""The same for pixels of 0…1; 300, since some networks multiply by 255 themselves."""
HANDING_ON = frozenset({"Cast", "Const", "ExpandDims", "Identity", "Pad", "Reshape", "Squeeze", "Transpose"})
"""Operations that change no value: where there are no others, nothing needs to be run."""
TOLERANCES = {"float16": 4e-3, "bfloat16": 3e-2}
TOLERANCE = 1e-4
"""Relative difference up to which two values are the same, by the precision that they were computed in."""


@dataclass(frozen=True)
class Scaling:
    """What the pixels become, elsewhere than in padding: `pixels · gain + offset`, element by element.

    Attributes:
        gain, offset: `(M,)` float64.
    """

    gain: Array
    offset: Array

    @property
    def preprocessing(self) -> Preprocessing | None:
        """Which pixels the model expects; None where this does not tell."""
        if np.allclose(np.abs(self.gain), 1, rtol=1e-3) and np.allclose(self.offset, 0, atol=1e-3):
            return None
        low, high = np.quantile(-self.offset / self.gain, (0.05, 0.95))
        unit, pixels = (low >= -CROSSING and high <= white + CROSSING for white in (1.0, WHITE))
        size = float(np.median(np.abs(self.gain)))
        if unit and pixels:
            pixels = WIDTHS[0] <= size * WHITE <= WIDTHS[1]
            unit = UNIT_WIDTHS[0] <= size <= UNIT_WIDTHS[1]
        return None if unit == pixels else PIXELS if pixels else UNIT


def shown_scaling(model: keras.Model, graph: Any, images: Tensor, first: Sequence[Tensor]) -> Preprocessing | None:
    """Tell from a traced model whether it scales pixels of 0…255 itself, or expects [0, 1].

    Args:
        model: the model.
        graph: in which it was traced.
        images: `(B, H, W, C)`, the tensor that it was given; B is at least 4, and none of the other sizes.
        first: what its first weights receive; see `DataFlow.first`.

    Returns:
        `PIXELS`, `UNIT`, or None: nothing is done to the pixels, or something that is not affine, or branches differ.
    """
    kind = str(getattr(next(iter(getattr(model, "inputs", None) or []), None), "dtype", ""))
    if "int" in kind:
        return PIXELS if np.iinfo(kind).max >= WHITE else None
    changed = [each for each in first if {way.type for way in ancestors([each], until=[images])} - HANDING_ON]
    if not changed:
        return None
    values = np.zeros(images.shape, np.float32)
    values[1], values[2], values[3] = 0.5, 1.0, np.random.default_rng(0).random(images.shape[1:])
    try:
        evaluate = _evaluator(graph, images, changed)
        unit, pixels = evaluate(values), evaluate(values * np.float32(WHITE))
    except (tf.errors.OpError, ValueError, TypeError):
        return None  # an operation that cannot be taken out of its graph
    found = {
        _expected(each.dtype.name, len(values), *both)
        for each, both in zip(changed, zip(unit, pixels, strict=True), strict=True)
    }
    named = found - {None}
    return named.pop() if len(named) == 1 else None


def _expected(kind: str, count: int, unit: Array, pixels: Array) -> Preprocessing | None:
    """Tell from what a tensor is for black, grey, white and random pixels, in [0, 1] and in 0…255."""
    if count not in unit.shape:
        return None
    of_image = unit.shape.index(count)  # a recurrent layer takes the rows first, then the images
    unit, pixels = (np.moveaxis(each, of_image, 0).reshape(count, -1) for each in (unit, pixels))
    if not (np.isfinite(unit[3]).all() and np.isfinite(pixels[3]).all()):
        return None
    close = TOLERANCES.get(kind, TOLERANCE)
    if np.ptp(unit[3]) > close and np.allclose(unit[3], pixels[3], rtol=0, atol=10 * close * np.ptp(unit[3])):
        return UNIT  # any scale is the same to it, as after standardising each image by itself
    if not (np.isfinite(unit[:3]).all() and np.isfinite(pixels[:3]).all()):
        return None
    gain, offset = (pixels[2] - pixels[0]) / WHITE, pixels[0]
    moves = np.abs(gain) * WHITE > 1e-6 * np.maximum(np.abs(offset), 1e-3)
    gain, offset, unit, pixels = gain[moves], offset[moves], unit[:, moves], pixels[:, moves]
    if not len(gain):
        return None
    near, far = (close * np.maximum(np.abs(offset), np.abs(gain) * white) * 4 for white in (1.0, WHITE))
    affine = (
        (np.abs(pixels[1] - (offset + gain * WHITE / 2)) <= far).all()
        and (np.abs(unit[2] - (offset + gain)) <= near + 1e-4 * np.abs(gain)).all()
        and (np.abs(unit[1] - (offset + gain / 2)) <= near + 1e-4 * np.abs(gain)).all()
    )
    return Scaling(gain, offset).preprocessing if affine else None


def _evaluator(graph: Any, images: Tensor, wanted: Sequence[Tensor]) -> Callable[[Array], list[Array]]:
    """Return what runs the few operations between a graph's input and `wanted`, and none of the others."""
    operations = ancestors(wanted, until=[images])
    definition = tf.compat.v1.GraphDef()
    definition.versions.producer = tf.version.GRAPH_DEF_VERSION
    for operation in operations:
        definition.node.add().CopyFrom(operation.node_def)
    placeholder = definition.node.add()
    placeholder.CopyFrom(images.op.node_def)
    if any(_calls(operation) for operation in operations):
        definition.library.CopyFrom(graph.as_graph_def().library)
    inside = {inner.name: outer for outer, inner in graph.captures}
    known = {each.outputs[0].name for each in operations if each.type == "Placeholder"}
    captured = {name: outer for name, outer in inside.items() if name in known}

    def run(given: Tensor) -> list[Tensor]:
        mapped = {images.name: tf.cast(given, images.dtype)} | {
            name: tf.identity(each) for name, each in captured.items()
        }
        return list(
            tf.graph_util.import_graph_def(definition, input_map=mapped, return_elements=[each.name for each in wanted])
        )

    concrete = tf.function(run, autograph=False).get_concrete_function(tf.TensorSpec(images.shape, tf.float32))
    return lambda values: [np.asarray(tf.cast(each, tf.float64)) for each in concrete(tf.constant(values))]


def _calls(operation: Any) -> bool:
    return any(attribute.HasField("func") or attribute.list.func for attribute in operation.node_def.attr.values())
