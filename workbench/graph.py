"""Walk through a Keras model on real tensors, seeing every layer's output on the way.

Nothing is built, cut or cloned: the layers are called one after the other as the model itself would
call them in inference mode, so that any model keeps its graph, its weights and its names.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops
from keras.src.models.functional import Functional

Tensor = Any
IDENTITIES = (
    "Identity",
    "Dropout",
    "SpatialDropout2D",
    "GaussianNoise",
    "GaussianDropout",
    "AlphaDropout",
    "ActivityRegularization",
)


@dataclass(frozen=True)
class Step:
    """One call of one layer.

    Attributes:
        name: path of the layer, "backbone/deep" inside a nested model; ":2" follows at its second call.
        layer: the layer, or the operation of `keras.ops` that a functional model recorded.
        received: its first tensor argument.
        output: its output.
    """

    name: str
    layer: Any
    received: Tensor
    output: Tensor


def walk(model: keras.Model, images: Tensor) -> list[Step]:
    """Call `model` on `images` layer by layer; nested models are opened.

    A model with a `call` of its own is one step, since only it knows its layers' order.

    Returns:
        The steps in the order of execution; the last one gives the model's output.
    """
    steps: list[Step] = []
    with _losses_kept(model):
        _visit(model, images, "", steps)
    return steps


def _visit(model: keras.Model, received: Tensor, prefix: str, steps: list[Step]) -> Tensor:
    if isinstance(model, keras.Sequential) and type(model).call is keras.Sequential.call:
        for layer in model.layers:
            received = _call(layer, prefix, steps)(received)
        return received
    if isinstance(model, Functional) and type(model).call is Functional.call:
        # Private in Keras, and the only way to follow a graph with branches; tests/unit/test_graph.py notices a change.
        inputs = model._standardize_inputs(received)
        outputs = model._run_through_graph(inputs, operation_fn=lambda layer: _call(layer, prefix, steps))
        return outputs[0] if isinstance(outputs, list | tuple) and len(outputs) == 1 else outputs
    output = model(received, training=False)
    steps.append(Step(_unused(prefix + model.name, steps), model, received, output))
    return output


def _call(layer: Any, prefix: str, steps: list[Step]) -> Callable[..., Any]:
    """Return what calls `layer` in inference mode and records it."""

    def call(*args: Any, **kwargs: Any) -> Any:
        transparent = type(layer).call in (Functional.call, keras.Sequential.call)
        if transparent and len(args) == 1:
            return _visit(layer, args[0], f"{prefix}{layer.name}/", steps)
        if "training" in getattr(layer, "_call_context_args", {}):
            kwargs["training"] = False
        output = layer(*args, **kwargs)
        if hasattr(output, "shape"):
            received = args[0] if args else next(iter(kwargs.values()), None)
            steps.append(Step(_unused(prefix + layer.name, steps), layer, received, output))
        return output

    return call


def _unused(name: str, steps: list[Step]) -> str:
    taken = {step.name for step in steps}
    count = 2
    unused = name
    while unused in taken:
        unused, count = f"{name}:{count}", count + 1
    return unused


@contextlib.contextmanager
def _losses_kept(model: keras.Model) -> Iterator[None]:
    """Keep the losses that regularised layers hold: a call would replace them by tensors of our trace."""
    layers = [layer for layer in model._flatten_layers() if hasattr(layer, "_losses")]
    before = [list(layer._losses) for layer in layers]
    try:
        yield
    finally:
        for layer, losses in zip(layers, before, strict=True):
            layer._losses[:] = losses


def logits_of(steps: list[Step]) -> tuple[Tensor, Tensor, str]:
    """Find the scores before the softmax.

    Returns:
        The logits; the values that the last linear layer received (the embeddings); and a sentence
        about what was left out. An empty sentence says that no linear layer ends the model.
    """
    remaining = list(steps)
    while len(remaining) > 1 and _is_identity(remaining[-1].layer):
        remaining.pop()
    last = remaining[-1]
    if _is_softmax(last.layer):
        embeddings = _linear_input(remaining[:-1], last.received)
        return last.received, embeddings, f"The softmax layer {last.name!r} is left out: scores are its inputs."
    if _activation(last.layer) == "softmax" and hasattr(last.layer, "kernel"):
        said = f"The softmax of layer {last.name!r} is left out: scores are its values before it."
        return _without_activation(last), last.received, said
    if _activation(last.layer) == "linear" and hasattr(last.layer, "kernel"):
        return last.output, last.received, "The model ends without a softmax: its outputs are the scores."
    return last.output, last.received, ""


def _is_identity(layer: Any) -> bool:
    plain = type(layer).__name__ == "Activation" and _activation(layer) == "linear"
    return plain or type(layer).__name__ in IDENTITIES


def _is_softmax(layer: Any) -> bool:
    if type(layer).__name__ == "Activation":
        return _activation(layer) == "softmax"
    return type(layer).__name__ == "Softmax"  # the layer, or the operation of keras.ops


def _activation(layer: Any) -> str:
    activation = getattr(layer, "activation", None)
    return str(getattr(activation, "__name__", "linear" if activation is None else "unknown"))


def _linear_input(steps: list[Step], logits: Tensor) -> Tensor:
    """What the layer that gave `logits` received, or the logits themselves where it is not known."""
    giver = next((step for step in reversed(steps) if step.output is logits and hasattr(step.layer, "kernel")), None)
    return logits if giver is None else giver.received


def _without_activation(step: Step) -> Tensor:
    """Apply kernel and bias of a Dense or convolution layer, and no activation."""
    layer = step.layer
    if hasattr(layer, "convolution_op"):
        output = layer.convolution_op(step.received, layer.kernel)
    else:
        output = ops.matmul(ops.cast(step.received, layer.compute_dtype), ops.cast(layer.kernel, layer.compute_dtype))
    return output if layer.bias is None else ops.add(output, ops.cast(layer.bias, output.dtype))
