"""Groups of classes as a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.core.result import Result
from workbench.core.wording import percent, plural
from workbench.plotting.colours import NO_EVIDENCE_COLOUR, PREDICTED_COLOUR, TRUE_COLOUR
from workbench.plotting.confusion_table import confusion_table
from workbench.plotting.hot_spots import Spot, place_bars, place_cells
from workbench.plotting.pieces import SMALL, class_ticks, heading, interval_bars, new_figure, plain, say
from workbench.session.spots import images_spot, term

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LONGEST = 900
"""Letters of a query that names many classes, beyond which a place leads nowhere: an address is no longer."""
SPAN = 50
"""The largest cell over the middle one, from which colours are logarithmic."""
OTHERS = "(other)"


def draw(result: Result, question: str, nothing: str) -> Figure:
    """Draw the confusions between groups, how often each is recognised, and how far errors go in a given tree."""
    notes = result.notes
    names = notes["groups"]
    if not names:
        return say(new_figure(result, question, height=2.0), nothing)
    size, far = len(names), "distances" in result.tables and not notes["open"]
    side = float(np.clip(0.34 * (size + 1), 2.8, 7.4))
    figure = new_figure(result, question, width=side + (9.8 if far else 6.4), height=side + 1.5, note=_note(result))
    ratios = [side + 2.2, 4.2, 3.2] if far else [side + 2.2, 4.2]
    axes = figure.subplots(1, len(ratios), width_ratios=ratios)
    _matrix(axes[0], result)
    _recalls(axes[1], result)
    if far:
        _distances(axes[2], result)
    return figure


def _note(result: Result) -> str:
    notes = result.notes
    said = "Matrix: errors; rows: group of the true class, columns: that of the predicted one; grey: within a group."
    if any(notes["alone"]):
        said += " Classes in no group have no recall together; their errors among each other are grey too."
    said += " Lines: 95 % Wilson intervals."
    if notes["open"]:
        said += f" Opened: {notes['open']}; {OTHERS}: all classes outside of it."
    elif notes["found"]:
        said += " The groups were found from these confusions; give your own with hierarchy (--hierarchy)."
    if len(notes["groups"]) < notes["nodes"]:
        of = plural(notes["nodes"], "group")
        said += f" Shown: the {len(notes['groups'])} of {of} with the most errors; all are in the table."
    return said


def _matrix(axes: Axes, result: Result) -> None:
    notes, cells = result.notes, result.arrays["cells"]
    names, others = list(notes["groups"]), notes["others"]
    size = len(names)
    shown = cells if others else cells[:size, :size]
    place_cells(axes, _spots(result))
    some = cells[:size, :size][~np.eye(size, dtype=bool)]
    some = some[some > 0]
    log = bool(len(some)) and float(some.max()) >= SPAN * float(np.median(some))
    title = f"Within {notes['open']}" if notes["open"] else "Errors between groups"
    confusion_table(
        axes,
        shown,
        [*names, OTHERS] if others else names,
        title=title + (", logarithmic" if log else ""),
        unit="errors, images",
        form="{:.0f}",
        log=log,
        others=others,
        letters=22,
    )


def _recalls(axes: Axes, result: Result) -> None:
    table = result.tables["groups"].set_index("group").loc[result.notes["groups"]]
    values = (100 * table[name].to_numpy() for name in ("recall", "low", "high"))
    places = np.arange(len(table))
    interval_bars(axes, places, *values, colour=TRUE_COLOUR, height=0.62)
    groups = not all(result.notes["is_class"])
    if groups:
        whole = 100 * (table["right"] / table["images"].clip(lower=1)).to_numpy()
        axes.plot(whole, places, "|", color=PREDICTED_COLOUR, markersize=9, markeredgewidth=2)
    class_ticks(axes, list(table.index), limit=26)
    axes.set_xlim(0, 100)
    axes.set_xlabel("images put into their group, % (orange: into their class)" if groups else "recall, %")
    heading(axes, "Recall of each group" if groups else "Recall of each class")
    plain(axes, grid="x")
    spots = [
        images_spot(
            name,
            int(row["images"]),
            _query(result, "label", place),
            more="" if np.isnan(row["recall"]) else f"recall {percent(row['recall'])}",
        )
        for place, (name, row) in enumerate(table.iterrows())
    ]
    place_bars(axes, places, spots, 0.9)


def _distances(axes: Axes, result: Result) -> None:
    table = result.tables["distances"]
    places = np.arange(len(table))
    values = (100 * table[name].to_numpy() for name in ("share", "low", "high"))
    interval_bars(axes, places, *values, colour=PREDICTED_COLOUR, height=0.62)
    axes.plot(100 * table["by_chance"], places, "D", color=NO_EVIDENCE_COLOUR, markersize=6, label="by chance")
    farthest = len(table)
    words = [
        f"{levels}" + (" (same group)" if levels == 1 and farthest > 1 else "") for levels in table["levels_apart"]
    ]
    words[-1] = f"{farthest} (nothing shared)" if farthest > 1 else words[-1]
    class_ticks(axes, words)
    axes.set_xlim(0, 100)
    axes.set_xlabel("share of the errors, %")
    axes.legend(frameon=False, fontsize=SMALL, loc="lower right")
    heading(axes, "Levels up to a group of both")
    plain(axes, grid="x")
    total = int(table["errors"].sum())
    spots = [
        images_spot(f"{words[place]} levels up", int(errors), f"error_distance:{levels}", of=total)
        for place, (levels, errors) in enumerate(zip(table["levels_apart"], table["errors"], strict=True))
    ]
    place_bars(axes, places, spots, 0.9)


def _query(result: Result, field: str, place: int) -> str:
    """Write a query for the images whose label, or prediction, is in a group; empty where it would be too long."""
    notes = result.notes
    if notes["by_field"]:
        return term("group" if field == "label" else "predicted_group", notes["groups"][place])
    query = term(field, *notes["members"][place])
    return query if len(query) <= LONGEST // 2 else ""


def _spots(result: Result) -> dict[tuple[int, int], Spot | None]:
    cells, names = result.arrays["cells"], result.notes["groups"]
    found: dict[tuple[int, int], Spot | None] = {}
    for (row, column), count in np.ndenumerate(cells[: len(names), : len(names)]):
        both = [_query(result, "label", row), _query(result, "predicted", column)]
        within = "errors among classes" if result.notes["alone"][row] else "errors within"
        what = f"{within} {names[row]}" if row == column else f"{names[row]} → {names[column]}"
        found[row, column] = (
            images_spot(what, int(count), " ".join([*both, *(["correct:no"] if row == column else [])]))
            if all(both)
            else None
        )
    return found | _other_spots(result)


def _other_spots(result: Result) -> dict[tuple[int, int], Spot | None]:
    cells, names, size = result.arrays["cells"], result.notes["groups"], len(result.notes["groups"])
    outside = {field: [_query(result, field, place) for place in range(size)] for field in ("label", "predicted")}
    found: dict[tuple[int, int], Spot | None] = {}
    for place, name in enumerate(names):
        for at, own, other, what in (
            ((place, size), "label", "predicted", f"{name} → {OTHERS}"),
            ((size, place), "predicted", "label", f"{OTHERS} → {name}"),
        ):
            query = " ".join([outside[own][place], *(f"-{each}" for each in outside[other])])
            known = all(outside[other]) and outside[own][place] and len(query) <= LONGEST
            found[at] = images_spot(what, int(cells[at]), query) if known else None
    return found
