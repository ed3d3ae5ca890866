"""What each step of a walk does to its values, as far as a pass from the scores back to the pixels has to know."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras

from workbench.core.errors import WorkbenchError
from workbench.models.data_flow import DataFlow
from workbench.models.graph import IDENTITIES, Head, Step, Tensor

KINDS = ("weighted", "elementwise", "selecting", "mixing", "winning", "gating", "normalising", "attending")
"""What a step does: a linear map with a kernel; a function of each value; a choice of places, known beforehand; a
linear map without weights; a choice by the values; the product of a signal, received first, and of a gate; a division
of each value by what several have together; means of tokens with weights that depend on them."""
TAKEN_AS_IT_IS = ("normalising", "attending")
"""Kinds of which a part that depends on the image is held fixed, so that differences do not add up through them."""
WEIGHTED = frozenset(
    {"Dense"}
    | {f"{kind}{rank}D" for kind in ("Conv", "DepthwiseConv", "SeparableConv") for rank in (1, 2, 3)}
    | {f"Conv{rank}DTranspose" for rank in (1, 2, 3)}
)
"""Layers that are a linear map with a kernel, a bias and an activation."""
FUNCTIONS = frozenset(
    {
        *("relu", "relu6", "leaky_relu", "prelu", "elu", "selu", "celu", "gelu", "silu", "swish", "mish"),
        *("sigmoid", "hard_sigmoid", "log_sigmoid", "hard_silu", "hard_swish", "tanh", "hard_tanh", "softsign"),
        *("softplus", "squareplus", "sparse_plus", "soft_shrink", "hard_shrink", "tanh_shrink", "threshold"),
        *("linear", "exponential"),
    }
)
"""Activations that change each value by itself."""
ELEMENTWISE = frozenset(
    {"Rescaling", "Normalization", "BatchNormalization", "LayerScale"}
    | {"Abs", "Absolute", "Clip", "Exp", "Expm1", "Log", "Log1p", "Log2", "Negative", "Reciprocal", "Sqrt", "Square"}
    | {name.replace("_", "") for name in FUNCTIONS}
)
"""Other layers and operations that do, and the activations as layers and operations, in any spelling."""
NORMS = frozenset({f"{what}Normalization" for what in ("Group", "Layer", "RMS", "Unit")})
"""Those that divide each value by what several have together."""
OF_TWO = frozenset({"Add", "Divide", "Maximum", "Minimum", "Multiply", "Power", "Subtract", "TrueDivide"})
"""Those that do where only one of what they receive comes from the image."""
SELECTING = frozenset(
    {*IDENTITIES, "SpatialDropout1D", "SpatialDropout3D", "Flatten", "Reshape", "Permute", "RepeatVector"}
    | {f"{what}{rank}D" for what in ("Cropping", "ZeroPadding", "UpSampling") for rank in (1, 2, 3)}
    | {"BroadcastTo", "Cast", "Concatenate", "Copy", "DepthToSpace", "ExpandDims", "Flip", "GetItem", "Hstack"}
    | {"Moveaxis", "Pad", "Ravel", "Repeat", "Roll", "Rot90", "SpaceToDepth", "Squeeze", "Stack", "Swapaxes", "Take"}
    | {"Tile", "Transpose", "View", "Vstack"}
)
"""Those whose every output is one of the values that they receive, or a constant."""
MIXING = frozenset(
    {f"{kind}AveragePooling{rank}D" for kind in ("", "Global", "Adaptive") for rank in (1, 2, 3)}
    | {"AdaptiveAveragePool", "Average", "AveragePool", "CenterCrop", "Mean", "Resize", "Resizing", "Sum"}
)
"""Linear maps without weights of their own."""
WINNING = frozenset(
    {f"{kind}MaxPooling{rank}D" for kind in ("", "Global", "Adaptive") for rank in (1, 2, 3)}
    | {"AdaptiveMaxPool", "Amax", "Amin", "Max", "MaxPool", "Min"}
)
"""Those that choose among the values that they receive."""
GATES = frozenset({"sigmoid", "hardsigmoid"})
"""Activations whose values say how much of something else is let through."""
NOT_NEGATIVE = frozenset({"relu", "relu6", "sigmoid", "hardsigmoid", "softplus"})
"""Activations whose values are never below zero."""
HANDING_ON = frozenset({"Cast", "ExpandDims", "Identity", "Reshape", "Squeeze"})
"""Operations of TensorFlow that stand between two steps where Keras fits a tensor to a model's input."""


SEVERAL = "more than one of what it multiplies or divides comes from the image"
NOT_UNDERSTOOD = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What reading a layer that is built unlike all others may raise."""


@dataclass(frozen=True, kw_only=True)
class Passable:
    """One step on the way from the image to the scores.

    Attributes:
        step: the step.
        kind: one of `KINDS`.
        received: different tensors of the image among its arguments.
        givers: for each of them, the image or the output of a step that it was handed on from, mostly itself.
        first: whether no weights lie between the image and it.
        positive: whether nothing of what it receives is negative, surely.
        norm: batch normalisation that alone follows it, and can be taken as a part of its kernel and bias.
        folded: whether it is one that is a part of the step before.
        scores: whether its linear map gives the scores that are explained.
    """

    step: Step
    kind: str
    received: tuple[Tensor, ...]
    givers: tuple[Tensor, ...]
    first: bool = False
    positive: bool = False
    norm: Any = None
    folded: bool = False
    scores: bool = False


def passable_steps(
    steps: Sequence[Step], head: Head, given: Tensor, flow: DataFlow | None = None
) -> tuple[Passable, ...]:
    """Return the steps between what a model is given and its scores, in the order of execution.

    Args:
        steps: those of a walk inside a compiled function.
        head: how it ends.
        given: what it was given.
        flow: what each tensor was computed from; where it is given, nothing of the image is overlooked.

    Raises:
        WorkbenchError: if there is no way back through one of them; a part of a sentence that names it and says why.
    """
    found, known, weighted, positive = dict[str, Passable](), {given.name}, set[str](), set[str]()
    for step in steps:
        name = getattr(step.output, "name", "")
        pairs = {giver.name: (each, giver) for each in step.arguments if (giver := _giver(each, known)) is not None}
        lost = flow is not None and any(flow[each].image and _giver(each, known) is None for each in step.arguments)
        if name in known or not (pairs or lost):
            continue  # the very tensor that it received, or none of the image
        known.add(name)
        received, givers = zip(*pairs.values(), strict=True) if pairs else ((), ())
        kind = (
            "it receives one of several outputs of a layer"
            if lost
            else _kind(step, len(received), scores=step is head.step)
        )
        if kind == SEVERAL and (order := _signal_first(step, received, [found.get(each.name) for each in givers])):
            kind, received, givers = "gating", *(tuple(each[n] for n in order) for each in (received, givers))
        before = any(each.name in weighted for each in givers)
        if before or kind == "weighted":
            weighted.add(name)
        above = all(each.name in positive for each in givers)
        if _not_negative(step, kind, above=above):
            positive.add(name)
        found[name] = Passable(step=step, kind=kind, received=received, givers=givers, first=not before, positive=above)
    start = start_of(head).name
    if start not in found:
        raise WorkbenchError("what gives its scores: it is no layer of the model")
    return _needed(found, head, start)


def start_of(head: Head) -> Tensor:
    """Return the tensor at which a pass begins: the scores, or what a layer makes of them that does no more to them."""
    return head.logits if head.step is None else head.step.output


def refusals(steps: Sequence[Step], head: Head, given: Tensor, flow: DataFlow) -> tuple[str, str]:
    """Name the first step that no relevance, and the first that no differences, are handed back through, and say why.

    Whether there is a way back is no condition for opening a model: what is not understood of it is no failure here.

    Returns:
        Parts of a sentence; empty where there is none.
    """
    try:
        found = passable_steps(steps, head, given, flow)
    except WorkbenchError as error:
        return str(error), str(error)
    except NOT_UNDERSTOOD as error:
        said = f"what one of its layers does: it cannot be followed ({type(error).__name__})"
        return said, said
    fixed = next((each.step for each in found if each.kind in TAKEN_AS_IT_IS), None)
    if fixed is None:
        return "", ""
    return "", f"{fixed.name!r} ({type(fixed.layer).__name__}): differences do not add up there"


def _needed(found: dict[str, Passable], head: Head, start: str) -> tuple[Passable, ...]:
    """Keep what the scores depend on; mark the step that gives them, and batch normalisations that can be folded."""
    needed, users, chosen = {start}, dict[str, int](), list[Passable]()
    for name, each in reversed(found.items()):
        if name not in needed:
            continue
        step = each.step
        if each.kind not in KINDS:
            raise WorkbenchError(f"{step.name!r} ({type(step.layer).__name__}): {each.kind}")
        needed |= {giver.name for giver in each.givers}
        for giver in each.givers:
            users[giver.name] = users.get(giver.name, 0) + 1
        bare = step is head.step or (name == start and activation_of(step.layer) == "linear")
        chosen.append(replace(each, scores=each.kind == "weighted" and bare))
    for place, each in enumerate(chosen):  # the last comes first
        giver = found.get(each.givers[0].name)
        if made_by_keras(each.step.layer) != "BatchNormalization" or giver is None or users[each.givers[0].name] > 1:
            continue
        at = next(n for n, other in enumerate(chosen) if other.step is giver.step)
        if _takes_norm(chosen[at], each):
            chosen[place], chosen[at] = replace(each, folded=True), replace(chosen[at], norm=each.step.layer)
    return tuple(reversed(chosen))


def _takes_norm(giver: Passable, norm: Passable) -> bool:
    """Whether a linear layer can hold the scale and shift of the batch normalisation behind it, channel by channel."""
    if giver.kind != "weighted" or giver.scores or activation_of(giver.step.layer) != "linear":
        return False
    rank, axis = len(norm.step.output.shape), norm.step.layer.axis
    first = getattr(giver.step.layer, "data_format", "channels_last") == "channels_first"
    return axis % rank == (1 if first else rank - 1) and norm.received[0] is norm.givers[0]


def _giver(tensor: Any, known: Iterable[str]) -> Tensor | None:
    """Go back from a tensor of a trace to one that is known; None if it comes from none."""
    while (name := getattr(tensor, "name", "")) not in known:
        operation = getattr(tensor, "op", None)
        if not name or operation is None or operation.type not in HANDING_ON:
            return None
        tensor = operation.inputs[0]
    return tensor


def _kind(step: Step, count: int, *, scores: bool) -> str:
    """Return the kind of a step that receives so many tensors of the image; or why there is no way back through it.

    Of the step that gives the `scores`, the activation is left out.
    """
    layer, name = step.layer, made_by_keras(step.layer)
    if isinstance(layer, keras.Model):
        return "it hides its layers in a custom `call`"
    if not name:
        return "what its own `call` does is not known"
    if name in WEIGHTED:
        return _weighted(layer, count, plain=scores or bool(activation_of(layer)))
    if name in ("Activation", *OF_TWO) or {name, name.lower()} & ELEMENTWISE:
        return _of_each_value(step, name, count)
    if name == "MultiHeadAttention":
        return "attending" if _attends_to_itself(step) else "it attends to more than one tensor, or not to all tokens"
    smooth = name.startswith("UpSampling") and getattr(layer, "interpolation", "nearest") != "nearest"
    named = {"mixing": smooth or name in MIXING, "winning": name in WINNING, "normalising": name in NORMS}
    named["selecting"] = name in SELECTING or name.startswith("Random")  # what is drawn in training only
    return next((kind for kind, fits in named.items() if fits), "there is no rule for such a layer")


def _attends_to_itself(step: Step) -> bool:
    """Whether tokens attend to all tokens of the same tensor, `(B, T, D)`, without a mask."""
    given = [each for each in step.arguments if each is not None and each is not False]
    return len(step.received.shape) == 3 and all(each is step.received for each in given)


def _of_each_value(step: Step, name: str, count: int) -> str:
    if name == "Activation":
        return "elementwise" if activation_of(step.layer) else _no_rule_for(step.layer)
    parts = list(step.received) if isinstance(step.received, list | tuple) else [step.received]
    twice = len(parts) > 1 and all(each is parts[0] for each in parts)
    if name in OF_TWO and (count > 1 or twice):
        joins = {"Add": "mixing", "Subtract": "mixing", "Maximum": "winning", "Minimum": "winning"}
        return joins.get(name, SEVERAL)
    same = all(tuple(each.shape[1:]) == tuple(step.output.shape[1:]) for each in parts)
    return "elementwise" if same and count == 1 else "it repeats what it receives"


def _signal_first(step: Step, received: Sequence[Tensor], givers: Sequence[Passable | None]) -> tuple[int, ...]:
    """Return in which order a product receives a signal and its gate; nothing where it is not clear which is which.

    A sigmoid gives a gate; where it gives none or both, a gate weighs all places alike.
    """
    if len(received) != 2 or made_by_keras(step.layer) != "Multiply":
        return ()
    whole = [tuple(each.shape[1:]) == tuple(step.output.shape[1:]) for each in received]
    last = ["" if each is None else _last_function(each.step) for each in givers]
    gates = [each in GATES for each in last]
    if sum(gates) != 1:
        gates = [not each for each in whole]
    if sum(gates) != 1 or not whole[gates.index(False)]:
        return ()
    return (0, 1) if gates[1] else (1, 0)


def _last_function(step: Step) -> str:
    """Name what a layer, or an operation, does to each value last, in small letters alone."""
    layer = step.layer
    name = _called(layer) if getattr(layer, "activation", None) is not None else type(layer).__name__
    return name.lower().replace("_", "")


def _weighted(layer: Any, count: int, *, plain: bool) -> str:
    if getattr(layer, "quantization_mode", None) is not None:
        return "its kernel is quantised"
    if count != 1:
        return "it receives more than one tensor of the image"
    return "weighted" if plain else _no_rule_for(layer)


def _no_rule_for(layer: Any) -> str:
    return f"there is no rule for its activation {_called(layer)!r}"


def made_by_keras(layer: Any) -> str:
    """Name the class of Keras whose `call` a layer, or an operation, has; empty where it has one of its own."""
    kind = next((each for each in type(layer).__mro__ if each.__module__.startswith("keras.")), None)
    return kind.__name__ if kind is not None and type(layer).call is getattr(kind, "call", None) else ""


def activation_of(layer: Any) -> str:
    """Name the function that a layer applies to each value last, "linear" for none; empty for any other function."""
    activation = getattr(layer, "activation", None)
    if activation is None:
        return "linear"
    name = _called(layer)
    libraries = ("keras.", "tensorflow.")
    home = str(getattr(activation, "__module__", "") or type(activation).__module__)
    return name if home.startswith(libraries) and name in ELEMENTWISE | FUNCTIONS else ""


def _called(layer: Any) -> str:
    """Name a layer's activation: a function, or a layer of its own."""
    activation = layer.activation
    return str(getattr(activation, "__name__", None) or type(activation).__name__.lower())


def _not_negative(step: Step, kind: str, *, above: bool) -> bool:
    """Whether what a step gives is surely not negative; `above` says so of what it receives."""
    layer, name = step.layer, type(step.layer).__name__
    if kind in ("selecting", "mixing", "winning", "gating"):
        return above and name not in ("Pad", "Resize", "Resizing", "Subtract")
    if name == "ReLU":
        return not layer.negative_slope and layer.threshold >= 0
    return _last_function(step) in NOT_NEGATIVE
