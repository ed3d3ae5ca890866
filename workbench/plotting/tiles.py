"""Pictures in a grid, with their texts and maps: every analysis that shows images draws them with this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Self
from unicodedata import east_asian_width

import numpy as np

from workbench.core.image_set import Part
from workbench.core.result import Result
from workbench.core.types import Array
from workbench.data.thumbnails import as_rgb
from workbench.plotting.colours import NO_EVIDENCE_COLOUR, rgba
from workbench.plotting.hot_spots import Spot, place_spot
from workbench.plotting.pieces import QUIET, SMALL
from workbench.plotting.short_names import short_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GAP = 0.1
"""Between two pictures, in widths of a cell."""
Text = tuple[str, str]
"""What is written, and its colour."""


class ImageName(str):
    """The name of an image, which is cut to the width of its picture when it is drawn; `before` it may stand words."""

    __slots__ = ("before",)

    before: str

    def __new__(cls, name: str, before: str = "") -> Self:
        """Return the name; what stands before it is safe to draw already."""
        made = super().__new__(cls, name)
        made.before = before
        return made


def image_name(result: Result, row: int, part: Part = "data") -> Text:
    """Return the name of an image of a result as a line of a tile."""
    return ImageName(result.image_name(row, part)), QUIET


def fitted(name: str, inches: float) -> str:
    """Cut the name of an image to a width, its end kept, and make it safe to draw."""
    before = name.before if isinstance(name, ImageName) else ""
    room = inches * 72 / SMALL - sum(map(_advance, before))
    return before + short_path(name, lambda line: sum(map(_advance, line)) <= room).replace("$", r"\$")


@lru_cache(4096)
def _advance(letter: str) -> float:
    """Return the width of a letter, in sizes of the font."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    if east_asian_width(letter) in "WF":  # which the usual font lacks
        return 1.0
    width: float = text_to_path.get_text_width_height_descent(letter, FontProperties(size=100), ismath=False)[0]
    return width / 100


@dataclass(frozen=True, eq=False)
class Tile:
    """One picture of a grid.

    Attributes:
        image: `(H, W, 1 or 3)` uint8.
        above, below: lines of text with their colours.
        overlay: `(H', W')` float of any size, laid over the image; None for none.
        signed, scale: how the overlay is coloured; a scale of 0 draws it grey and says "no positive evidence".
        contrast: whether a signed overlay sets the true class (teal) against the predicted one (orange).
        framed: whether a thin line runs around it, as a picture on white needs.
        blank: whether nothing is drawn, and its place stays free.
        spot: what it stands for; None for no image that one could open; several for pictures beside each other.
    """

    image: Array
    _: KW_ONLY
    above: Sequence[Text] = ()
    below: Sequence[Text] = ()
    overlay: Array | None = None
    signed: bool = False
    scale: float = 0.0
    contrast: bool = False
    framed: bool = False
    blank: bool = False
    spot: Spot | Sequence[Spot] | None = None


def tiles_height(pictures: Sequence[Tile], columns: int, cell: float) -> float:
    """Inches that `tiles` needs for `pictures` that are `cell` inches wide."""
    return -(-len(pictures) // columns) * _tile_height(pictures, cell) * cell


def _line(cell: float) -> float:
    """Height of a line of text, in widths of a cell."""
    return SMALL * 1.3 / 72 / cell


def _tile_height(pictures: Sequence[Tile], cell: float) -> float:
    lines = max(len(p.above) for p in pictures) + max(len(p.below) for p in pictures)
    shape = pictures[0].image.shape
    return (1 - GAP) * shape[0] / shape[1] + lines * _line(cell) + GAP


def tiles(axes: Axes, pictures: Sequence[Tile], *, columns: int, cell: float) -> None:
    """Draw pictures in a grid, nearest-neighbour, with their texts.

    Args:
        axes: taken as a whole; one axes for all pictures is drawn ten times faster than one for each.
        pictures: all of one size; none of them draws nothing.
        columns: pictures in a row.
        cell: width of a picture with its gap in inches, about the width of `axes` over `columns`.
    """
    axes.set_axis_off()
    axes.set_aspect("equal")
    if not pictures:
        return
    step, line = _tile_height(pictures, cell), _line(cell)
    lines = max(len(p.above) for p in pictures)
    tall = (1 - GAP) * pictures[0].image.shape[0] / pictures[0].image.shape[1]
    for position, tile in enumerate(pictures):
        left, top = position % columns, position // columns * step
        upper = top + lines * line
        box = (left, left + 1 - GAP, upper + tall, upper)
        _picture(axes, tile, box)
        for number, (words, colour) in enumerate(_written(tile.above, cell)):
            at = upper - (len(tile.above) - number - 0.5) * line
            axes.text(left, at, words, fontsize=SMALL, color=colour, va="center", ha="left")
        for number, (words, colour) in enumerate(_written(tile.below, cell)):
            axes.text(
                left, upper + tall + (number + 0.65) * line, words, fontsize=SMALL, color=colour, va="center", ha="left"
            )
    axes.set_xlim(0, columns - GAP)
    axes.set_ylim(-(-len(pictures) // columns) * step - GAP, 0)


def _written(lines: Sequence[Text], cell: float) -> list[Text]:
    """Cut the names of images to the width of a picture."""
    return [(fitted(words, (1 - GAP) * cell) if isinstance(words, ImageName) else words, ink) for words, ink in lines]


def _picture(axes: Axes, tile: Tile, box: tuple[float, float, float, float]) -> None:
    left, right, bottom, top = box
    if tile.blank:
        return
    beside = tile.spot if isinstance(tile.spot, Sequence) else [tile.spot]
    ends = np.linspace(left, right, len(beside) + 1).tolist()
    for start, end, spot in zip(ends[:-1], ends[1:], beside, strict=True):
        place_spot(axes, (start, end, bottom, top), spot)
    axes.imshow(as_rgb(tile.image), extent=box, interpolation="nearest", aspect="equal")
    if tile.framed:
        around = [left, right, right, left, left], [top, top, bottom, bottom, top]
        axes.plot(*around, color=NO_EVIDENCE_COLOUR, linewidth=0.5, clip_on=False)
    if tile.overlay is not None:
        if tile.scale > 0 and (tile.signed or (tile.overlay > 0).any()):
            painted = rgba(tile.overlay, signed=tile.signed, scale=tile.scale, contrast=tile.contrast)
            axes.imshow(painted, extent=box, interpolation="nearest", aspect="equal")
        else:
            axes.fill([left, right, right, left], [top, top, bottom, bottom], color=NO_EVIDENCE_COLOUR, linewidth=0)
            middle = (left + right) / 2, (top + bottom) / 2
            axes.text(*middle, "no positive\nevidence", fontsize=SMALL, color="white", ha="center", va="center")


def strips(axes: Axes, count: int) -> list[Axes]:
    """Divide `axes` into `count` rows for pictures, level with bars at 0, 1, … of a neighbouring panel."""
    axes.set_axis_off()
    axes.set_ylim(count - 0.5, -0.5)
    return [axes.inset_axes((0, row - 0.48, 1, 0.96), transform=axes.transData, anchor="W") for row in range(count)]
