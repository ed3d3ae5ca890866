"""Maps of one image by two models beside each other, and their difference: one colour scale, one figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.result import Result
from workbench.core.types import Array
from workbench.plotting.pieces import colour_bar, colours_for, new_figure
from workbench.plotting.tiles import Text, Tile, tiles, tiles_height

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CELL = 2.3
"""Width of a picture in inches."""


@dataclass(frozen=True, eq=False)
class DrawnMap:
    """A map as it is drawn.

    Attributes:
        values: `(H, W)` float, at the image's pixels.
        signed: whether negative values mean something.
        above: lines above it, with their colours.
    """

    values: Array
    signed: bool
    above: Sequence[Text]


def draw_map_pair(
    image: Array,
    above: Sequence[Text],
    maps: Sequence[DrawnMap],
    *,
    question: str,
    unit: str,
    note: str,
    context: Mapping[str, Any],
) -> Figure:
    """Draw an image, then maps over it, all on the scale of the largest value among them.

    Args:
        image: `(H, W, 1 or 3)` uint8.
        above: lines above the image.
        maps: those of both models and their difference.
        question: heading of the figure.
        unit: of the values of all maps.
        note: what is to be known besides, a sentence.
        context: facts for the caption.
    """
    scale = max(float(np.abs(each.values).max(initial=0)) for each in maps)
    pictures = [Tile(image, above=above)]
    pictures += [Tile(image, above=each.above, overlay=each.values, signed=each.signed, scale=scale) for each in maps]
    columns = len(pictures)
    figure = new_figure(
        Result(context=context),
        question,
        width=columns * CELL + 1.2 * len({each.signed for each in maps}),
        height=tiles_height(pictures, columns, CELL),
        note=note,
    )
    axes = figure.subplots()
    tiles(axes, pictures, columns=columns, cell=CELL)
    for signed in sorted({each.signed for each in maps}):
        colour_bar(figure, axes, colours_for(signed=signed, scale=scale, overlay=True), unit, shrink=0.8)
    return figure
