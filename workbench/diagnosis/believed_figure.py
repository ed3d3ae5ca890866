"""The figure of the benchmarks: what is said, and how often it was true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.result import Result
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR
from workbench.plotting.pieces import INK, QUIET, SMALL, class_ticks, heading, interval_bars, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from workbench.diagnosis.benchmark import Claim

QUESTION = "What does the workbench say, and how often is it true?"
LONGEST = 78
"""Characters of a sentence that is shown."""


def draw_claims(claims: Mapping[str, Sequence[Claim]], context: Mapping[str, Any], params: Mapping[str, Any]) -> Figure:
    """Draw a bar for each claim, by benchmark.

    Args:
        claims: by the title of their benchmark; those without any are left out.
        context: for the caption.
        params: how it was asked, for the caption.
    """
    shown = {title: each for title, each in claims.items() if each}
    counts = [len(each) for each in shown.values()]
    figure = new_figure(
        Result(context=context, params=params),
        QUESTION,
        width=11,
        height=0.3 * sum(counts) + 0.6 * len(counts),
        note="Bars: share of the cases in which what was said was true, on data whose truth the workbench does not "
        "see, with 95 % Wilson intervals. Lines: what it should be at least.",
    )
    if not shown:
        return figure
    rows = figure.subplots(len(shown), 1, squeeze=False, height_ratios=[each + 1 for each in counts], sharex=True)[:, 0]
    for axes, (title, each) in zip(rows, shown.items(), strict=True):
        heading(axes, title)
        shares = 100 * np.array([list(claim.share) for claim in each])
        interval_bars(axes, np.arange(len(each)), *shares.T, colour=TRUE_COLOUR, height=0.55)
        for place, claim in enumerate(each):
            if claim.wanted is not None:
                axes.vlines(100 * claim.wanted, place - 0.4, place + 0.4, color=PREDICTED_COLOUR, linewidth=1.6)
            axes.text(101.5, place, f"{claim.right:,} of {claim.of:,}", fontsize=SMALL, color=QUIET, va="center")
        class_ticks(axes, [claim.said for claim in each], colour=INK, limit=LONGEST)
        axes.set_xlim(0, 100)
        plain(axes, grid="x")
    rows[-1].set_xlabel("true, %")
    return figure
