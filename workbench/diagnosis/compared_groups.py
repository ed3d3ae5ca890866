"""Groups of images on which two models may differ: found in properties, pixels and metadata."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.predictions import Predictions
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.data.lazy_images import Some
from workbench.data.properties import unlike
from workbench.session.images.fields import fields_of
from workbench.statistics.moved_groups import MovedGroup, moved_groups
from workbench.statistics.rates import ENOUGH
from workbench.statistics.slicing import Group, Part, from_pixels, from_properties, halves, pixel_components

if TYPE_CHECKING:
    import pandas as pd

    from workbench.session.images.column import Column
    from workbench.session.session import Session

SEED = 0
"""Of the split into halves and of the clustering: the same groups are found again."""
QUARTERS = (0.25, 0.5, 0.75)
"""Where numbers and dates are cut."""


def groups_that_moved(session: Session, rows: Array, both: tuple[Predictions, Predictions]) -> list[MovedGroup]:
    """Find groups of the compared images that change otherwise than the rest, and confirm them; see `moved_groups`.

    Args:
        session: whose images they are.
        rows: `(n,)` where each of the compared images stands in its data set.
        both: what either model says of these.
    """
    before, after = both
    parts = halves(before.labels, SEED)
    if min(map(len, parts)) < 2 * ENOUGH:
        return []
    names, properties = session.class_names, None
    report("Groups that moved", 0, 3)
    groups = list(_from_metadata(session, rows, parts[0]))
    if session.dataset.has_images:
        properties = session.properties.iloc[rows].reset_index(drop=True)
        change = after.correct.astype(np.float64) - before.correct
        count = np.maximum(np.bincount(before.labels[parts[0]], minlength=len(names)), 1)
        mean = np.bincount(before.labels[parts[0]], change[parts[0]], len(names)) / count
        ((pixels,),) = pixel_components(Some(session.dataset, rows), parts[:1])
        studied = Part(properties.to_numpy(), pixels, before.labels)
        own = change - mean[before.labels]
        report("Groups that moved", 1, 3)
        groups += from_properties(studied, None, own, parts[0], names=names, columns=list(properties.columns))
        groups += from_pixels(studied, None, parts[0], SEED)
    report("Groups that moved", 2, 3)
    found = moved_groups(both, groups, parts, lambda group: group.rule or _looks(group, properties, before, names))
    report("Groups that moved", 3, 3)
    return found


def _looks(group: Group, properties: pd.DataFrame | None, said: Predictions, names: tuple[str, ...]) -> str:
    """Say what images of a cluster look like, with the class that all of them are of."""
    if properties is None:
        return ""
    looks = unlike(properties, said.labels, group.members)
    (classes,) = np.nonzero(np.bincount(said.labels[group.members], minlength=len(names)))
    return f"{names[int(classes[0])]}, {looks}" if len(classes) == 1 else looks


def _from_metadata(session: Session, rows: Array, find: Array) -> Iterator[Group]:
    """Yield the images that have a value of a column, or are in a quarter of a number or a date."""
    for name, field in fields_of(session).items():
        if field.group == "metadata":
            for words, members in _values(field.read().of(rows), find):
                yield Group(members=members, alike=members, learned=None, source="metadata", rule=f"{name} {words}")


def _values(column: Column, find: Array) -> Iterator[tuple[str, Array]]:
    if column.kind == "category":
        for code in np.unique(column.values[find]).tolist():
            yield f"is {column.options[code]}" if code >= 0 else "has no value", column.values == code
    elif column.kind == "truth":
        for value, word in ((1, "is yes"), (0, "is no")):
            yield word, column.values == value
    elif column.kind in ("number", "date"):
        numbers, there = column.order()
        known = find[there[find]]
        if len(known) < 4 * ENOUGH:
            return
        # An image's own value stands at each cut, so that a date can be written as it is.
        places = np.unique(np.quantile(numbers[known], QUARTERS, method="lower"))
        shown = {float(number): text for number, text in zip(numbers[known], column.of(known).shown(), strict=True)}
        ends = [-np.inf, *places.tolist(), np.inf]
        for low, high in pairwise(ends):
            above = f"above {_written(shown[low])}" if low > -np.inf else ""
            below = f"at most {_written(shown[high])}" if high < np.inf else ""
            yield " and ".join(filter(None, (above, below))), there & (numbers > low) & (numbers <= high)


def _written(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
