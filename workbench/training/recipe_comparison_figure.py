"""The figure of a comparison of recipes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.result import Result
from workbench.plotting.pieces import INK, QUIET, SMALL, class_ticks, heading, new_figure, plain
from workbench.training.recipe_comparison import HELPED, HURT, OPEN
from workbench.training.several_trainings import RecipeRun

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

QUESTION = "Which recipe helped?"
COLOURS = {HELPED: "#0d9488", HURT: "#ea580c", OPEN: QUIET}


def draw_comparison(
    table: pd.DataFrame,
    trained: Sequence[RecipeRun],
    context: Mapping[str, Any],
    params: Mapping[str, Any],
    *,
    question: str = QUESTION,
) -> Figure:
    """Draw the accuracy of every seed, and the differences to the first recipe.

    Args:
        table: from `recipe_comparison.compare`.
        trained: the runs it was made from.
        context: data, for the caption.
        params: training settings, for the caption.
        question: that it answers.
    """
    names = table["recipe"].tolist()
    figure = new_figure(
        Result(context=context, params=params),
        question,
        width=10,
        height=0.45 * len(names) + 0.9,
        note="Left: a dot for each seed, and the 95 % interval of their mean. Right: thick, the interval over seeds; "
        "thin, over test images; a difference counts only if both exclude zero (adjusted for the number of recipes).",
    )
    accuracy, difference = figure.subplots(1, 2, sharey=True)
    for place, (_, row) in enumerate(table.iterrows()):
        right = [100 * each.correct.mean() for each in trained if each.recipe == row["recipe"]]
        accuracy.plot(right, np.full(len(right), place), "o", color=INK, alpha=0.5, markersize=4)
        if not np.isnan(row["accuracy_low"]):
            accuracy.plot(
                [100 * row["accuracy_low"], 100 * row["accuracy_high"]], [place] * 2, color=INK, linewidth=1.5
            )
        if place:
            colour = COLOURS[row["verdict"]]
            for what, wide, below in (("seeds", 4.0, 0.0), ("images", 1.5, 0.14)):
                ends = [100 * row[f"{what}_low"], 100 * row[f"{what}_high"]]
                difference.plot(ends, [place + below] * 2, color=colour, linewidth=wide, solid_capstyle="butt")
            difference.plot(100 * row["difference"], place, "D", color=colour, markersize=5)
            difference.annotate(
                row["verdict"],
                (100 * row["difference"], place),
                (0, 6),
                textcoords="offset points",
                ha="center",
                fontsize=SMALL,
                color=colour,
            )
    difference.axvline(0, color=INK, linewidth=1)
    heading(accuracy, "Test accuracy, %")
    heading(difference, f"Difference to {names[0]}, points")
    for axes in (accuracy, difference):
        plain(axes, grid="x")
    class_ticks(accuracy, names)
    return figure
