"""What a file of another format than Keras's says of its model, and how to run it; imports no TensorFlow."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from workbench.core.types import Array

Ending = list[tuple[str, list[int]]]
"""Operations that end a graph, the one of the output first: the kind of each, and the numbers of those before it."""
MOST = 400
"""Operations that are listed, those nearest to the output first."""
Node = TypeVar("Node")
COLOUR = re.compile("\x1b\\[[0-9;]*m")


@dataclass(frozen=True, kw_only=True)
class Foreign:
    """What a file says that its model takes and gives.

    Attributes:
        kind: what it is, for a sentence: "an ONNX model".
        name: of the file or folder.
        taken: `(N, …)` sizes of its input; None where one is open.
        dtype: of its input, as numpy names it.
        outputs: names of the outputs that are arrays.
        run: `(N, …)` of that dtype, and the numbers of outputs, to those outputs; raises `ValueError` with what is said
            against it.
        channels_first: whether `(N, C, H, W)` is meant where the sizes do not tell.
        endings: by output, the operations that give it; empty where the file does not show them.
        resolutions: by output, the step between the values that it can have, if it is quantized.
    """

    kind: str
    name: str
    taken: tuple[int | None, ...]
    dtype: str
    outputs: tuple[str, ...]
    run: Callable[[Array, Sequence[int]], list[Array]]
    channels_first: bool = False
    endings: tuple[Ending, ...] = ()
    resolutions: tuple[float, ...] = ()


def listed(
    first: Node | None,
    *,
    kind: Callable[[Node], str],
    before: Callable[[Node], Sequence[Node]],
    key: Callable[[Node], Hashable] = id,
) -> Ending:
    """List the operations before an output, nearest first.

    Args:
        first: the one that gives it; None where there is none.
        kind: of an operation.
        before: those that give what an operation takes.
        key: equal for two operations that are one.
    """
    if first is None:
        return []
    table: Ending = [(kind(first), [])]
    waiting, numbers = deque([first]), {key(first): 0}
    while waiting:
        node = waiting.popleft()
        for each in before(node):
            if key(each) not in numbers:
                if len(table) >= MOST:
                    continue
                numbers[key(each)] = len(table)
                table.append((kind(each), []))
                waiting.append(each)
            table[numbers[key(node)]][1].append(numbers[key(each)])
    return table


def said(error: Exception) -> str:
    """What a library says about a file: one line without control characters, not too long."""
    text = str(getattr(error, "message", error))
    if text.startswith("Graph execution error"):  # then where in which program its operation was made, then what it is
        text = re.split(r"\n\n|<stack traces unavailable>\n", text.strip())[-1]
    return printable(text)[:300]


def printable(text: str) -> str:
    """Put a text on one line, without colours of a terminal and other characters that are not seen."""
    return "".join(each for each in " ".join(COLOUR.sub("", text).split()) if each.isprintable())
