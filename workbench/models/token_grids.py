"""How the tokens of a traced model lie on the image: told by its operations, or assumed from their number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import tensorflow as tf

from workbench.core.errors import WorkbenchError
from workbench.models.data_flow import DataFlow
from workbench.models.graph import Tensor
from workbench.models.tokens import OPTION, TokenGrid

FURTHER = 16
"""Tokens at most that stand for no place: a class token, a distillation token, registers."""


def token_grids(
    operations: Iterable[Any],
    flow: DataFlow,
    rows: int,
    *,
    counts: Sequence[int],
    attended: Sequence[int],
    image_size: tuple[int, int],
    given: TokenGrid | None,
) -> dict[int, TokenGrid]:
    """Find how tokens lie on the image, by their number T.

    A grid is found where (N, h, w, …) is reshaped to (N, h·w, …), or back; further tokens where others are put before
    or behind its tokens. Where nothing tells, a grid of the image's proportions is assumed for tokens that attend to
    each other, unless they may be rows or columns of the image.

    Args:
        operations: of the walk, in the order in which they were made.
        flow: what their outputs were computed from.
        rows: N, which is no other size.
        counts: T of the layers that give (N, T, F).
        attended: T of those that attend to each other.
        image_size: (H, W).
        given: what the user says of those that it fits.

    Raises:
        WorkbenchError: if what was given fits none.
    """
    found: dict[int, TokenGrid] = {}
    for operation in operations:
        if operation.type == "Reshape":
            if flow[operation.outputs[0]].image and (grid := _reshaped(operation, rows)) is not None:
                found.setdefault(grid.count, grid)
        elif operation.type in ("ConcatV2", "Concat") and (grid := _joined(operation, rows, found)) is not None:
            found.setdefault(grid.count, grid)
    if given is not None:
        if given.count not in (*counts, *attended):
            known = sorted({*counts, *attended})
            has = f"Its layers hold {', '.join(map(str, known))}" if known else "No layer of this model holds any"
            raise WorkbenchError(f"`tokens` {given.words} are {given.count} tokens. {has}. {OPTION}.")
        return {**found, given.count: _placed_as(given, found.get(given.count))}
    for count in dict.fromkeys(attended):
        if count not in found and (grid := _assumed(count, image_size)) is not None:
            found[count] = grid
    return found


def _reshaped(operation: Any, rows: int) -> TokenGrid | None:
    """Read a grid off (N, h, w, …) → (N, h·w, …), or (N, h·w, F) → (N, h, w, F)."""
    before, after = _shape(operation.inputs[0]), _shape(operation.outputs[0])
    if len(before) >= 4 and len(after) >= 3:
        one, other = before, after
    elif len(before) == 3 and len(after) == 4 and before[-1] == after[-1]:
        one, other = after, before
    else:
        return None
    height, width = one[1:3]
    if None in (*one, *other) or one[0] != rows or other[0] != rows or min(height, width) < 2:
        return None
    return TokenGrid(height, width) if other[1] == height * width and len(one) > len(other) else None


def _joined(operation: Any, rows: int, found: dict[int, TokenGrid]) -> TokenGrid | None:
    """Read off what is put before or behind the tokens of a grid, along their axis."""
    *parts, axis = operation.inputs
    shapes = [_shape(each) for each in parts]
    if tf.get_static_value(axis) not in (1, -2) or any(len(each) != 3 or each[1] is None for each in shapes):
        return None
    if _shape(operation.outputs[0])[0] not in (None, rows):
        return None
    sizes = [each[1] for each in shapes]
    place = max(range(len(sizes)), key=lambda n: sizes[n] if sizes[n] in found else -1)
    if sizes[place] not in found or sum(sizes) - sizes[place] > FURTHER:
        return None
    grid = found[sizes[place]]
    return replace(grid, before=sum(sizes[:place]) + grid.before, after=grid.after + sum(sizes[place + 1 :]))


def _placed_as(given: TokenGrid, found: TokenGrid | None) -> TokenGrid:
    """Take what was given, and from what was found on which side the further tokens are."""
    if found is None or (found.height, found.width) != (given.height, given.width):
        return given
    return replace(given, before=found.before, after=found.after)


def _assumed(count: int, image_size: tuple[int, int]) -> TokenGrid | None:
    if count in image_size:
        return None  # rows or columns of the image, perhaps
    height, width = image_size
    common = math.gcd(height, width)
    for further in (0, 1):
        down, across = height // common, width // common
        times = math.isqrt((count - further) // (down * across))
        if times and times * times * down * across == count - further and times * max(down, across) > 1:
            return TokenGrid(times * down, times * across, before=further, known="assumed")
    return None


def _shape(tensor: Tensor) -> list[Any]:
    return list(tensor.shape) if tensor.shape.rank is not None else []
