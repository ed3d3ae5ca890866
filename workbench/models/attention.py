"""Where a traced model lets tokens attend to each other: told by its operations, whatever layers made them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from workbench.models.data_flow import MIXING, DataFlow, ancestors
from workbench.models.graph import Tensor
from workbench.models.tokens import TokenGrid

SOFTMAX = "Softmax"
NOWHERE = TokenGrid(0, 0)
HANDING_ON = frozenset({"Cast", "Identity", "Mul", "Reshape", "SelectV2", "Transpose"})
"""Operations between the softmax and what weighs the values: precision, dropout, masks."""


@dataclass(frozen=True)
class Attention:
    """The attention of a model: softmaxes over tokens, by whose values other values of the image are weighed.

    Attributes:
        numbers: which of a walk's softmax operations they are, in the order of execution.
        softmaxes: how many softmax operations a walk makes in all.
        grid: how the tokens lie on the image; of no places where there is a `reason`.
        reason: why their attention cannot be followed from the first to the last, a sentence.
        read: tokens of the last that the scores depend on: the class token, or all where they are averaged.
    """

    numbers: tuple[int, ...] = ()
    softmaxes: int = 0
    grid: TokenGrid = NOWHERE
    reason: str = ""
    read: tuple[int, ...] = ()

    def of(self, operations: Sequence[Any]) -> list[Tensor]:
        """Return the attention of another walk of the same model, `(B, heads, T, T)` or `(B, T, T)` each.

        Raises:
            RuntimeError: if that walk made other operations.
        """
        made = [each for each in operations if each.type == SOFTMAX] if self.numbers else []
        if self.numbers and len(made) != self.softmaxes:
            raise RuntimeError(f"{len(made)} softmaxes in a walk that had {self.softmaxes} when it was looked at.")
        return [made[number].outputs[0] for number in self.numbers]


def attending(operations: Sequence[Any], flow: DataFlow) -> dict[int, Tensor]:
    """Return the softmaxes whose values weigh values of the image, by their number among all softmaxes."""
    made = (each for each in operations if each.type == SOFTMAX)
    return {
        number: each.outputs[0]
        for number, each in enumerate(made)
        if flow[each.outputs[0]].image and _weighs(each.outputs[0], flow)
    }


def square(values: Tensor, rows: int) -> int | None:
    """Return T of attention that is `(N, heads, T, T)` or `(N, T, T)` for N images, or None."""
    shape = values.shape.as_list()
    all_to_all = len(shape) in (3, 4) and shape[0] == rows and shape[-1] == shape[-2]
    return shape[-1] if all_to_all and shape[-1] is not None and shape[-1] > 1 else None


def find_attention(
    operations: Sequence[Any], found: Mapping[int, Tensor], rows: int, grids: Mapping[int, TokenGrid]
) -> Attention:
    """See whether the attention of a model is over all of its tokens, and one after the other.

    Args:
        operations: of the walk.
        found: what `attending` returns of them.
        rows: N, the number of images.
        grids: how tokens lie on the image, by their number.
    """
    softmaxes = sum(each.type == SOFTMAX for each in operations)
    if not found:
        return Attention(reason="This model has no attention that can be seen.")
    counts = {square(each, rows) for each in found.values()}
    odd = next((each for each in found.values() if square(each, rows) is None), None)
    if odd is not None:
        shape = ", ".join(map(str, odd.shape[1:]))
        parts = odd.shape[0] != rows
        what = "over windows or parts of the image" if parts else f"not of all tokens over all tokens, but (N, {shape})"
        return Attention(reason=f"The attention {_place(odd)} is {what}, so it cannot be followed to the last layer.")
    if len(counts) > 1:
        return Attention(reason=f"Its attention is over {' and '.join(map(str, sorted(filter(None, counts))))} tokens.")
    count = counts.pop() or 0
    if count not in grids:
        return Attention(reason=untold(count))
    inorder = [*found.values()]
    for one, other in pairwise(inorder):
        if one.op not in ancestors([other]):
            return Attention(reason=f"The attention {_place(other)} does not come after the one {_place(one)}.")
    return Attention(tuple(found), softmaxes, grids[count])


def untold(count: int) -> str:
    """Say that nothing tells which places some tokens stand for."""
    return (
        f"It goes on with {count} tokens, (N, {count}, F), and nothing tells which places of the image they are: "
        f"--tokens says it, for example --tokens 7x7+1."
    )


def _weighs(values: Tensor, flow: DataFlow) -> bool:
    """Whether a product with values of the image comes next."""
    for operation in values.consumers():
        if operation.type in MIXING:
            return all(flow[each].image for each in operation.inputs)
        if operation.type in HANDING_ON and any(_weighs(each, flow) for each in operation.outputs):
            return True
    return False


def _place(values: Tensor) -> str:
    """Name the layer in which an operation was made, as far as its name tells."""
    return f"in {'/'.join(values.op.name.split('/')[:-1][:3]) or values.op.name!r}"
