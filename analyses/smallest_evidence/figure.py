"""Images with what suffices and without what flips them, and how many regions that is."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.result import Result
from workbench.core.types import Array
from workbench.core.wording import plural, probability
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR
from workbench.plotting.hot_spots import Spot, place_scatter, spot_of
from workbench.plotting.pieces import INK, QUIET, heading, new_figure, plain, text
from workbench.plotting.tiles import Tile, image_name, tiles, tiles_height
from workbench.session.spots import scatter_spot

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CELL = 1.55
"""Width of a picture in inches."""
PANEL = 2.6
"""Height of the panels below in inches."""


def draw_evidence(result: Result, question: str) -> Figure:
    """Draw a line for each image: itself, and both sets with each reference; below, the counts of all images."""
    references = result.notes["references"]
    columns = 1 + 2 * len(references)
    pictures = _pictures(result)
    upper = tiles_height(pictures, columns, CELL) + 0.1
    said = (
        "Grey: hidden, and replaced by what is said above the picture; what looks like that already stays. Kept: the "
        "fewest regions with which the model predicts the same class. Without: the fewest that make it predict another "
        "one when they are hidden. Proved: all smaller sets were tried; else at least so many are needed, and no "
        "region can be spared. Teal: true class. Orange: predicted class."
    )
    figure = new_figure(result, question, width=max(5 * CELL, columns * CELL) + 0.3, height=upper + PANEL, note=said)
    above, below = figure.subfigures(2, 1, height_ratios=[upper, PANEL], squeeze=False)[:, 0]
    tiles(above.subplots(), pictures, columns=columns, cell=CELL)
    panels = below.subplots(1, len(references), squeeze=False)[0]
    for axes, name in zip(panels, references, strict=True):
        _counts(axes, result, name)
    return figure


def _pictures(result: Result) -> list[Tile]:
    table, count = result.tables["images"], len(result.notes["references"])
    pictures = []
    for place, image, both in zip(
        result.notes["shown"], result.arrays["images"], result.arrays["pictures"], strict=True
    ):
        lines = table.iloc[place * count : (place + 1) * count]
        first, spot = lines.iloc[0], spot_of(result, lines["row"].iloc[0])
        sure = probability(first["whole_probability"])
        words = [
            image_name(result, first["row"]),
            (text(first["true"], 22), TRUE_COLOUR),
            (f"{text(first['predicted'], 16)} {sure}%", QUIET if first["correct"] else PREDICTED_COLOUR),
        ]
        pictures.append(Tile(image, above=words, spot=spot))
        for (_, line), (kept, without) in zip(lines.iterrows(), both, strict=True):
            pictures += [Tile(kept, above=_of_kept(line), spot=spot), Tile(without, above=_of_removed(line), spot=spot)]
    return pictures


def _of_kept(line: pd.Series) -> list[tuple[str, str]]:
    size = f"kept {line['kept']:.0f} of {plural(int(line['regions']), 'region')}"
    proof = _proof(line["kept_proved"], line["kept_at_least"])
    sure = f"{text(line['predicted'], 16)} {probability(line['kept_probability'])}%"
    return [(f"{line['reference']}: {proof}", QUIET), (size, INK), (sure, QUIET)]


def _of_removed(line: pd.Series) -> list[tuple[str, str]]:
    proof = (f"{line['reference']}: {_proof(line['removed_proved'], line['removed_at_least'])}", QUIET)
    if np.isnan(line["removed"]):
        return [proof, ("no set flips it" if line["removed_proved"] else "none found", INK), ("", QUIET)]
    sure = f"→ {text(line['becomes'], 16)} {probability(line['becomes_probability'])}%"
    return [proof, (f"without {plural(int(line['removed']), 'region')}", INK), (sure, QUIET)]


def _proof(proved: bool, at_least: int) -> str:
    return "proved" if proved else f"at least {at_least:.0f}"


def _counts(axes: Axes, result: Result, name: str) -> None:
    """Draw how many images have which counts, one dot for all with the same, its area their number."""
    from matplotlib.ticker import MaxNLocator

    table = result.tables["images"]
    known = table[(table["reference"] == name) & table["removed"].notna()]
    for correct, colour, aside in ((True, INK, -0.12), (False, PREDICTED_COLOUR, 0.12)):
        some = known[known["correct"] == correct]
        x, y = some["kept"].to_numpy(np.float64) + aside, some["removed"].to_numpy(np.float64)
        places, counts = np.unique(np.stack([x, y], axis=1), axis=0, return_counts=True)
        axes.scatter(
            places[:, 0],
            places[:, 1],
            s=18 * counts,
            color=colour,
            alpha=0.7,
            linewidth=0,
            label="right predictions" if correct else "errors",
            clip_on=False,
        )
        place_scatter(axes, x, y, partial(_spot, result, some["row"].to_numpy()))
    never = int(table.loc[table["reference"] == name, "removed"].isna().sum())
    left = f" ({plural(never, 'image')} not flipped)" if never else ""
    heading(axes, f"Hidden: {name}{left}")
    ends = table["kept"].max() + 1, np.nanmax([1.0, *table["removed"]]) + 1
    axes.set(xlim=(-0.5, ends[0]), ylim=(0, ends[1]), xlabel="fewest that keep it", ylabel="fewest that flip it")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    plain(axes, grid="both")
    axes.legend(frameon=False, fontsize=7.5, loc="best", labelcolor=INK)


def _spot(result: Result, rows: Array, places: Array) -> Spot:
    return scatter_spot(result, rows[places])
