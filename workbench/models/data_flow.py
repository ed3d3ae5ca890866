"""What each tensor of a traced model was computed from: told by its operations, whatever layers recorded them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from workbench.models.graph import Step, Tensor

MIXING = frozenset(
    {
        "BatchMatMul",
        "BatchMatMulV2",
        "BatchMatMulV3",
        "Conv2D",
        "Conv2DBackpropInput",
        "Conv3D",
        "Conv3DBackpropInputV2",
        "DepthwiseConv2dNative",
        "Einsum",
        "MatMul",
        "XlaConvV2",
        "XlaDotV2",
    }
)
"""TensorFlow's operations that sum products of many values."""
CALLS = frozenset({"If", "PartitionedCall", "StatefulPartitionedCall", "StatelessIf", "StatelessWhile", "While"})
"""Those that run a graph of their own, which is not looked into."""
CLOSED = frozenset({"EagerPyFunc", "PyFunc", "PyFuncStateless"})
"""Those that leave TensorFlow: what happens there is not known."""
SIZES = frozenset({"Rank", "Shape", "ShapeN", "Size"})
"""Those that tell an image's size, and nothing of the image."""
COUNTERS = ("int32", "int64", "uint32", "uint64")
"""Types of variables that are no weights, but seeds and counters."""


@dataclass(frozen=True)
class Flow:
    """What a tensor was computed from.

    Attributes:
        image: whether from the image.
        weights: whether from weights.
        kernels: how many kernels lie behind one another on the longest way from the image.
        attends: whether somewhere on the way values of the image were weighed by values of the image.
        placed: whether its places still are those of the image: a dense layer on a flat vector loses them.
    """

    image: bool = False
    weights: bool = False
    kernels: int = 0
    attends: bool = False
    placed: bool = True


class DataFlow:
    """The flow of every tensor of a model's graph.

    Attributes:
        first: the tensors, computed from the image without weights, that the first operations with weights receive.

    Args:
        graph: the graph in which a model was walked.
        images: the tensor that it was given.
        steps: those of the walk.
        end: its scores; what they do not depend on is left out.
    """

    def __init__(self, graph: Any, images: Tensor, steps: Iterable[Step], end: Tensor) -> None:
        self._flows: dict[str, Flow] = {images.name: Flow(image=True)}
        self.first: list[Tensor] = []
        flat = {step.output.name for step in steps if _is_flat(step) and hasattr(step.output, "op")}
        wanted = {each.name for each in ancestors([end])}
        for operation in graph.get_operations():  # in the order in which they were made: what is read comes first
            self._follow(operation, flat, wanted=operation.name in wanted)

    def __getitem__(self, tensor: Tensor) -> Flow:
        """Return the flow of a tensor; a constant's where it does not belong to the graph."""
        return self._flows.get(getattr(tensor, "name", ""), Flow())

    def _follow(self, operation: Any, flat: set[str], *, wanted: bool) -> None:
        received = [(each, self[each]) for each in operation.inputs]
        own = [(each, flow) for each, flow in received if flow.image]
        weights = any(flow.weights for _, flow in received)
        if operation.type == "ReadVariableOp":
            weights = operation.outputs[0].dtype.name not in COUNTERS
        elif any(each.dtype.name == "resource" for each, _ in received):
            weights = True  # an operation that reads variables itself
        given = [each for each, flow in received if flow.weights and not flow.image]
        kernel = weights and bool(own) and _is_kernel(operation, given)
        if wanted and (weights or operation.type in CLOSED):
            known = {each.name for each in self.first}
            clean = (each for each, flow in own if not flow.weights)
            self.first += {
                each.name: each for given in clean for each in self._numbers(given) if each.name not in known
            }.values()
        found = Flow(
            image=bool(own) and operation.type not in SIZES,
            weights=weights or (bool(own) and operation.type in CLOSED),
            kernels=max((flow.kernels for _, flow in own), default=0) + kernel,
            attends=any(flow.attends for _, flow in own) or (operation.type in MIXING and len(own) > 1),
            placed=not own or any(flow.placed for _, flow in own),
        )
        for each in operation.outputs:
            if each.name not in self._flows:
                lost = each.name in flat and kernel_behind(found)
                self._flows[each.name] = replace(found, placed=found.placed and not lost)

    def _numbers(self, tensor: Tensor) -> list[Tensor]:
        """Return the tensor, or the images that were put into it where it is a list of them, as loops take them."""
        if tensor.dtype.name == "variant":
            return [each for each in tensor.op.inputs if self[each].image and each.dtype.is_floating]
        return [tensor] if tensor.dtype.is_floating else []


def kernel_behind(flow: Flow) -> bool:
    """Whether a tensor comes from the image by way of a kernel."""
    return flow.image and flow.kernels > 0


def ancestors(tensors: Iterable[Tensor], until: Iterable[Tensor] = ()) -> list[Any]:
    """Return every operation that `tensors` depend on, not going beyond the tensors `until`."""
    stop = {each.name for each in until}
    found: dict[str, Any] = {}
    waiting = [each for each in tensors if each.name not in stop]
    while waiting:
        operation = waiting.pop().op
        if operation.name not in found:
            found[operation.name] = operation
            waiting += [each for each in operation.inputs if each.name not in stop]
    return list(found.values())


def _is_kernel(operation: Any, given: list[Tensor]) -> bool:
    """Whether an operation with weights does more than to scale and shift each channel by itself.

    Args:
        operation: what receives weights, or values that came through some, and values of the image.
        given: those of what it receives that are weights alone.
    """
    if operation.type in CALLS:
        return True
    if operation.type in MIXING:
        return bool(given)
    sizes = [
        [size for size in (each.shape.as_list() if each.shape.rank is not None else []) if size != 1] for each in given
    ]
    return operation.type == "Mul" and any(len(each) > 1 for each in sizes)


def _is_flat(step: Step) -> bool:
    """Whether a step with weights receives one vector an image."""
    return bool(getattr(step.layer, "weights", [])) and len(getattr(step.received, "shape", (0, 0, 0))) == 2
