"""Images that a model mends or breaks, with the maps of both models by the same method, and their difference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench.app.report.chosen_maps import BOX, NO_IMAGES, NO_MODEL, map_picture, methods_of
from workbench.app.report.content import Explained
from workbench.attribution.map_difference import difference_of
from workbench.core.errors import WorkbenchError
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.plotting.colours import scale_of

if TYPE_CHECKING:
    from workbench.app.report.pictured import Pictures
    from workbench.attribution.explainer import Explainer
    from workbench.diagnosis.comparison import Comparison

SHOWN = 3
"""Images of an outcome."""


def maps_of_both(
    found: Comparison, pictures: Pictures, outcomes: Sequence[str], methods: Sequence[str] = ()
) -> tuple[tuple[Explained, ...], str]:
    """Explain why each model says what it says of the images that changed most: their class against the mistaken one.

    Args:
        found: the comparison.
        pictures: makes the pictures of the first model's images.
        outcomes: whose images are shown, "fixed" and "broken".
        methods: names of methods, of which the first is taken; else the first usual one that applies to both models.

    Returns:
        The images, each with three maps; and a sentence about them, or why there are none.
    """
    sessions = (found.first, found.second)
    if any(each.only_predictions for each in sessions):
        return (), NO_MODEL
    if not all(each.dataset.has_images for each in sessions):
        return (), NO_IMAGES
    chosen = [row for outcome in outcomes for row in found.images(outcome)[:SHOWN]]
    if not chosen:
        return (), ""
    places = np.searchsorted(found.rows[:, 0], chosen, sorter=(order := np.argsort(found.rows[:, 0])))
    places = order[places]
    kinds = methods_of(sessions, methods[:1])
    if not kinds:
        return (), "There are no maps of both models: no usual method applies to both."
    report("Maps of both models", 0, len(places))
    try:
        made = _explained(found, pictures, places, kinds[0])
    except WorkbenchError as error:
        return (), f"There are no maps of both models: {error}"
    report("Maps of both models", len(places), len(places))
    one, other = found.names
    return made, (
        f"{kinds[0].title} for both models, for the true class rather than the mistaken one. The maps of an image "
        f"share one colour scale; the last one is the map of {other} less that of {one}."
    )


def _explained(found: Comparison, pictures: Pictures, places: Array, kind: type[Explainer]) -> tuple[Explained, ...]:
    names = found.first.class_names
    label, before, after = (
        each[places] for each in (found.before.labels, found.before.predicted, found.after.predicted)
    )
    mistaken = np.where(before == label, after, before)
    order = np.array([found.second.class_names.index(name) for name in names])
    rows = found.rows[places]
    first = found.first.attribute(kind.name, rows[:, 0], contrast=(label, mistaken), verdict=True)
    second = found.second.attribute(kind.name, rows[:, 1], contrast=(order[label], order[mistaken]), verdict=True)
    gap = difference_of(first, second)
    one, other = found.names
    shown = []
    for place, row in enumerate(rows[:, 0]):
        scale = max(scale_of(each.values[place], each.signed) for each in (first, second, gap))
        maps = (
            map_picture(names, first, place, scale=scale, title=one),
            map_picture(found.second.class_names, second, place, scale=scale, title=other),
            map_picture(names, gap, place, scale=scale, title=f"{other} − {one}", apart=f"orange: larger in {other}"),
        )
        picture = pictures.one(int(row), box=BOX)
        assert picture is not None  # noqa: S101 - it is one of those under study
        true, predicted, said = (names[int(each[place])] for each in (label, before, after))
        shown.append(Explained(picture=picture, true=true, predicted=predicted, second=said, maps=maps))
    return tuple(shown)
