"""Pieces of figures: arrays in, matplotlib artists out; the colour policy is kept here for every analysis.

Figures are built on `matplotlib.figure.Figure`, never on pyplot, since the page draws from several threads.
matplotlib is imported inside the functions, so that an analysis costs nothing to import.

Three colour maps and no other: tables of counts and rates run from light to dark (seaborn's `rocket`,
perceptually uniform), unsigned maps of a layer through `inferno`, and what lies on an image through the
ramps of `workbench.colours`, which the page uses too.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from workbench.colours import DIVERGING, NO_EVIDENCE_COLOUR, SEQUENTIAL, rgba
from workbench.contracts import Array
from workbench.result import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

INK, QUIET, FAINT = "#1f2937", "#6b7280", "#e5e7eb"
"""Text, secondary text, and lines that only guide the eye."""
BODY, SMALL = 9.0, 7.5
"""Font sizes in points, for figures that are shown at 110 dots an inch."""
Text = tuple[str, str]
"""What is written, and its colour."""


def text(value: object, limit: int = 24) -> str:
    """Make a class or file name safe to draw: one line, no mathtext, the middle cut out where it is long.

    Args:
        value: any text, hostile or not.
        limit: characters that are kept; both ends stay, since names often differ only there.
    """
    visible = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in str(value))
    line = " ".join(visible.split()) or "(no name)"
    if len(line) > limit:
        head = limit // 2
        line = f"{line[:head].rstrip()}…{line[len(line) - (limit - 1 - head) :].lstrip()}"
    return line.replace("$", r"\$")


def caption(result: Result) -> str:
    """Say where a result comes from: run, dataset, N, and the parameters."""
    context, parts = result.context, []
    if context.get("run"):
        parts.append(f"run {context['run']}")
    if context.get("dataset"):
        parts.append(str(context["dataset"]))
    if context.get("images"):
        parts.append(f"{int(context['images']):,} images")
    parts += [
        f"{name.replace('_', ' ')} {'default' if value is None else value}" for name, value in result.params.items()
    ]
    return " · ".join(text(part, 60) for part in parts)


def new_figure(result: Result, question: str, *, width: float = 10.0, height: float, said: str = "") -> Figure:
    """Return an empty figure with the question as its title and where it comes from as its caption.

    Args:
        result: what is drawn.
        question: the analysis's question.
        width: inches.
        height: inches, for what is drawn between title and caption.
        said: a sentence about how to read the figure, put before the caption.
    """
    from matplotlib.figure import Figure

    title = textwrap.fill(text(question, 200), int(width * 9))
    below = "\n".join(textwrap.fill(line, int(width * 17)) for line in (said, caption(result)) if line)
    extra = 0.3 * (title.count("\n") + 1) + 0.17 * (below.count("\n") + 1) + 0.2
    figure = Figure(figsize=(width, height + extra), layout="constrained", facecolor="white")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.09)  # type: ignore[union-attr, call-arg]
    left = 0.1 / width
    figure.suptitle(title, x=left, ha="left", fontsize=13, fontweight="bold", color=INK)
    if below:
        figure.supxlabel(below, x=left, ha="left", fontsize=SMALL, color=QUIET, linespacing=1.4)
    return figure


def say(figure: Figure, sentence: str) -> Figure:
    """Fill a figure with one sentence, where there is nothing to draw."""
    axes = figure.subplots()
    axes.set_axis_off()
    axes.text(0.5, 0.5, textwrap.fill(sentence, 70), ha="center", va="center", fontsize=11, color=QUIET)
    return figure


def heading(axes: Axes, title: str, *, colour: str = INK) -> None:
    """Name a panel."""
    axes.set_title(title, loc="left", fontsize=BODY + 0.5, fontweight="bold", color=colour)


def plain(axes: Axes, *, grid: Literal["x", "y", "both"] | None = None) -> None:
    """Take away the frame, and make the ticks quiet."""
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0, labelsize=SMALL + 0.5, colors=INK)
    axes.xaxis.label.set(fontsize=BODY, color=INK)
    axes.yaxis.label.set(fontsize=BODY, color=INK)
    if grid:
        axes.grid(axis=grid, color=FAINT, linewidth=0.8)
        axes.set_axisbelow(True)


def colours_for(*, signed: bool, scale: float, overlay: bool = False) -> ScalarMappable:
    """Return the colour map of a map with its scale; see the module's first lines for which one."""
    import matplotlib as mpl
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    if signed or overlay:
        colours = LinearSegmentedColormap.from_list("workbench", DIVERGING if signed else SEQUENTIAL)
    else:
        colours = mpl.colormaps["inferno"]
    end = scale if scale > 0 else 1.0
    return ScalarMappable(Normalize(-end if signed else 0.0, end), colours)


def colour_bar(figure: Figure, axes: Any, mappable: ScalarMappable, unit: str, **where: Any) -> None:
    """Add the colour bar of a heatmap, with its unit."""
    bar = figure.colorbar(mappable, ax=axes, **where)
    bar.outline.set_visible(False)  # type: ignore[operator]
    bar.ax.tick_params(labelsize=SMALL, length=2, colors=INK)
    bar.set_label(unit, fontsize=SMALL + 0.5, color=INK)


def small(images: Array, side: int = 96) -> Array:
    """Shrink `(…, H, W, C)` uint8 pictures to at most `side` pixels by averaging whole blocks; small ones stay."""
    height, width = images.shape[-3:-1]
    step = -(-max(height, width) // side)
    if step <= 1:
        return np.asarray(images)
    h, w = max(height // step, 1), max(width // step, 1)
    cut = images[..., : h * min(step, height), : w * min(step, width), :]
    blocks = cut.reshape(*images.shape[:-3], h, cut.shape[-3] // h, w, cut.shape[-2] // w, images.shape[-1])
    return np.asarray(blocks.mean(axis=(-4, -2)).round().astype(np.uint8))


def as_rgb(image: Array) -> Array:
    """`(H, W, 1 or 3)` uint8 to `(H, W, 3)`."""
    return np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image


@dataclass(frozen=True, eq=False)
class Tile:
    """One picture of a grid.

    Attributes:
        image: `(H, W, 1 or 3)` uint8.
        above, below: lines of text with their colours.
        overlay: `(H', W')` float of any size, laid over the image; None for none.
        signed, scale: how the overlay is coloured; a scale of 0 draws it grey and says "no positive evidence".
        frame: colour of a line around the picture; empty for none.
    """

    image: Array
    above: Sequence[Text] = ()
    below: Sequence[Text] = ()
    overlay: Array | None = None
    signed: bool = False
    scale: float = 0.0
    frame: str = ""


GAP = 0.1


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
        for number, (words, colour) in enumerate(tile.above):
            at = upper - (len(tile.above) - number - 0.5) * line
            axes.text(left, at, words, fontsize=SMALL, color=colour, va="center", ha="left")
        for number, (words, colour) in enumerate(tile.below):
            axes.text(
                left, upper + tall + (number + 0.65) * line, words, fontsize=SMALL, color=colour, va="center", ha="left"
            )
    axes.set_xlim(0, columns - GAP)
    axes.set_ylim(-(-len(pictures) // columns) * step - GAP, 0)


def _picture(axes: Axes, tile: Tile, box: tuple[float, float, float, float]) -> None:
    from matplotlib.patches import Rectangle

    axes.imshow(as_rgb(tile.image), extent=box, interpolation="nearest", aspect="equal")
    left, right, bottom, top = box
    if tile.overlay is not None:
        if tile.scale > 0 and (tile.signed or (tile.overlay > 0).any()):
            painted = rgba(tile.overlay, signed=tile.signed, scale=tile.scale)
            axes.imshow(painted, extent=box, interpolation="nearest", aspect="equal")
        else:
            axes.add_patch(Rectangle((left, top), right - left, bottom - top, color=NO_EVIDENCE_COLOUR, linewidth=0))
            axes.text((left + right) / 2, (top + bottom) / 2, "no positive\nevidence", fontsize=SMALL, color="white",
                      ha="center", va="center")  # fmt: skip
    if tile.frame:
        axes.add_patch(
            Rectangle(
                (left, top), right - left, bottom - top, fill=False, edgecolor=tile.frame, linewidth=1.5, clip_on=False
            )
        )


def strips(axes: Axes, count: int) -> list[Axes]:
    """Divide `axes` into `count` rows for pictures, level with bars at 0, 1, … of a neighbouring panel."""
    axes.set_axis_off()
    axes.set_ylim(count - 0.5, -0.5)
    return [axes.inset_axes((0, row - 0.48, 1, 0.96), transform=axes.transData, anchor="W") for row in range(count)]


def montage(pictures: Array, columns: int, *, fill: float = np.nan) -> Array:
    """Lay `(n, h, w)` or `(n, h, w, 3)` maps out in rows of `columns`, one place apart.

    Returns:
        `(H, W)` or `(H, W, 3)` float; `fill` between the maps and after the last one.
    """
    count, height, width, *rest = pictures.shape
    rows = -(-count // columns)
    canvas = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1, *rest), fill, np.float64)
    for position, picture in enumerate(pictures):
        top, left = position // columns * (height + 1), position % columns * (width + 1)
        canvas[top : top + height, left : left + width] = picture
    return canvas


def show_map(axes: Axes, values: Array, mappable: ScalarMappable) -> None:
    """Draw an opaque map `(h, w)`, or one that is already coloured `(h, w, 3)`; NaN stays white."""
    colours = values if values.ndim == 3 else mappable.to_rgba(np.ma.masked_invalid(values))
    if values.ndim == 2:
        colours = np.where(np.isnan(values)[..., None], 1.0, colours)
    axes.imshow(colours, interpolation="nearest")
    axes.set_axis_off()


def interval_bars(
    axes: Axes,
    places: Array,
    values: Array,
    low: Array,
    high: Array,
    *,
    colour: str,
    height: float = 0.7,
    faint: bool = False,
) -> None:
    """Draw horizontal bars with their 95 % intervals; a value that is NaN has no bar."""
    known = ~np.isnan(values)
    shown = np.where(known, values, 0.0)
    axes.barh(places, shown, height=height, color=colour, alpha=0.35 if faint else 0.9, linewidth=0)
    reach = np.stack([np.clip(shown - low, 0, None), np.clip(high - shown, 0, None)]) * known
    axes.errorbar(shown[known], np.asarray(places)[known], xerr=reach[:, known], fmt="none", ecolor=INK, elinewidth=1.0)


def class_ticks(axes: Axes, names: Sequence[object], *, colour: str = INK, limit: int = 24) -> None:
    """Write one class name at each place 0, 1, … of the vertical axis, the first on top."""
    axes.set_yticks(range(len(names)), [text(name, limit) for name in names], color=colour)
    axes.set_ylim(len(names) - 0.5, -0.5)
