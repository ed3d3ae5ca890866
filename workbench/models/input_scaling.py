"""What a model does to its pixels before its first weights: measured on a few images, not read off names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
EDGE = 0.02
"""How far from black or white, as a share of the range, zero may lie to be taken for it, or outside."""
SYMMETRIC = 0.01
"""How far from the middle of the range it may lie to be taken for that."""
CENTRAL = (0.2, 0.8)
"""Where in 0…255 it lies if it is the mean of most images, whatever the values are divided by."""
WIDTHS = (0.05, 13.0, 300.0)
"""Width of what the first weights receive, for pixels of 0…255: a pixel's step is not lost, nor are values huge; the
last where something is subtracted and nothing divided."""
UNIT_WIDTHS = (0.5, 300.0)
"""The same for pixels of 0…1; 300, since some networks multiply by 255 themselves."""
NARROW = 3.0
"""Width below which values of a deviation of 1 may have come from −1…1 as well as from 0…1."""
AGREE = 0.6
"""Share of the values that have to fit; single pixels at the rim may be divided by nearly nothing."""
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
        """Which pixels the model expects; None where this does not tell, or what it is given may be no such pixels.

        A model that undoes another convention, as that of −1…1, leaves zero at the edge or outside of the range, or
        where it cannot be the mean of values whose deviation is 1.
        """
        if np.allclose(np.abs(self.gain), 1, rtol=1e-3) and np.allclose(self.offset, 0, atol=1e-3):
            return None
        unit, pixels = self._fits(1.0), self._fits(WHITE)
        return None if unit == pixels else PIXELS if pixels else UNIT

    def _fits(self, white: float) -> bool:
        """Whether what pixels of 0…white become is what networks are given."""
        zero, width = -self.offset / (self.gain * white), np.abs(self.gain) * white
        low, high = np.quantile(zero, (0.05, 0.95))
        if low < -EDGE or high > 1 + EDGE:
            return False
        black, bright = np.abs(zero) <= EDGE, np.abs(zero - 1) <= EDGE
        inside = ~black & ~bright & (zero > 0) & (zero < 1)
        symmetric = np.abs(zero - 0.5) <= SYMMETRIC
        deviates = inside & (width**2 * zero * (1 - zero) >= 1)  # the variance that a mean inside a range allows
        if white == WHITE:
            least, most, largest = WIDTHS
            central = (zero >= CENTRAL[0]) & (zero <= CENTRAL[1])
            fits = (width >= least) & ((black & (width <= most)) | ((bright | central | deviates) & (width <= largest)))
            silent = black & (width > most)
        else:
            least, most = UNIT_WIDTHS
            whole = np.isclose(width, WHITE, rtol=EDGE)
            fits = (width >= least) & (width <= most)
            fits &= (
                (black & whole)
                | (bright & (whole | np.isclose(width, 1, rtol=EDGE)))
                | symmetric
                | (deviates & (width >= NARROW))
            )
            silent = black & (width > most)
        told = ~silent
        return bool(told.any() and fits[told].mean() >= AGREE)


def shown_scaling(
    model: keras.Model, graph: Any, images: Tensor, first: Sequence[Tensor], layers: Iterable[Any] = ()
) -> Preprocessing | None:
    """Tell from a traced model whether it scales pixels of 0…255 itself, or expects [0, 1].

    Args:
        model: the model.
        graph: in which it was traced.
        images: `(B, H, W, C)`, the tensor that it was given; B is at least 4, and none of the other sizes.
        first: what its first weights receive; see `DataFlow.first`.
        layers: its layers: one that changes images in training only may name the range of its pixels.

    Returns:
        `PIXELS`, `UNIT`, or None: nothing is done to the pixels, or something that is not affine, or branches differ.
    """
    kind = str(getattr(next(iter(getattr(model, "inputs", None) or []), None), "dtype", ""))
    if "int" in kind:
        return PIXELS if np.iinfo(kind).max >= WHITE else None
    changed = [each for each in first if {way.type for way in ancestors([each], until=[images])} - HANDING_ON]
    if not changed:
        # A range of 0…255 is their default, and no more than that.
        ranges = {tuple(each.value_range) for each in layers if getattr(each, "value_range", None) is not None}
        return UNIT if ranges in ({(0, 1)}, {(0.0, 1.0)}) else None
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
    if count in unit.shape:
        of_image = unit.shape.index(count)  # a recurrent layer takes the rows first, then the images
    elif unit.ndim and unit.shape[0] % count == 0:
        of_image = 0  # the parts of an image one after the other, as a dense layer takes places, and a network patches
    else:
        return None
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
    moves &= np.abs(gain) > 1e-4 * np.abs(gain).max()  # a difference of colours is nothing for any grey
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
