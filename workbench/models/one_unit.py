"""A head of one unit, read as two classes: logits (0, z), exactly, whose softmax is (1 - σ(z), σ(z)).

What its one output is, a logit z or a probability p, is read off the model where it can be seen: its last layer, or the
operation that ends its graph. Where it cannot, outputs are looked at; either way it is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from workbench.core.errors import WorkbenchError
from workbench.core.types import Array
from workbench.core.wording import plural
from workbench.models.graph import Head

Tensor = Any
Kind = Literal["logit", "probability", ""]
"""What one output is; empty where the model does not show it."""
PASSING = frozenset(
    (
        *("identity", "stopgradient", "preventgradient", "ensureshape", "cast", "checknumerics"),
        *("reshape", "squeeze", "expanddims", "unsqueeze", "flatten", "transpose", "stridedslice", "slice"),
        *("gather", "gatherv2", "quantize", "dequantize", "quantizelinear", "dequantizelinear", "readvariableop"),
    )
)
"""Operations that hand a value on, in TensorFlow, LiteRT and ONNX, without capitals and underscores."""
AVERAGING = frozenset(
    ("mean", "max", "min", "reducemean", "reducemax", "reducemin", "globalaveragepool", "avgpool", "averagepool2d")
)
"""Those that never leave the range of what they are given."""
SUMMING = frozenset(("add", "addv2", "biasadd", "sub", "mul"))
LINEAR = frozenset(
    (
        *("matmul", "batchmatmul", "batchmatmulv2", "einsum", "gemm", "fullyconnected", "xlaconvv2", "fusedmatmul"),
        *("conv", "conv2d", "depthwiseconv2d", "depthwiseconv2dnative", "fusedbatchnormv3", "batchnormalization"),
    )
)
SIGMOIDS, OTHER_PROBABILITIES = ("sigmoid", "logistic"), ("softmax", "hardsigmoid", "hard_sigmoid")
BOUNDED = (
    *("tanh", "relu", "relu6", "softplus", "softsign", "exp", "exponential", "elu", "selu", "gelu", "silu", "swish"),
    *("leaky_relu", "leakyrelu", "logsoftmax", "log_softmax", "log_sigmoid", "logsigmoid", "mish", "hard_tanh", "celu"),
    *("hard_silu", "hard_swish", "hardswish", "glu", "squareplus", "sparse_plus", "tanh_shrink", "abs", "square"),
)
"""Functions whose values are neither probabilities nor logits."""
SMALLEST, LARGEST = 1e-30, float(np.nextafter(np.float32(1), np.float32(0)))
"""Ends of what a probability in float32 can be told apart from 0 and from 1."""
TWO_CLASSES = "One output unit stands for two classes: class 1 is the second class name, and the logits are (0, z)."


def two_logits(output: Tensor, kind: Kind, resolution: float) -> Tensor:
    """`(B, 1)` output to `(B, 2)` logits (0, z); z = log(p / (1 - p)) of a probability."""
    z = log_odds(output, resolution) if kind == "probability" else output
    return tf.concat([tf.zeros_like(z), z], axis=1)


def log_odds(probability: Tensor, resolution: float = 0.0) -> Tensor:
    """log(p / (1 - p)), finite: what rounds to 0 or 1 counts as the last number, or half a step, before it."""
    low, high = _ends(resolution)
    inside = tf.clip_by_value(probability, low, high)
    return tf.math.log(inside) - tf.math.log1p(-inside)


def slope_of_log_odds(probability: Tensor, resolution: float = 0.0) -> Tensor:
    """Derivative of `log_odds`: 1 / (p (1 - p)), and 0 where p was moved away from 0 or 1."""
    low, high = _ends(resolution)
    inside = tf.clip_by_value(probability, low, high)
    moved = (probability < low) | (probability > high)
    return tf.where(moved, tf.zeros_like(inside), 1 / (inside * (1 - inside)))


def _ends(resolution: float) -> tuple[float, float]:
    return max(SMALLEST, resolution / 2), min(LARGEST, 1 - resolution / 2)


def read_head(head: Head, name: str, ending: Operation | None = None) -> tuple[Tensor, Kind, str]:
    """Tell what one output unit gives.

    Args:
        head: how the model ends, on tensors of a traced function.
        name: of the last layer, for a sentence.
        ending: the operation that ends it, where its graph is not TensorFlow's.

    Returns:
        The tensor of one value an image, what it is, and how that was told, a sentence; empty where the model does not
        show it.

    Raises:
        WorkbenchError: if it can be neither a probability nor a logit.
    """
    if head.ending == "softmax":
        raise WorkbenchError(
            f"The model ends in a softmax over one unit ({name!r}), which is 1 for every image. Two classes need two "
            "units with a softmax, or one unit with a sigmoid: change the last layer and train again."
        )
    by_layer = head.ending in _BY_LAYER or head.ending in BOUNDED
    found, before = (head.ending, None) if by_layer else _told_by(ending or _operation(head.logits))
    if found in BOUNDED:
        raise WorkbenchError(
            f"The model's one output ends in {found} ({name!r}). One output stands for two classes if it is the "
            "probability of the second (a sigmoid), or its logit (no activation). What another function gives, as in "
            "a regression, is neither: change the last layer and train again."
        )
    if before is not None:
        return before, "logit", "The model ends in a sigmoid: its input is the logit z of class 1."
    kind, said = (_BY_LAYER if by_layer else _BY_OPERATION).get(found, ("", ""))
    return head.logits, kind, said.format(name=repr(name), note=head.note)


_BY_LAYER: dict[str, tuple[Kind, str]] = {
    "sigmoid": ("logit", "{note}"),
    "linear": (
        "logit",
        "The model ends in one unit without an activation, {name}, which is read as the logit z of class 1.",
    ),
    "hard_sigmoid": ("probability", "The output of {name} (hard_sigmoid) is read as a probability."),
}
_BY_OPERATION: dict[str, tuple[Kind, str]] = {
    "sigmoid": ("probability", "The model ends in a sigmoid: z is log(p / (1 - p)) of its output p."),
    "probability": ("probability", "The output is a probability p of class 1: z is log(p / (1 - p))."),
    "logit": ("logit", "The model ends without a sigmoid: its output is read as the logit z of class 1."),
}


EPSILON = 1e-7
"""Where Keras cuts a probability off, near 0 and near 1, before it takes its logarithm."""


def judge_regression(values: Array, name: str, loss: str) -> tuple[Kind, str]:
    """Tell by `(n,)` outputs which two numbers one linear unit was trained to give its classes, and say so.

    Of targets 0 and 1 the output is an estimate of the probability of class 1, cut off at 0 and 1; of -1 and 1, 0 lies
    between the classes, as it does of a logit.
    """
    low, high = (float(each) for each in np.quantile(values, (0.05, 0.95)))
    trained = f"The model ends in one unit without an activation, {name!r}, and was trained with {loss}: "
    of = f"of {plural(len(values), 'image')} its outputs lie in {low:.3g}…{high:.3g} (5 % to 95 %)"
    if low < -0.5:
        return "logit", (
            f"{trained}{of}, so its targets are taken as -1 and 1. Class 1 wins above 0; the output is no logit: "
            "confidences and loss, of its sigmoid, may not be what was meant."
        )
    far = " They are far from 0 and 1, so this may be wrong." if high > 1.5 else ""
    return "probability", (
        f"{trained}{of}, so its targets are taken as 0 and 1, its output as the probability p of class 1, cut off at "
        f"0 and 1 (class 1 wins above 0.5): z = log(p / (1 - p)).{far}"
    )


def judge_values(values: Array, name: str) -> tuple[Kind, str]:
    """Tell a probability from a logit by `(n,)` outputs of images, and say so."""
    low, high = float(np.min(values)), float(np.max(values))
    inside = bool(low >= 0 and high <= 1)
    decision = " It is 0 or 1 throughout, a decision without a confidence: the loss means nothing."
    decision = decision if np.isin(values, (0, 1)).all() else ""
    what = "the probability p of class 1, z = log(p / (1 - p))" if inside else "the logit z of class 1"
    return "probability" if inside else "logit", (
        f"Whether the one output of {name!r} is a probability or a logit cannot be seen in the model: of "
        f"{plural(len(values), 'image')} it lies in {low:.3g}…{high:.3g}, so it is taken as {what}.{decision}"
    )


class Operation:
    """An operation of a graph, whatever its format: its kind without capitals and underscores, and what it is given."""

    def __init__(self, kind: str, given: Sequence[Any], tensor: Tensor = None) -> None:
        self.kind, self._given, self.tensor = kind.lower().replace("_", ""), given, tensor

    def inputs(self) -> Iterator[Operation]:
        """Yield the operations before it."""
        for each in self._given:
            found = each() if callable(each) else _operation(each)
            if found is not None:
                yield found


def _told_by(operation: Operation | None, *, exact: bool = True, depth: int = 64) -> tuple[str, Tensor]:
    """What an operation gives: "sigmoid", "probability", "logit", a name of `BOUNDED`, or ""; and a sigmoid's input."""
    if operation is None or depth == 0:
        return "", None
    kind, before = operation.kind, list(operation.inputs())
    if kind in PASSING or kind in AVERAGING:
        return _told_by(before[0] if before else None, exact=exact and kind in PASSING, depth=depth - 1)
    if kind in SIGMOIDS and exact:
        return "sigmoid", operation.tensor
    if kind in SIGMOIDS or kind in OTHER_PROBABILITIES:
        return "probability", None
    sums = kind in SUMMING and any(_told_by(each, exact=False, depth=depth // 2)[0] == "logit" for each in before)
    if sums or kind in LINEAR:
        return "logit", None
    return (kind if kind in BOUNDED and exact else ""), None


def told_by(operation: Operation | None) -> str:
    """What the end of a graph gives: "sigmoid", "probability", "logit", a name of `BOUNDED`, or ""."""
    return _told_by(operation)[0]


def operation_of(tensor: Tensor) -> Operation | None:
    """The operation of TensorFlow that gives a tensor of a traced function."""
    return _operation(tensor)


def _operation(tensor: Tensor, graph: Any = None) -> Operation | None:
    """The operation of TensorFlow that gives a tensor; calls of other functions are opened."""
    try:
        operation = tensor.op
    except AttributeError:  # computed at once
        return None
    outermost = tf.compat.v1.get_default_graph() if graph is None else graph
    if "PartitionedCall" in operation.type:
        called = operation.graph._get_function(operation.get_attr("f").name)  # as TensorFlow's own tools do
        inner = getattr(called, "graph", None)
        return None if inner is None else _operation(inner.outputs[tensor.value_index], outermost)
    before = operation.inputs[0] if len(operation.inputs) else None
    reachable = before is not None and before.graph is outermost
    given = [lambda each=each: _operation(each, outermost) for each in operation.inputs]
    return Operation(operation.type, given, before if reachable else None)
