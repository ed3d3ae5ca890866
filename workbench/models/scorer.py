"""The explained score as tensors: its value, and its gradients by pixels and by feature maps."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from workbench.core.types import Array
from workbench.core.types import Score as ScoreKind
from workbench.models.data_flow import ancestors
from workbench.models.engine import in_parts
from workbench.models.layer_biases import NOTHING, shown_bias
from workbench.models.multipliers import MultiplierPass, of_probability
from workbench.models.passable_steps import passable_steps, start_of
from workbench.models.pull_back import pull_back
from workbench.models.relevance import Rules
from workbench.models.score_start import start_multipliers
from workbench.models.trace import Scored, Trace, Tracer
from workbench.models.way_back import WayBack

Tensor = Any
NO_CLASS = -1
"""In place of the other class of a contrast: nothing is taken off."""
RECTIFIERS = ("Relu", "Relu6", "LeakyRelu")
"""Operations that let only what is positive through; guided backpropagation changes their backward pass."""

ROUNDING = {"float64": 1e-12, "float32": 1e-5, "float16": 1e-2, "bfloat16": 1e-1}
"""Share of an image's largest output below which what a layer adds by itself is rounding, by precision."""


@tf.RegisterGradient("WorkbenchGuided")  # type: ignore[untyped-decorator]
def _guided(operation: Any, gradient: Tensor) -> Tensor:
    received = operation.inputs[0]
    was_open = (received > 0) & (received < 6) if operation.type == "Relu6" else received > 0
    return tf.where((gradient > 0) & was_open, gradient, tf.zeros_like(gradient))


@tf.RegisterGradient("WorkbenchDeconvolved")  # type: ignore[untyped-decorator]
def _deconvolved(_: Any, gradient: Tensor) -> Tensor:
    return tf.nn.relu(gradient)


def continued(probe: Tracer, images: Tensor, trace: Trace, layer: str, changed: Tensor) -> Trace:
    """Run what lies behind a layer on other outputs of it; what lies before is not computed again.

    Args:
        probe: the model.
        images: `(B, H, W, C)`.
        trace: of these images.
        layer: name of the layer.
        changed: `(B, S, …)`, S other outputs of the layer for each image, or S other feature maps, `(B, S, h, w, F)`:
            of tokens, those without a place stay as they are.

    Returns:
        The trace of B · S rows, all of one image before those of the next.
    """
    names, copies = [*trace.outputs], tf.shape(changed)[1]
    known = {name: tf.repeat(trace.outputs[name], copies, axis=0) for name in names[: names.index(layer) + 1]}
    own, rows = known[layer], tf.reshape(changed, (-1, *changed.shape[2:]))
    placed = layer in trace.grids and changed.shape.rank == 5
    found = trace.grids[layer].replaced(own, rows) if placed else tf.reshape(rows, (-1, *own.shape[1:]))
    known[layer] = tf.cast(found, own.dtype)
    return probe.trace(tf.repeat(images, copies, axis=0), known)


@dataclass(frozen=True)
class Shared:
    """How a score is computed so that logits and contrasts share a compiled function, which takes long to make.

    Attributes:
        kind: what a `Scorer` is to compute.
        against: `(N,)` its other classes.
        shared: whether a logit is computed as a contrast with `NO_CLASS`.
    """

    kind: ScoreKind
    against: Array
    shared: bool

    @classmethod
    def of(
        cls, probe: Tracer, score: ScoreKind, target: Array, against: Array | None, *, apart: bool = False
    ) -> Shared:
        """Choose how to compute a score of the `(N,)` classes `target`.

        Args:
            probe: of the model; of one unit, a logit is no contrast with nothing.
            score: what is explained.
            target: `(N,)` classes.
            against: `(N,)` other classes of contrasts; None for none.
            apart: whether the caller tells logits and contrasts apart.
        """
        if apart or probe.one_unit or score == "probability":
            return cls(score, np.zeros_like(target) if against is None else against, False)
        return cls("contrast", np.full_like(target, NO_CLASS) if against is None else against, True)


def felt(logits: Tensor, tensors: list[Tensor]) -> list[Tensor]:
    """Magnitude of the gradient of all logits, each with a weight of its own, by some tensors, less their last axis."""
    values = tf.reshape(logits, (tf.shape(logits)[0], -1))
    weights = tf.cast(tf.range(1, tf.shape(values)[1] + 1), values.dtype)
    found = tf.gradients(values * weights, tensors, unconnected_gradients="zero")
    return [tf.reduce_sum(tf.abs(each), axis=-1) for each in found]


class Scorer:
    """The explained score of each image, as tensors inside one compiled function.

    Images have shape (B, H, W, C), or (B, S, H, W, C) for S changed copies of each; scores have (B,) or (B, S).

    Attributes:
        background: `(R, H, W, C)` images that stand for "nothing in particular", or None.

    Args:
        target: `(B,)` int64, the explained class.
        against: `(B,)` int64, the class it is contrasted with, or `NO_CLASS`; used by the contrast only.
        kind: "logit" f_c (of one unit, f_c less the other class's), "probability" softmax(f)_c, or "contrast"
            f_c - f_c'.
        background: as above.
        shared: whether a logit is computed here as a contrast with `NO_CLASS`, see `Shared`.
    """

    def __init__(
        self,
        probe: Tracer,
        target: Tensor,
        against: Tensor,
        kind: ScoreKind,
        background: Tensor | None = None,
        *,
        shared: bool = False,
    ) -> None:
        self.probe, self.target, self._against, self._kind, self.background = probe, target, against, kind, background
        self._shared = shared

    @property
    def kind(self) -> ScoreKind:
        """What is explained."""
        return self._told(self._kind)

    @property
    def against(self) -> Tensor:
        """`(B,)` int64, the class it is contrasted with."""
        return self._told(self._against)

    def _told(self, value: Any) -> Any:
        if self._shared:
            raise TypeError("Logits and contrasts share this trace. A method that tells them apart sets `tells_kind`.")
        return value

    def __call__(self, images: Tensor) -> Tensor:
        """Score of each image; not to be differentiated, since other engines than TensorFlow compute it, too."""
        return self._by_rows(lambda rows, *classes: self._pick(self.probe.scored(rows), *classes), images)

    def of_rows(self, rows: Tensor) -> Scorer:
        """Return what scores the images of these numbers, `(M,)`, in this order; one may stand there several times."""
        other = copy.copy(self)
        other.target, other._against = tf.gather(self.target, rows), tf.gather(self._against, rows)
        return other

    def gradient(self, images: Tensor) -> Tensor:
        """Gradient of each image's score by its own pixels, of the shape of `images`."""

        def gradient(rows: Tensor, *classes: Tensor) -> Tensor:
            with tf.GradientTape() as tape:
                tape.watch(rows)
                scores = self._pick(self.probe.trace(rows), *classes)
            return tape.gradient(scores, rows, unconnected_gradients="zero")

        return self._by_rows(gradient, images)

    def rectified_gradient(self, images: Tensor, rule: Literal["guided", "deconvolved"]) -> Tensor:
        """Gradient by the pixels, `(B, H, W, C)`, in which each ReLU hands back only what is positive.

        Args:
            images: `(B, H, W, C)`.
            rule: "guided" also asks that the ReLU was open, "deconvolved" does not.
        """
        override = "WorkbenchGuided" if rule == "guided" else "WorkbenchDeconvolved"
        with tf.compat.v1.get_default_graph().gradient_override_map(dict.fromkeys(RECTIFIERS, override)):
            scores = self._pick(self.probe.trace(images), self.target, self._against)
        # Symbolic gradients honour the override; a tape does not.
        return tf.gradients(scores, images, unconnected_gradients="zero")[0]

    def relevance(self, images: Tensor, rules: Rules) -> tuple[Tensor, Tensor]:
        """Relevance of each pixel by layer-wise propagation, `(B, H, W, C)`, and of all scores together, `(B,)`.

        The pass begins at the scores that the model gives, each times the slope of what is explained by it: at a logit
        with its value, at a contrast with one value and the other's negative.

        Args:
            images: `(B, H, W, C)`.
            rules: which rule each linear map has.
        """
        way = WayBack.of(self.probe, images, lambda trace: self._pick(trace, self.target, self._against), rules)
        return way.pixels(), way.start

    def contributions(self, images: Tensor, references: Tensor) -> tuple[Tensor, Tensor]:
        """DeepLIFT's contributions of each pixel to the score's difference to each reference, and that difference.

        Args:
            images: `(B, H, W, C)`.
            references: `(B, R, H, W, C)`.

        Returns:
            `(B, R, H, W, C)` and `(B, R)`.
        """
        several = int(references.shape[1])
        target, against = (tf.repeat(each, several) for each in (self.target, self._against))
        rows = tf.concat([tf.repeat(images, several, axis=0), tf.reshape(references, (-1, *images.shape[1:]))], axis=0)
        with self.probe.weights_in_place():
            trace = self.probe.trace(rows)
            scores = self._pick(trace, tf.tile(target, (2,)), tf.tile(against, (2,)))
            if self._kind == "probability":
                found = of_probability(trace.logits, target)
            else:
                found = tf.split(pull_back(scores, [trace.logits], tf.ones_like(scores))[0], 2)[0]
            back = MultiplierPass(passable_steps(trace.steps, trace.head, trace.given), self.probe.floats)
            pixels = self.probe.at_pixels(back.run(trace.given, start_of(trace.head), start_multipliers(trace, found)))
        difference = tf.reshape(tf.subtract(*tf.split(scores, 2)), (-1, several))
        return tf.reshape(pixels, (-1, several, *images.shape[1:])), difference

    def feature_maps(self, images: Tensor, layer: str | None) -> Tensor:
        """Outputs of `layer`, `(B, h, w, F)`."""
        return tf.cast(self.probe.trace(images).maps(str(layer)), self.probe.floats)

    def feature_maps_and_gradients(self, images: Tensor, layer: str | None) -> tuple[Tensor, Tensor]:
        """Outputs of `layer` and the score's gradient by them, `(B, h, w, F)` each; only the head runs backward."""
        with tf.GradientTape() as tape:
            tape.watch(images)
            trace = self.probe.trace(images)
            scores = self._pick(trace, self.target, self._against)
        gradients = tape.gradient(scores, trace.outputs[str(layer)], unconnected_gradients="zero")
        maps, gradients = trace.maps(str(layer)), trace.places(str(layer), gradients)
        return tf.cast(maps, self.probe.floats), tf.cast(gradients, self.probe.floats)

    def full_gradient(self, images: Tensor) -> tuple[Tensor, list[Tensor], list[Tensor], Tensor]:
        """Part the score into what the pixels and what the layers' biases contribute, without a rest.

        What a layer adds by itself is its output less its Jacobian times its input: a convolution's bias, both
        statistics and shift of a batch normalisation, and of an activation that is no ReLU its tangent's intercept.
        That times the score's gradient by the output, added over all layers, and the gradient times the pixels are the
        score. Source: Srinivas and Fleuret 2019, arXiv:1905.00780, proposition 1 and section 3.1.

        Args:
            images: `(B, H, W, C)`.

        Returns:
            `(B, H, W, C)` of the pixels; `(B, h, w, F)` of each layer whose places are the image's; `(B, …)` of each
            other, with what the head adds at last; and `(B,)` scores.
        """
        trace = self.probe.trace(images)
        scores = self._pick(trace, self.target, self._against)
        places = set(self.probe.spatial_layers)
        steps = [step for step in trace.steps if hasattr(step.output, "op") and step.output.dtype.is_floating]
        made = {step.output.name: step for step in reversed(steps) if step.output is not images}  # by the first of them
        outputs = [step.output for step in reversed(made.values())]
        slopes = tf.gradients(scores, [images, *outputs])
        known, placed, others = [images], list[Tensor](), list[Tensor]()
        for output, slope in zip([*outputs, scores], [*slopes[1:], tf.ones_like(scores)], strict=True):
            if slope is None:
                continue  # the score does not depend on it
            step = made.get(output.name)
            own = shown_bias(step, known) if step is not None else None
            if own is not NOTHING:
                here = next((each.name for each in steps if each.output is output and each.name in places), "")
                of_pixels = output.shape.rank == 4 and output.shape[1:3] == images.shape[1:3]
                part = tf.cast(slope * (_own_share(output, known) if own is None else own), self.probe.floats)
                (placed if here or of_pixels else others).append(trace.places(here, part))
                if here in trace.grids:
                    others.append(trace.grids[here].further(part))
            known.append(output)
        of_images = tf.zeros_like(images) if slopes[0] is None else slopes[0] * images
        return of_images, placed, others, scores

    def attention(self, images: Tensor) -> list[Tensor]:
        """Attention of each layer that has one, `(B, heads, T, T)`, first to last; a row adds up to 1."""
        return [self._headed(each) for each in self.probe.trace(images).attention]

    def attention_and_gradients(self, images: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Attention of each layer and the score's gradient by it, two `(B, heads, T, T)` each, first to last."""
        with tf.GradientTape() as tape:
            tape.watch(images)
            trace = self.probe.trace(images)
            scores = self._pick(trace, self.target, self._against)
        given = list(trace.attention)
        gradients = tape.gradient(scores, given, unconnected_gradients="zero")
        return [(self._headed(one), self._headed(other)) for one, other in zip(given, gradients, strict=True)]

    def _headed(self, values: Tensor) -> Tensor:
        values = tf.cast(values, self.probe.floats)
        return values if values.shape.rank == 4 else values[:, None]

    def of_copies(self, count: int, change: Callable[[Tensor], Tensor]) -> Tensor:
        """Score `count` changed copies of each image, a few at a time, so that they never lie in memory at once.

        Args:
            count: copies of each image, S.
            change: numbers of some copies, `(s,)` int32, to these copies, `(B, s, H, W, C)`.

        Returns:
            `(B, S)`.
        """
        return self._in_parts(lambda numbers: self(change(numbers)), count)

    def without_each_channel(self, images: Tensor, layer: str | None) -> Tensor:
        """Scores with one feature map of `layer` after the other set to zero, `(B, F)`; only the head is run again.

        Of tokens, those without a place stay as they are.
        """
        whole = self.probe.trace(images)
        maps = whole.maps(str(layer))
        channels = int(maps.shape[-1])

        def scores(numbers: Tensor) -> Tensor:
            size = numbers.shape[0]
            keep = 1 - tf.one_hot(numbers, channels, dtype=maps.dtype)  # (s, F)
            trace = continued(self.probe, images, whole, str(layer), maps[:, None] * keep[:, None, None, :])
            classes = (tf.repeat(each, size) for each in (self.target, self._against))
            return tf.reshape(self._pick(trace, *classes), (-1, size))

        return self._in_parts(scores, channels)

    def _pick(self, trace: Scored, target: Tensor, against: Tensor) -> Tensor:
        if self._kind == "probability":
            values = tf.nn.softmax(trace.logits)
        else:
            values = trace.scores if self._kind == "logit" else trace.logits
        rows = tf.range(tf.shape(values, out_type=target.dtype)[0])

        def chosen(classes: Tensor) -> Tensor:
            # The gradient of `tf.gather` along a batch axis is a hundred operations, which made a trace twice as long.
            return tf.gather_nd(values, tf.stack([rows, classes], axis=1))

        if self._kind != "contrast":
            return chosen(target)
        none = against == NO_CLASS
        # Chosen, not multiplied by 0: what is infinite of a class that does not count must not be felt.
        return chosen(target) - tf.where(none, tf.zeros((), values.dtype), chosen(tf.where(none, target, against)))

    def _in_parts(self, scores: Callable[[Tensor], Tensor], count: int) -> Tensor:
        """Call `scores` with (s,) of the numbers 0 … `count` - 1 after the other, and join its `(B, s)`."""
        parts = -(-count // self.probe.max_rows)
        if parts == 1:
            return scores(tf.range(count))
        size = -(-count // parts)
        numbers = tf.reshape(tf.minimum(tf.range(parts * size), count - 1), (parts, size))
        spec = tf.TensorSpec((None, size), self.probe.floats)
        found = in_parts(scores, numbers, spec)  # (parts, B, size)
        return tf.reshape(tf.transpose(found, (1, 0, 2)), (-1, parts * size))[:, :count]

    def _by_rows(self, function: Callable[..., Tensor], images: Tensor) -> Tensor:
        """Apply `function` to (rows, H, W, C); copies are folded into rows, at most `max_rows` a call."""
        if images.shape.rank == 4:
            return function(images, self.target, self._against)
        copies, size = images.shape[1], self.probe.max_rows
        rows = tf.reshape(images, (-1, *images.shape[2:]))
        arguments = (rows, tf.repeat(self.target, copies), tf.repeat(self._against, copies))
        if copies <= size:  # the caller chose B so that B x S fits
            output = function(*arguments)
        else:
            parts = -(-tf.shape(rows)[0] // size)
            padding = parts * size - tf.shape(rows)[0]
            padded = [tf.pad(each, [[0, padding], *[[0, 0]] * (each.shape.rank - 1)]) for each in arguments]
            stacked = [tf.reshape(each, (parts, size, *each.shape[1:])) for each in padded]
            spec = tf.TensorSpec(function(*(each[0] for each in stacked)).shape, self.probe.floats)
            output = in_parts(lambda part: function(*part), tuple(stacked), spec)
            output = tf.reshape(output, (parts * size, *output.shape[2:]))[: tf.shape(rows)[0]]
        return tf.reshape(output, (-1, copies, *output.shape[1:]))


def _own_share(output: Tensor, known: Sequence[Tensor]) -> Tensor:
    """Return an output less its Jacobian times what it was computed from, in the output's shape.

    The product with the Jacobian is the derivative, by a vector that it is linear in, of the product with the
    transposed one, so that only gradients are asked for.

    Args:
        output: `(B, …)`.
        known: tensors before it; beyond those that it was computed from, nothing is looked at.
    """
    names = {each.name: each for each in known}
    read = [each.name for operation in ancestors([output], until=known) for each in operation.inputs]
    given = [names[name] for name in dict.fromkeys(read) if name in names]
    direction = tf.zeros_like(output)
    back = tf.gradients(output, given, grad_ys=direction, stop_gradients=given) if given else []
    pairs = [(tf.convert_to_tensor(one), other) for one, other in zip(back, given, strict=True) if one is not None]
    products = [tf.reduce_sum(tf.cast(one * other, output.dtype)) for one, other in pairs]
    linear = tf.gradients(products, direction)[0] if products else None
    own = output if linear is None else output - linear
    axes = list(range(1, output.shape.rank))
    near = ROUNDING.get(output.dtype.name, 1e-5) * tf.reduce_max(tf.abs(output), axis=axes, keepdims=True)
    return tf.where(tf.abs(own) > near, own, tf.zeros_like(own))
