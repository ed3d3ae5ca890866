"""A confusion matrix with the names of its classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.types import Array
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR
from workbench.plotting.pieces import FAINT, QUIET, SMALL, heading, plain, table_map, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_NUMBERS = 31
"""Rows up to which the numbers of the cells can be read."""


def confusion_table(
    axes: Axes,
    values: Array,
    names: Sequence[str],
    *,
    title: str,
    unit: str,
    form: str,
    log: bool,
    others: bool = False,
    letters: int | None = None,
) -> None:
    """Draw a confusion matrix, its diagonal in grey, with the names of its classes and the numbers of its cells.

    Args:
        axes: where.
        values: `(n, n)` counts or rates; NaN for none.
        names: of the classes, or of groups of them.
        title: of the panel.
        unit: of what is coloured, for the colour bar.
        form: how a number is written.
        log: whether the colours are logarithmic.
        others: whether the last row and column are sums of all other classes, and grey.
        letters: of a name that are written; as many as classes usually need, if not given.
    """
    import seaborn as sns
    from matplotlib.colors import ListedColormap

    size, diagonal = len(names), np.eye(len(names), dtype=bool)
    shown = np.nan_to_num(values)
    apart = np.zeros_like(diagonal)
    if others:  # sums of many cells would leave the single ones without a colour
        apart[-1], apart[:, -1] = True, True
    words = np.array([[form.format(v) if v > 0 and size <= MOST_NUMBERS else "" for v in row] for row in shown])
    font = float(np.clip(190 / size, SMALL, 8.5))
    common: dict[str, Any] = {
        "annot": words,
        "fmt": "",
        "annot_kws": {"fontsize": font},
        "square": True,
        "linewidths": 0.6,
        "linecolor": "white",
        "xticklabels": False,
        "yticklabels": False,
    }
    quiet = diagonal | (apart & (shown > 0))
    sns.heatmap(shown, mask=~quiet, cmap=ListedColormap([FAINT]), cbar=False, ax=axes, **common)
    for number in axes.texts:
        number.set_color(QUIET)
    coloured = ~quiet & (shown > 0)
    end = max(float(shown[coloured].max(initial=0.0)), 1.0)
    low = float(shown[coloured].min(initial=end)) if log else None
    table_map(axes, shown, end=end, unit=unit, low=low, hidden=~coloured, **common)
    plain(axes)
    axes.set_facecolor("#f8fafc")
    ticks = np.arange(size) + 0.5
    limit, points = (16, SMALL + 0.5) if size <= 15 else (14, SMALL)
    limit = letters or limit
    axes.set_xticks(
        ticks,
        [text(n, limit) for n in names],
        rotation=90 if size > 12 else 40,
        fontsize=points,
        ha="center" if size > 12 else "right",
        rotation_mode="anchor" if size <= 12 else "default",
        color=PREDICTED_COLOUR,
    )
    axes.set_yticks(ticks, [text(n, limit) for n in names], rotation=0, fontsize=points, color=TRUE_COLOUR)
    if others:
        axes.get_xticklabels()[-1].set_color(QUIET)
        axes.get_yticklabels()[-1].set_color(QUIET)
    heading(axes, title)
