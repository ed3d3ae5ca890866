"""Pieces of figures: arrays in, matplotlib artists out; the colour policy is kept here for every analysis.

Figures are built on `matplotlib.figure.Figure`, never on pyplot, since the page draws from several threads.
matplotlib is imported inside the functions, so that an analysis costs nothing to import.

Tables of counts and rates run from light to dark (seaborn's `rocket_r`), unsigned maps of a layer through
`inferno`, both perceptually uniform; signed weights from blue over white to orange; what lies on an image
takes the ramps of `workbench.plotting.colours`, which the page uses too.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import plural
from workbench.plotting.colours import CONTRASTING, DIVERGING, SEQUENTIAL
from workbench.plotting.fonts import complete_fonts, missing_letters_note
from workbench.plotting.short_names import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backend_bases import RendererBase
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

INK, QUIET, FAINT = "#1f2937", "#6b7280", "#e5e7eb"
"""Text, secondary text, and lines that only guide the eye."""
BODY, SMALL = 9.0, 7.5
"""Font sizes in points, for figures that are shown at 110 dots an inch."""
ON_PAPER = ("#123f7a", "#48a0ff", "#ffffff", "#ff7a1a", "#7a2e00")
"""The signed ramp where no image lies below: the same hues, and white for zero as the paper."""
CONTRAST_ON_PAPER = ("#7a2e00", "#ff7a1a", "#ffffff", "#2dbfae", "#0b4f4a")
"""The same for the true class against the predicted one."""
SHADE = 0.87
"""Brightness of an object that is shaded under its map."""


def text(value: object, limit: int = 24) -> str:
    """Make a class or file name safe to draw: one line, no mathtext, the middle cut out where it is long.

    Args:
        value: any text, hostile or not.
        limit: characters that are kept: both ends, or for a class name what tells it from the others.
    """
    return short(value, limit).replace("$", r"\$")


def caption(result: Result) -> str:
    """Say where a result comes from: run, dataset, N and K, and the parameters as `name=value`."""
    context, parts = result.context, []
    if context.get("run"):
        parts.append(f"run {context['run']}")
    if context.get("dataset"):
        parts.append(str(context["dataset"]))
    if context.get("images"):
        parts.append(plural(int(context["images"]), "image"))
    if context.get("classes"):
        parts.append(plural(int(context["classes"]), "class"))
    if context.get("preprocessing"):  # only where it was measured or is assumed
        parts.append(f"preprocessing {context['preprocessing']}")
    if context.get("tokens"):  # only where they were given, or are assumed
        parts.append(f"tokens {context['tokens']}")
    if not str(context.get("engine", "tensorflow")).startswith("tensorflow"):
        parts.append(f"engine {context['engine']}")
    if context.get("hierarchy"):  # only where an analysis reads it
        parts.append(f"hierarchy {context['hierarchy']}")
    params = result.params if result.names is None else result.names.values(result.params)
    parts += [f"{name}={_value(value)}" for name, value in params.items()]
    return " · ".join(text(part, 60) for part in parts)


def _value(value: object) -> str:
    """Say a parameter's value; None and an empty list leave the choice to the workbench."""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "default"
    return "default" if value is None else str(value)


def new_figure(result: Result, question: str, *, width: float = 10.0, height: float, note: str = "") -> Figure:
    """Return an empty figure with the question as its title and where it comes from as its caption.

    Args:
        result: what is drawn.
        question: the analysis's question.
        width: inches.
        height: inches, for what is drawn between title and caption.
        note: a sentence about how to read the figure, put before the caption.
    """
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    title = textwrap.fill(text(question, 200), int(width * 9))
    below = "\n".join(textwrap.fill(line, int(width * 17)) for line in (note, caption(result)) if line)
    extra = 0.3 * (title.count("\n") + 1) + 0.17 * (below.count("\n") + 1) + 0.2
    figure = _figure_class()(
        figsize=(width, height + extra), layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.09), facecolor="white"
    )
    left = 0.1 / width
    figure.suptitle(title, x=left, ha="left", fontsize=13, fontweight="bold", color=INK)
    if below:
        figure.supxlabel(below, x=left, ha="left", fontsize=SMALL, color=QUIET, linespacing=1.4)
    return figure


@cache
def _figure_class() -> type[Figure]:
    """Return the class of our figures: matplotlib's, which completes its fonts when it is drawn."""
    from matplotlib.figure import Figure

    class LegibleFigure(Figure):
        """A figure whose texts take the letters that the usual font lacks from fonts of the system."""

        def draw(self, renderer: RendererBase) -> None:
            if letters := complete_fonts(self):
                note = textwrap.fill(missing_letters_note(letters), int(self.get_figwidth() * 17))
                below = self.get_supxlabel()
                if note not in below:  # a figure may be drawn more than once
                    self.supxlabel("\n".join(filter(None, (note, below))))
            super().draw(renderer)

    return LegibleFigure


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


def colours_for(*, signed: bool, scale: float, overlay: bool = False, contrast: bool = False) -> ScalarMappable:
    """Return the colour map of a map with its scale; see the module's first lines, and `rgba` for `contrast`."""
    import matplotlib as mpl
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize

    if signed or overlay:
        painted, paper = (CONTRASTING, CONTRAST_ON_PAPER) if contrast else (DIVERGING, ON_PAPER)
        stops = (painted if signed else SEQUENTIAL) if overlay else paper
        colours: Colormap = LinearSegmentedColormap.from_list("workbench", stops)
    else:
        colours = mpl.colormaps["inferno"]
    end = scale if scale > 0 else 1.0
    return ScalarMappable(Normalize(-end if signed else 0.0, end), colours)


def colour_bar(figure: Figure, axes: Any, mappable: ScalarMappable, unit: str, **where: Any) -> None:
    """Add the colour bar of a heatmap, with its unit."""
    bar = figure.colorbar(mappable, ax=axes, **where)
    bar.set_label(unit)
    _quiet(bar)


def scale_bar(axes: Axes, mappable: ScalarMappable, unit: str) -> None:
    """Fill `axes` with a horizontal colour bar: its ends, zero, and the unit below."""
    low, high = mappable.get_clim()
    if low is None or high is None:
        raise TypeError("A colour bar needs a scale: give the colours a norm with both ends.")
    colours = mappable.to_rgba(np.linspace(low, high, 256)[None])
    axes.imshow(colours, extent=(low, high, 0, 1), aspect="auto")
    ends = sorted({low, 0.0, high})
    plain(axes)
    axes.set_yticks([])
    said = [f"{end:.2g}".replace("-", "−") for end in ends]
    if len(said[-1]) > 4:  # then zero has no room
        said[1:-1] = [""] * (len(said) - 2)
    axes.set_xticks(ends, said)
    words = axes.get_xticklabels()
    words[0].set_horizontalalignment("left")  # so that neighbouring bars keep their numbers apart
    words[-1].set_horizontalalignment("right")
    axes.tick_params(labelsize=SMALL, pad=1.5)
    axes.set_xlabel(unit, fontsize=SMALL, labelpad=1)


def _quiet(bar: Any) -> None:
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=SMALL, length=2, colors=INK)
    for axis in (bar.ax.xaxis, bar.ax.yaxis):
        axis.label.set(fontsize=SMALL + 0.5, color=INK)


def table_map(
    axes: Axes,
    values: Array,
    *,
    end: float,
    unit: str,
    low: float | None = None,
    hidden: Array | None = None,
    **how: Any,
) -> None:
    """Draw a table of counts or rates as a heatmap, light to dark, with its colour bar.

    Args:
        axes: where.
        values: `(rows, columns)`, 0 … `end`.
        end: value of the darkest colour.
        unit: of the values, for the colour bar.
        low: value of the lightest colour of a logarithmic scale, above 0; None for a linear scale from 0.
        hidden: `(rows, columns)` bool, cells to leave out; none if not given.
        how: what `seaborn.heatmap` takes besides.
    """
    import seaborn as sns
    from matplotlib.colors import LogNorm

    bar = {"label": unit, "shrink": 0.8, "aspect": 30, "pad": 0.02}
    scale: dict[str, Any] = {"vmin": 0, "vmax": end} if low is None else {"norm": LogNorm(low, max(end, 1.01 * low))}
    sns.heatmap(values, mask=hidden, cmap="rocket_r", ax=axes, cbar_kws=bar, **scale, **how)
    drawn = axes.collections[-1].colorbar
    if low is not None:
        plain_numbers(drawn)
    _quiet(drawn)


def plain_numbers(bar: Any) -> None:
    """Write the numbers of a logarithmic colour bar as they are, 1, 10 and 100, and not as powers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    bar.ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    bar.ax.yaxis.set_minor_formatter(NullFormatter())


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


def show_map(axes: Axes, values: Array, mappable: ScalarMappable, *, gap: float | None = None) -> None:
    """Draw a map `(h, w)`, or one already coloured `(h, w, 3)`; NaN is the brightness `gap`, the paper if not given."""
    colours = values if values.ndim == 3 else mappable.to_rgba(np.ma.masked_invalid(values))
    if values.ndim == 2:
        empty = (1.0, 1.0, 1.0, 0.0) if gap is None else (gap, gap, gap, 1.0)
        colours = np.where(np.isnan(values)[..., None], empty, colours)
    axes.imshow(colours, interpolation="nearest")
    axes.set_axis_off()


def on_paper(values: Array, scale: float, shaded: Array | None = None) -> Array:
    """Colour `(H, W)` values of the true class against another one as on paper: `(H, W, 3)` uint8.

    Args:
        values: any size.
        scale: magnitude of the darkest colours.
        shaded: `(H, W)` bool, what is drawn a little darker, for example where the object is.
    """
    colours = colours_for(signed=True, scale=scale, contrast=True).to_rgba(values)[..., :3]
    light = 1.0 if shaded is None else np.where(shaded, SHADE, 1.0)[..., None]
    return np.asarray((255 * colours * light).round().astype(np.uint8))


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
