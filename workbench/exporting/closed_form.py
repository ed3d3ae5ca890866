"""Grad-CAM without a gradient tape: the part behind the layer is gone back through in operations that run forward.

That makes it a graph like any other, which can be converted to LiteRT and ONNX.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from workbench.core.errors import WorkbenchError
from workbench.core.predictions import scores_of
from workbench.exporting.backward import dense, kind_of, rule_of
from workbench.exporting.backward_places import convolved_back
from workbench.models.graph import Step
from workbench.models.one_unit import slope_of_log_odds
from workbench.models.probe import Probe
from workbench.models.trace import Trace

Tensor = Any


def grad_cam(probe: Probe, images: Tensor, layer: str) -> tuple[Tensor, Tensor]:
    """Scores, and the Grad-CAM map of the class with the largest.

    Source: Selvaraju et al. 2017, arXiv:1610.02391, equations 1 and 2.

    Args:
        probe: the model.
        images: `(B, H, W, C)` float tensor in [0, 1].
        layer: name of a layer with (N, h, w, F) output.

    Returns:
        `(B, K)` logits and `(B, h, w)` values, not negative, in units of the logit.

    Raises:
        WorkbenchError: if a layer behind `layer` has no backward pass that is written forward.
    """
    trace = probe.trace(images)
    chosen = tf.one_hot(tf.argmax(trace.logits, axis=1), probe.classes, dtype=trace.logits.dtype)
    chosen = scores_of(chosen, one_unit=probe.one_unit)  # a logit less the other one: z, or -z
    gradients = trace.places(layer, gradient_by(trace, chosen, layer))
    weights = tf.reduce_mean(gradients, axis=(1, 2), keepdims=True)
    maps = tf.cast(trace.maps(layer), weights.dtype)
    return trace.logits, tf.nn.relu(tf.reduce_sum(weights * maps, axis=-1))


def gradient_by(trace: Trace, cotangent: Tensor, layer: str) -> Tensor:
    """Gradient of `cotangent` · logits by the output of `layer`.

    Args:
        trace: a walk through the model.
        cotangent: `(B, K)`, what each logit counts.
        layer: name of a step.

    Returns:
        A tensor of the shape of the layer's output.

    Raises:
        WorkbenchError: if a layer on the way back has no rule; names it and the layers that may be chosen.
    """
    maps = trace.outputs[layer]
    behind, flow = _start(trace, cotangent)
    first = next(number for number, step in enumerate(trace.steps) if step.output is maps)
    way = _way(trace.steps[first + 1 : behind], maps)
    if lacking := next((step for step in way if rule_of(step.layer) is None), None):
        raise WorkbenchError(_no_rule(lacking, layer, _possible(trace, behind)))
    reached = {id(maps), *(id(step.output) for step in way)}
    for step in reversed(way):
        gradient = flow.pop(id(step.output), None)
        rule = rule_of(step.layer)
        if gradient is None or rule is None:
            continue
        found = rule(step, gradient)
        tensors = step.arguments if isinstance(found, list) else (step.received,)
        for tensor, part in zip(tensors, found if isinstance(found, list) else [found], strict=True):
            if id(tensor) in reached:
                flow[id(tensor)] = flow[id(tensor)] + part if id(tensor) in flow else part
    return flow.get(id(maps), tf.zeros_like(tf.cast(maps, cotangent.dtype)))


def _start(trace: Trace, cotangent: Tensor) -> tuple[int, dict[int, Tensor]]:
    """Return how many steps lie before the scores, and the gradient by what the last of them gave."""
    head = trace.head
    if head is None:
        raise TypeError("A walk of a probe has its head.")
    logits = head.logits
    # The logit of class 0 of one unit is a constant.
    gradient = tf.reshape(cotangent[:, 1:] if trace.one_unit else cotangent, (-1, *logits.shape[1:]))
    if trace.odds:
        gradient *= slope_of_log_odds(tf.cast(logits, gradient.dtype), trace.resolution)
    elif trace.logarithm:
        given = tf.cast(logits, gradient.dtype)
        gradient = tf.where(given > 1e-30, gradient / tf.maximum(given, 1e-30), tf.zeros_like(gradient))
    giver = next((number for number, step in enumerate(trace.steps) if step.output is logits), None)
    if giver is not None:
        return giver + 1, {id(logits): gradient}
    # The activation of the last linear layer was left out: `graph.head_of` applied its kernel and bias alone.
    linear = (n for n, each in enumerate(trace.steps) if each.received is head.embeddings)
    last = max(number for number in linear if hasattr(trace.steps[number].layer, "kernel"))
    step = trace.steps[last]
    convolution = hasattr(step.layer, "convolution_op")
    back = convolved_back(step.layer, step.received, gradient) if convolution else dense(step.layer, gradient)
    return last, {id(step.received): back}


def _way(steps: Sequence[Step], maps: Tensor) -> list[Step]:
    """The steps that `maps` lead to; those that hand a tensor on unchanged are left out."""
    reached = {id(maps)}
    way = []
    for step in steps:
        given = {id(each) for each in (step.received, *step.arguments)}
        if given & reached and id(step.output) not in given:
            reached.add(id(step.output))
            way.append(step)
    return way


def _possible(trace: Trace, behind: int) -> list[str]:
    """Names of the steps with maps behind which every layer has a rule."""
    names = []
    for number, step in enumerate(trace.steps[:behind]):
        if len(step.output.shape) != 4 or step.output.shape[1] == step.output.shape[2] == 1:
            continue
        if all(rule_of(each.layer) is not None for each in _way(trace.steps[number + 1 : behind], step.output)):
            names.append(step.name)
    return names


def _no_rule(step: Step, layer: str, possible: list[str]) -> str:
    activation = getattr(getattr(step.layer, "activation", None), "__name__", "linear")
    kind = (kind_of(step.layer) or type(step.layer).__name__) + (
        "" if activation == "linear" else f" with {activation}"
    )
    later = possible[-8:] if len(possible) > 9 else possible  # the last are those whose maps one looks at
    more = f" (and {len(possible) - len(later)} before them)" if len(possible) > len(later) else ""
    instead = (
        f"Choose a later layer: {', '.join(later)}{more}"
        if possible
        else "No layer of this model can be exported with a map"
    )
    return (
        f"The Grad-CAM of {layer!r} cannot be exported: the layer {step.name!r} behind it ({kind}) has no "
        f"exportable backward pass. {instead}."
    )
