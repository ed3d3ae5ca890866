"""Walk through a Keras model on real tensors, seeing every layer's output on the way.

Nothing is built, cut or cloned: the layers are called one after the other as the model itself would
call them in inference mode, so that any model keeps its graph, its weights and its names.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import keras
from keras import ops, tree
from keras.src.models.functional import Functional

from workbench.core.errors import WorkbenchError
from workbench.core.memory import free_memory
from workbench.models.blocks import Given, overheard, parts_of

Tensor = Any
Known = Mapping[str, Tensor]
IDENTITIES = (
    "Identity",
    "Dropout",
    "SpatialDropout2D",
    "GaussianNoise",
    "GaussianDropout",
    "AlphaDropout",
    "ActivityRegularization",
)
RESHAPES = ("Flatten", "Reshape", "Squeeze", "Cast")
SQUASHING = ("softmax", "log_softmax", "sigmoid")
"""Activations that keep the order of the scores, and whose slope fades where the model is sure."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One call of one layer.

    Attributes:
        name: path of the layer, "backbone/deep" inside a nested model; ":2" follows at its second call.
        layer: the layer, or the operation of `keras.ops` that a functional model recorded.
        received: its first tensor argument.
        output: its output.
        arguments: everything it was called with, flat: more than one tensor where branches meet, and numbers.
    """

    name: str
    layer: Any
    received: Tensor
    output: Tensor
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Head:
    """How a model ends.

    Attributes:
        logits: scores before the softmax or sigmoid.
        embeddings: what the last linear layer received.
        note: a sentence about what was left out; empty where no linear layer ends the model.
        sigmoid: whether the output is one sigmoid a class, so that its probabilities need not add up to 1.
        ending: the activation that ends the model, "linear" for none; empty where no layer shows it.
        step: the step that gives the scores, where these are its output before its activation; else None.
    """

    logits: Tensor
    embeddings: Tensor
    note: str
    sigmoid: bool = False
    ending: str = ""
    step: Step | None = None

    @property
    def one_unit(self) -> bool:
        """Whether there is one score for an image, of whatever shape."""
        return all(size == 1 for size in self.logits.shape[1:])


def walk(model: keras.Model, images: Tensor, known: Known | None = None) -> list[Step]:
    """Call `model` on `images` layer by layer; nested models are opened.

    A model with a `call` of its own is one step, since only it knows its layers' order.

    Args:
        model: any Keras 3 model.
        images: what it takes.
        known: outputs, by step, that replace calling the layer: to continue a model from changed feature maps.

    Returns:
        The steps in the order of execution; the last one gives the model's output.

    Raises:
        WorkbenchError: if the model has more than one output.
    """
    steps: list[Step] = []
    with _losses_kept(model):
        given = _visit(model, images, "", steps, known or {})
    outputs = tree.flatten(given)
    if len(outputs) != 1:
        raise WorkbenchError(
            f"The model must have one output, (N, K). It has {len(outputs)}: {_described(model, given)}. Give "
            "`keras.Model(model.inputs, …)` of its inputs and the one of these with a score for each class."
        )
    last = next((n for n in range(len(steps), 0, -1) if steps[n - 1].output is outputs[0]), 0)
    return (
        steps[:last]
        if last
        else [*steps, Step(name=_unused(model.name, steps), layer=model, received=images, output=outputs[0])]
    )


def _described(model: keras.Model, given: Any) -> str:
    """Name several outputs, with shapes."""
    found = [("/".join(map(str, path)), output) for path, output in tree.flatten_with_path(given)]
    names = list(getattr(model, "output_names", None) or [])
    if len(names) == len(found) and not isinstance(given, dict):
        found = [(name, output) for name, (_, output) in zip(names, found, strict=True)]
    return ", ".join(
        f"{name!r} ({', '.join(['N', *map(str, getattr(output, 'shape', (0,))[1:])])})" for name, output in found
    )


def _visit(model: keras.Model, received: Tensor, prefix: str, steps: list[Step], known: Known) -> Tensor:
    if isinstance(model, keras.Sequential) and type(model).call is keras.Sequential.call:
        for layer in model.layers:
            received = _call(layer, prefix, steps, known)(received)
        return received
    if isinstance(model, Functional) and type(model).call is Functional.call:
        # Private in Keras, and the only way to follow a graph with branches; tests/unit/test_graph.py notices a change.
        if len(model.inputs) == 1:
            received = tree.pack_sequence_as(model.input, tree.flatten(received))  # as a list or dict, if so built
        inputs = model._standardize_inputs(received)
        if len(inputs) == 1 and "int" in model.inputs[0].dtype:
            inputs = tree.flatten(received)  # rounded to whole numbers it would have no gradient
        outputs = model._run_through_graph(inputs, operation_fn=lambda layer: _call(layer, prefix, steps, known))
        return outputs[0] if isinstance(outputs, list | tuple) and len(outputs) == 1 else outputs
    name = _unused(prefix + model.name, steps)
    output = known[name] if name in known else model(received, training=False)
    steps.append(
        Step(name=name, layer=model, received=received, output=output, arguments=tuple(tree.flatten(received)))
    )
    return output


def _call(layer: Any, prefix: str, steps: list[Step], known: Known) -> Callable[..., Any]:
    """Return what calls `layer` in inference mode, or takes its known output, and records it."""

    def call(*args: Any, **kwargs: Any) -> Any:
        transparent = type(layer).call in (Functional.call, keras.Sequential.call)
        if transparent and len(args) == 1:
            return _visit(layer, args[0], f"{prefix}{layer.name}/", steps, known)
        given = args, {**kwargs}
        if "training" in getattr(layer, "_call_context_args", {}):
            kwargs["training"] = False
        name = _unused(prefix + layer.name, steps)
        output = known[name] if name in known else _run(layer, layer, (args, kwargs), name, steps=steps, known=known)
        _record(name, layer, output, given, steps)
        return output

    return call


def _run(layer: Any, call: Callable[..., Any], given: Given, name: str, *, steps: list[Step], known: Known) -> Any:
    """Call a layer; of a block of somebody's own that takes tokens, (N, T, F), the layers inside are recorded too.

    Nothing else shows the blocks of an encoder that is one layer, as that of Keras Hub is.
    """
    args, kwargs = given
    inner = parts_of(layer) if len(getattr(next(iter(args), None), "shape", ())) == 3 else []
    if not inner:
        return call(*args, **kwargs)
    graph = getattr(args[0], "graph", None)

    def heard(part: Any, run: Callable[..., Any], given: Given) -> Any:
        args, kwargs = given
        if getattr(next(iter(args), None), "graph", None) is not graph:
            return run(*args, **kwargs)  # in a loop: what it gives is not seen outside
        path = _unused(f"{name}/{part.name}", steps)
        output = known[path] if path in known else _run(part, run, given, path, steps=steps, known=known)
        _record(path, part, output, given, steps)
        return output

    with overheard(inner, heard):
        return call(*args, **kwargs)


def _record(name: str, layer: Any, output: Any, given: Given, steps: list[Step]) -> None:
    if hasattr(output, "shape"):
        values = [*given[0], *given[1].values()]
        tensors = (each for each in values if any(ops.is_tensor(part) for part in tree.flatten(each)))
        received = next(tensors, values[0] if values else None)  # not the 1 of `1 - x`
        arguments = tuple(tree.flatten(given))
        steps.append(Step(name=name, layer=layer, received=received, output=output, arguments=arguments))


def _unused(name: str, steps: list[Step]) -> str:
    taken = {step.name for step in steps}
    count = 2
    unused = name
    while unused in taken:
        unused, count = f"{name}:{count}", count + 1
    return unused


def refuse_huge(graph: Any, images: Tensor) -> None:
    """See that memory holds every tensor of a traced model, before any is computed.

    Args:
        graph: in which it was traced.
        images: the tensor that it was given, whose number is known.

    Raises:
        WorkbenchError: if one alone is larger than what is free.
    """
    free, count = free_memory(), int(images.shape[0])
    if free is None:
        return
    for operation in graph.get_operations():
        for each in operation.outputs:
            shape = each.shape.as_list() if each.shape.rank is not None else [None]
            size = 0 if None in shape else math.prod(shape) * max(each.dtype.size or 1, 1)
            if size > free:
                raise WorkbenchError(
                    f"The model needs {size / count / 2**30:,.0f} GB of memory for one image: inside it "
                    f"({operation.name[:80]!r}) there is an array of shape {tuple(shape)} for {count}, and "
                    f"{free / 2**30:.1f} GB are free."
                )


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


def head_of(steps: list[Step]) -> Head:
    """Find the scores before the softmax, or before the sigmoid of each class."""
    last = _behind(steps, steps[-1])
    if squash := _squash(last.layer):
        note = f"The {squash} layer {last.name!r} is left out: scores are its inputs."
        return _head(last.received, _linear_input(steps, last.received), note, squash)
    activation = _activation(last.layer)
    if activation in SQUASHING and _can_be_applied(last.layer):
        note = f"The {activation} of layer {last.name!r} is left out: scores are its inputs."
        return replace(_head(_without_activation(last), last.received, note, activation), step=last)
    if activation == "linear" and hasattr(last.layer, "kernel") and hasattr(last.layer, "activation"):
        note = "The model ends without a softmax: its outputs are the scores."
        return Head(last.output, last.received, note, ending="linear" if _can_be_applied(last.layer) else "")
    return Head(last.output, _linear_input(steps, last.output), "", ending=_function(last.layer))


def _head(logits: Tensor, embeddings: Tensor, note: str, squash: str) -> Head:
    head = Head(logits, embeddings, note, ending="softmax" if squash == "log_softmax" else squash)
    if squash != "sigmoid" or head.one_unit:
        return head
    more = " Probabilities are the softmax of these scores, not the sigmoids."
    return replace(head, note=note + more, sigmoid=True)


def _behind(steps: list[Step], step: Step) -> Step:
    """Go back from `step` over what hands its values on unchanged."""
    while _hands_on(step):
        giver = next((each for each in steps if each.output is step.received and each is not step), None)
        if giver is None:
            break
        step = giver
    return step


def _hands_on(step: Step) -> bool:
    kind, received, output = type(step.layer).__name__, step.received, step.output
    if kind in (*RESHAPES, "GetItem") and all(size == 1 for size in (*received.shape[1:], *output.shape[1:])):
        return True  # one score
    if kind in RESHAPES:  # K scores in one place
        return received.shape[-1] == output.shape[-1] and all(size == 1 for size in received.shape[1:-1])
    return kind in IDENTITIES or (kind == "Activation" and _activation(step.layer) == "linear")


def _squash(layer: Any) -> str:
    """Return which of `SQUASHING` the layer, or the operation of `keras.ops`, is and nothing else; or ""."""
    kinds = {"Softmax": "softmax", "LogSoftmax": "log_softmax", "Sigmoid": "sigmoid"}
    if type(layer).__name__ == "Activation" and _activation(layer) in SQUASHING:
        return _activation(layer)
    return kinds.get(type(layer).__name__, "")


def _activation(layer: Any) -> str:
    activation = getattr(layer, "activation", None)
    return str(getattr(activation, "__name__", "linear" if activation is None else "unknown"))


def _function(layer: Any) -> str:
    """Name the function that a layer of Keras, or an operation, applies last: "tanh", "relu"; or ""."""
    kind = type(layer).__name__
    name = _activation(layer) if hasattr(layer, "activation") else kind.lower()
    own = not type(layer).__module__.startswith("keras.")
    known = name == kind.lower() or getattr(keras.activations, name, None) is getattr(layer, "activation", None)
    return name if known and not own and name != "linear" else ""


def _linear_input(steps: list[Step], logits: Tensor) -> Tensor:
    """What the layer that gave `logits` received, or the logits themselves where it is not known."""
    giver = next((step for step in steps if step.output is logits), None)
    giver = None if giver is None else _behind(steps, giver)
    return logits if giver is None or not hasattr(giver.layer, "kernel") else giver.received


def _can_be_applied(layer: Any) -> bool:
    """Whether kernel and bias are all there is to the layer: not to a quantised one, or one with its own `call`."""
    plain = type(layer).call in (keras.layers.Dense.call, keras.layers.Conv2D.call)
    return plain and getattr(layer, "quantization_mode", None) is None


def _without_activation(step: Step) -> Tensor:
    """Apply kernel and bias of a Dense or convolution layer, and no activation."""
    layer = step.layer
    received, kernel = (ops.cast(each, layer.compute_dtype) for each in (step.received, layer.kernel))
    output = (
        layer.convolution_op(received, kernel) if hasattr(layer, "convolution_op") else ops.matmul(received, kernel)
    )
    return output if layer.bias is None else ops.add(output, ops.cast(layer.bias, output.dtype))
