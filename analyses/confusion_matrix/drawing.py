"""The confusion matrix as a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.core.result import Result
from workbench.core.wording import plural
from workbench.plotting.colours import PREDICTED_COLOUR, TRUE_COLOUR
from workbench.plotting.confusion_table import confusion_table
from workbench.plotting.hot_spots import Spot, place_cells, place_spot
from workbench.plotting.pieces import FAINT, colour_bar, heading, new_figure, plain, plain_numbers, text
from workbench.session.spots import cell_spot, images_spot, term

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LONGEST = 900
"""Letters of a query that names many classes, beyond which a cell leads nowhere: an address is no longer."""
OTHERS = "(other)"
READ = (
    "Rows: true class (teal). Columns: predicted class (orange). Colour: errors only; the diagonal is grey. "
    "Empty: no images."
)


def draw(result: Result, question: str) -> Figure:
    """Draw counts and rates side by side; of many classes the whole matrix without names, and a part with them."""
    return _draw_cut(result, question) if "whole" in result.arrays else _draw_whole(result, question)


def _log(result: Result) -> str:
    return " Colours are logarithmic." if result.notes["log"] else ""


def _sorted(result: Result) -> str:
    by = result.notes["order"] == "confusions"
    return " Classes that are confused stand beside each other." if by else ""


def _draw_whole(result: Result, question: str) -> Figure:
    counts, of, names = result.arrays["counts"], result.arrays["of"], result.notes["shown"]
    size = len(names)
    side = float(np.clip(0.42 * size, 2.6, 7.2))
    figure = new_figure(
        result, question, width=2 * side + 3.4, height=side + 1.0, note=READ + _sorted(result) + _log(result)
    )
    left, right = figure.subplots(1, 2)
    spots = _spots(result)
    place_cells(left, spots)
    place_cells(right, spots)
    log = result.notes["log"]
    confusion_table(left, counts, names, title="Images", unit="errors, images", form="{:.0f}", log=log)
    with np.errstate(invalid="ignore"):
        rates = 100 * counts / of[:, None]
    form, unit = "{:.1f}" if size <= 15 else "{:.0f}", "errors, % of the true class"
    confusion_table(right, rates, names, title="Share of the true class, %", unit=unit, form=form, log=log)
    return figure


def _draw_cut(result: Result, question: str) -> Figure:
    notes, arrays = result.notes, result.arrays
    names, classes = notes["shown"], notes["classes"]
    size, all_of = len(names), plural(classes, "class")
    side = float(np.clip(0.25 * size, 3.4, 7.2))
    most = "with the most errors" if not notes["around"] else f"around {notes['around']}"
    by = "so that confusions stand near the diagonal" if notes["order"] == "confusions" else "in the order of the data"
    said = (
        f"Left: the errors of all {all_of}, {by}; colours are logarithmic. {READ} "
        f"Shown: the {size} of {all_of} {most}. {OTHERS}: all the rest.{_sorted(result)}{_log(result)} "
        "All cells are in the table."
    )
    figure = new_figure(result, question, width=2 * side + 3.8, height=side + 1.2, note=said)
    left, right = figure.subplots(1, 2, width_ratios=[side, side + 1.4])
    _small(figure, left, result)
    counts = np.zeros((size + 1, size + 1), np.int64)
    counts[:size, :size] = arrays["counts"]
    counts[:size, size], counts[size, :size] = arrays["others_predicted"], arrays["others_true"]
    place_cells(right, _spots(result) | _other_spots(result))
    title = f"The {size} classes {most}" if not notes["around"] else f"The {size} classes {text(most, 40)}"
    confusion_table(
        right,
        counts,
        [*names, OTHERS],
        title=title,
        unit="errors, images",
        form="{:.0f}",
        log=notes["log"],
        others=True,
    )
    return figure


def _small(figure: Figure, axes: Axes, result: Result) -> None:
    """Draw the errors of all classes, without names; a block of places leads to its largest cell."""
    import seaborn as sns
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm

    whole = result.arrays["whole"]
    size, classes = len(whole), result.notes["classes"]
    colours = ScalarMappable(LogNorm(1, max(float(whole.max()), 1.01)), sns.cm.rocket_r)
    painted = np.ones((size, size, 4))
    painted[whole > 0] = colours.to_rgba(whole[whole > 0])
    axes.imshow(painted, extent=(0, classes, classes, 0), interpolation="nearest")
    plain(axes)
    for side in axes.spines.values():
        side.set(visible=True, color=FAINT)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel("predicted class", color=PREDICTED_COLOUR)
    axes.set_ylabel("true class", color=TRUE_COLOUR)
    axes.xaxis.label.set_color(PREDICTED_COLOUR)
    axes.yaxis.label.set_color(TRUE_COLOUR)
    heading(axes, f"Errors of all {plural(classes, 'class')}")
    colour_bar(figure, axes, colours, "errors", shrink=0.8, aspect=30, pad=0.02)
    plain_numbers(colours.colorbar)
    blocks = result.arrays["blocks"]
    edges = np.cumsum([0, *map(len, np.array_split(np.arange(classes), int(result.arrays["pieces"])))])
    for (row, column), (true, predicted, images, of) in zip(blocks.tolist(), result.notes["largest"], strict=True):
        box = (float(edges[column]), float(edges[column + 1]), float(edges[row]), float(edges[row + 1]))
        place_spot(axes, box, cell_spot(result, true, predicted, images, of, more="the largest cell here"))


def _spots(result: Result) -> dict[tuple[int, int], Spot | None]:
    of, names = result.arrays["of"], result.notes["shown"]
    return {
        (row, column): cell_spot(result, names[row], names[column], int(count), int(of[row]))
        for (row, column), count in np.ndenumerate(result.arrays["counts"])
    }


def _other_spots(result: Result) -> dict[tuple[int, int], Spot | None]:
    """Say what the cells of the classes that are not shown stand for: those of a class and all but the shown ones."""
    names, size = result.notes["shown"], len(result.notes["shown"])
    found: dict[tuple[int, int], Spot | None] = {}
    for place, name in enumerate(names):
        for at, key, own, other, title in (
            ((place, size), "others_predicted", "label", "predicted", f"{name} → {OTHERS}"),
            ((size, place), "others_true", "predicted", "label", f"{OTHERS} → {name}"),
        ):
            query = f"{term(own, name)} -{term(other, *names)}"
            count = int(result.arrays[key][place]) if len(query) <= LONGEST else 0
            found[at] = images_spot(title, count, query)
    return found
