"""The two bar panels of `reliance`: where the evidence lies, and the accuracy on single cues."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR
from workbench.plotting.hot_spots import of_no_images
from workbench.plotting.pieces import INK, QUIET, SMALL, class_ticks, heading, interval_bars
from workbench.plotting.pieces import plain as bare

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

PARTS = {"object": TRUE_COLOUR, "ring": "#b9c2cc", "background": PREDICTED_COLOUR}
"""Parts of an image, and their colours."""


def evidence(axes: Axes, table: pd.DataFrame, area: list[float]) -> None:
    """Draw stacked shares of the evidence, one bar a class."""
    places, start = np.arange(len(table)), np.zeros(len(table))
    for part, colour in PARTS.items():
        values = 100 * np.nan_to_num(table[part].to_numpy(np.float64))
        axes.barh(places, values, left=start, color=colour, height=0.7, linewidth=0, label=part)
        start += values
    middle = 100 * (table["object"] + table["ring"]).to_numpy(np.float64)
    reach = 100 * np.stack(
        [table["background_high"] - table["background"], table["background"] - table["background_low"]]
    ).astype(np.float64)
    known = np.isfinite(middle) & np.isfinite(reach).all(axis=0)
    if known.any():
        axes.errorbar(
            middle[known], places[known], xerr=np.clip(reach[:, known], 0, None), fmt="none", ecolor=INK, elinewidth=1
        )
        axes.axvline(100 * (area[0] + area[1]), color=INK, linewidth=1, linestyle=":")
        axes.legend(ncols=3, frameon=False, fontsize=SMALL, loc="lower left", bbox_to_anchor=(0, 0.99), borderpad=0.1)
    else:
        axes.text(
            50,
            (len(table) - 1) / 2,
            "no plain background,\nso no object mask",
            ha="center",
            va="center",
            color=QUIET,
            fontsize=SMALL + 1,
        )
    class_ticks(axes, table["class"].tolist(), limit=18)
    axes.set_xlim(0, 100)
    axes.set_xlabel("share of the evidence, % (dotted: share of the pixels)")
    axes.set_title("Where the evidence lies\n", loc="left", fontsize=9.5, fontweight="bold", color=INK)
    bare(axes, grid="x")


def accuracies(axes: Axes, cues: pd.DataFrame) -> None:
    """Draw the accuracy with each cue alone, with its interval."""
    of_no_images(axes)
    places = np.arange(len(cues))
    values = (100 * cues[name].to_numpy(np.float64) for name in ("accuracy", "low", "high"))
    interval_bars(axes, places, *values, colour=TRUE_COLOUR, height=0.6)
    for place, value in zip(places.tolist(), cues["accuracy"], strict=True):
        if np.isnan(value):
            axes.text(2, place, "no object mask", va="center", fontsize=SMALL, color=QUIET)
    axes.axvline(100 * float(cues["commonest"].iloc[0]), color=INK, linewidth=1, linestyle=":")
    axes.set_yticks(places, cues["cue"])
    axes.set_ylim(len(cues) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.set_xlabel("accuracy, % (dotted: most frequent class)")
    heading(axes, "Accuracy on single cues")
    bare(axes, grid="x")
