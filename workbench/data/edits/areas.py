"""Where an edit is done: along a stroke of a square brush, or in a box."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from workbench.core.errors import WorkbenchError
from workbench.core.params import Params
from workbench.core.types import Array

FARTHEST = 16_384
"""Largest coordinate, and largest side of a box."""
Width = Annotated[int, Field(ge=1, le=1024, description="side of the square brush in pixels")]


class Area(Params):
    """A stroke or a box, one of them.

    Attributes:
        stroke: the pixels, (column, row), that the middle of the brush goes through, on straight lines between them.
        width: of the brush.
        box: left column, upper row, width and height.
    """

    stroke: tuple[tuple[int, int], ...] = ()
    width: Width = 1
    box: tuple[int, ...] = ()

    @field_validator("stroke", mode="before")
    @classmethod
    def _points(cls, given: Any) -> Any:
        if not isinstance(given, (list, tuple)):
            raise WorkbenchError(f"`stroke` must be a list of [column, row]. Got {type(given).__name__}.")
        for each in given:
            if not (isinstance(each, (list, tuple)) and len(each) == 2 and _whole(each)):
                raise WorkbenchError(f"`stroke` must be a list of [column, row], whole numbers within ±{FARTHEST:,}.")
        return tuple(tuple(each) for each in given)

    @field_validator("box", mode="before")
    @classmethod
    def _corners(cls, given: Any) -> Any:
        # Checked by hand: pydantic would name one corner and not say what a box is.
        if not isinstance(given, (list, tuple)) or (given and not (len(given) == 4 and _whole(given))):
            raise WorkbenchError(f"`box` must be [left, top, width, height], whole numbers within ±{FARTHEST:,}.")
        if given and min(given[2:]) < 1:
            raise WorkbenchError("`box` must be at least one pixel wide and high.")
        return tuple(given)

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if bool(self.stroke) == bool(self.box):
            raise WorkbenchError("give a `stroke` or a `box`, one of them.")
        return self

    @property
    def length(self) -> int:
        """Pixels that the middle of the brush goes through."""
        if not self.stroke:
            return 0
        points = np.array(self.stroke)
        return len(points) + int(np.abs(np.diff(points, axis=0)).max(axis=1).sum())

    def mask(self, height: int, width: int) -> Array:
        """Tell which pixels are meant: `(H, W)` bool."""
        if self.box:
            left, top, wide, high = self.box
            lefts, tops, sides = np.array([left]), np.array([top]), (wide, high)
        else:
            x, y = along(self.stroke)
            before = (self.width - 1) // 2
            lefts, tops, sides = x - before, y - before, (self.width, self.width)
        # Corners of rectangles, added up twice, count how many cover each pixel.
        corners = np.zeros((height + 1, width + 1), np.int64)
        first = np.clip(tops, 0, height), np.clip(lefts, 0, width)
        last = np.clip(tops + sides[1], 0, height), np.clip(lefts + sides[0], 0, width)
        for rows, columns, sign in ((*first, 1), (*last, 1), (first[0], last[1], -1), (last[0], first[1], -1)):
            np.add.at(corners, (rows, columns), sign)
        return np.asarray(corners.cumsum(axis=0).cumsum(axis=1)[:height, :width] > 0)


def along(points: Sequence[tuple[int, int]]) -> tuple[Array, Array]:
    """Return the columns and rows of the pixels on straight lines from point to point, both ends included.

    Of a line that is n pixels long on its longer side, pixel k is the one nearest to k / n of the way; of two that are
    as near the one with the larger coordinate.
    """
    ends = np.array(points, np.int64)
    if len(ends) == 1:
        return ends[:, 0], ends[:, 1]
    steps = np.abs(np.diff(ends, axis=0)).max(axis=1)
    of = np.repeat(np.arange(len(steps)), steps)
    k = np.arange(len(of)) - np.repeat(steps.cumsum() - steps, steps)
    n = steps[of][:, None]
    inner = (2 * (ends[of] * n + (ends[of + 1] - ends[of]) * k[:, None]) + n) // (2 * n)
    found = np.concatenate([inner, ends[-1:]])
    return found[:, 0], found[:, 1]


def _whole(values: Sequence[Any]) -> bool:
    return all(type(each) is int and abs(each) <= FARTHEST for each in values)
