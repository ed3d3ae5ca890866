"""How few cells make another class of an image, and what is said of images in between."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.estimate import Estimate, columns
from workbench.core.finding import Finding
from workbench.core.image_set import ImageSet
from workbench.core.types import Array
from workbench.core.wording import plural, verb
from workbench.session.counterfactual import Counterfactual
from workbench.statistics.medians import counted, median
from workbench.statistics.rates import rate

if TYPE_CHECKING:
    import pandas as pd

GROUPS = (("errors", False), ("right predictions", True))
COUNTED = ("swaps", "swaps_at_their_places", "swaps_at_random", "swaps_with_a_random_image")
WAYS = (
    "cells that are taken from their own place take",
    "cells in random order from their own place (median of each image's draws) take",
    "the same search with a random image of that class takes",
)


def by_group(images: pd.DataFrame) -> pd.DataFrame:
    """Sum up errors and right predictions; a group without images has no line."""
    import pandas as pd

    lines = list[dict[str, Any]]()
    for group, correct in GROUPS:
        some = images[images["correct"] == correct]
        if some.empty:
            continue
        line: dict[str, Any] = {"group": group, "images": len(some)}
        for name in COUNTED:
            line |= columns(f"median_{name}", finite(some[name].to_numpy(np.float64)))
        lines.append({**line, **columns("one_swap", rate(int((some["swaps"] <= 1).sum()), len(some)))})
    return pd.DataFrame(lines)


def finite(counts: Array) -> Estimate:
    """Median of counts that may be infinite, with its interval where that is finite; NaN are left out."""
    known = counts[~np.isnan(counts)]
    found = median(known) if len(known) else Estimate(float("nan"))
    return found if found.interval is not None else Estimate(found.value)


def findings_of(
    images: pd.DataFrame, between: pd.DataFrame, found: Sequence[Counterfactual], refused: Mapping[int, str]
) -> tuple[Finding, ...]:
    """Say what was found of one image, or of several.

    Args:
        images: a line for each image.
        between: a line for each semifactual example.
        found: the examples themselves.
        refused: rows of the images that have none, and why, a sentence.
    """
    if not found:
        return tuple(Finding(each) for each in dict.fromkeys(refused.values()))
    if len(found) + len(refused) == 1:
        only = found[0]
        return (Finding(only.words, evidence=ImageSet([only.row, only.other_row])),)
    said = [_of_group(images, found, group, correct) for group, correct in GROUPS]
    return tuple(
        filter(
            None, [*said, _places(found), *_compared(images), _semifactuals(between, len(found)), *_refused(refused)]
        )
    )


def _of_group(images: pd.DataFrame, found: Sequence[Counterfactual], group: str, correct: bool) -> Finding | None:
    some = images[images["correct"] == correct]
    if some.empty:
        return None
    count, never = len(some), int(np.isinf(some["swaps"]).sum())
    toward, other = "of the next most probable class", 0
    if not correct:
        other = int((some["class"] != some["true"]).sum())
        toward = "of the true class" if other < count else toward
    one = rate(int((some["swaps"] <= 1).sum()), count)
    noun = plural(count, group.removesuffix("s"))
    fallen = f" (for {other:,} of another, since no image of the true one is recognised)" if 0 < other < count else ""
    rest = f" {never:,} {verb(never, 'are')} flipped by no number of swaps." if never else ""
    return Finding(
        f"Of {noun}, cells of the nearest image {toward}{fallen} at {found[0].layer} flip the prediction to it after a "
        f"median of {counted(finite(some['swaps'].to_numpy(np.float64)))} of {found[0].cells} cells; one suffices for "
        f"{one}.{rest}",
        effect=one,
        evidence=ImageSet(some.sort_values("swaps", kind="stable")["row"].to_numpy()),
    )


def _refused(refused: Mapping[int, str]) -> list[Finding]:
    """Count the images without an example, by why they have none."""
    rows = defaultdict[str, list[int]](list)
    for row, why in refused.items():
        rows[why].append(row)
    return [
        Finding(f"{plural(len(each), 'image')} {verb(len(each), 'have')} no example. {why}", evidence=ImageSet(each))
        for why, each in rows.items()
    ]


def _places(found: Sequence[Counterfactual]) -> Finding | None:
    """Say how often a cell comes from the same place: else what replaces a part need not be the same part."""
    swaps = [each for one in found for each in one.swaps]
    if not swaps:
        return None
    own = rate(sum(each.cell == each.other for each in swaps), len(swaps))
    moved = [one.row for one in found if any(each.cell != each.other for each in one.swaps)]
    rest = "; in the rest a part is replaced with one from elsewhere, which no image need show there" if moved else ""
    return Finding(
        f"Of {plural(len(swaps), 'swap')}, {own} take a cell from the same place of the other image{rest}.",
        effect=own,
        evidence=ImageSet(moved),
        advice="Set `taken_from` to same-place where parts lie at the same place in all images." if moved else "",
    )


def _compared(images: pd.DataFrame) -> list[Finding]:
    """Set the search against random cells of the same image, and against a random image of the same class."""
    made = []
    for column, what in zip(COUNTED[1:], WAYS, strict=True):
        known = images.dropna(subset=column)
        if known.empty:
            continue
        here, there = (known[name].to_numpy(np.float64) for name in (COUNTED[0], column))
        if column == COUNTED[1] and np.array_equal(here, there):
            continue  # it was this search
        fewer, more = int((here < there).sum()), int((here > there).sum())
        share = rate(fewer, len(known))
        made.append(
            Finding(
                f"In place of a median of {counted(finite(here))} swaps, {what} {counted(finite(there))}: more for "
                f"{share} of {plural(len(known), 'image')}, and fewer for {more:,}.",
                effect=share,
                evidence=ImageSet(known["row"].to_numpy()),
            )
        )
    return made


def _semifactuals(between: pd.DataFrame, count: int) -> Finding:
    share = rate(len(between), count)
    if between.empty:
        return Finding(f"Of {plural(count, 'image')}, none has a semifactual example, {share}.", effect=share)
    less = rate(int((between["probability_between"] < between["probability"]).sum()), len(between))
    return Finding(
        f"{share} of {plural(count, 'image')} have a semifactual example, an image between both that is predicted as "
        f"the first one is; it is less sure than the image itself for {less} of them.",
        effect=share,
        evidence=ImageSet(between["row"].to_numpy()),
    )
