"""Some of the images that were found, as the grid in the browser shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.app.page.images.found import Found
from workbench.app.pictures import Part as Pictures
from workbench.core.errors import WorkbenchError
from workbench.core.types import Array
from workbench.core.wording import bare_percent
from workbench.workspace.identities import Identities

if TYPE_CHECKING:
    from workbench.app.page.comparing import Compared
    from workbench.session.study import Study

MOST = 200
"""Images of one request."""
BOXES = (64, 128, 256)
"""Sizes of pictures; a photo is made for the smallest that fills its tile."""


def tiles_of(found: Found, pictures: Pictures, first: int, count: int, box: int) -> dict[str, Any]:
    """Return `count` images from the place `first` on.

    Raises:
        WorkbenchError: if they are too many, or the place is none.
    """
    if not 1 <= count <= MOST:
        raise WorkbenchError(f"Ask for 1 to {MOST} images at a time. Got {count}.")
    if not 0 <= first <= len(found.images):
        raise WorkbenchError(f"The first image must be one of {len(found.images):,}. Got {first}.")
    if box not in BOXES:
        raise WorkbenchError(f"The size must be {', '.join(map(str, BOXES))}. Got {box}.")
    rows = found.images.rows[first : first + count]
    study = found.images.session
    marks = marks_of(study, rows)
    said = study.predictions if study.has_predictions else None
    names, labels = study.class_names, study.dataset.labels
    tiles = []
    for row, mark in zip(rows.tolist(), marks, strict=True):
        tile = {"row": row, "name": str(study.dataset.names[row]), "label": names[int(labels[row])], **mark}
        if said is not None:
            tile["predicted"] = names[int(said.predicted[row])]
            tile["sure"] = bare_percent(float(said.confidence[row]))
            tile["wrong"] = not bool(said.correct[row])
        if found.compared is not None and (place := found.compared.places.get(row)) is not None:
            tile["second"] = _second(found.compared, place)
        tiles.append(tile | _picture(pictures, row, box))
    return {"first": first, "tiles": tiles}


def _second(compared: Compared, place: int) -> dict[str, Any]:
    """Return what the other model of a comparison says of an image."""
    said, names = compared.found.after, compared.found.first.class_names
    sure = bare_percent(float(said.confidence[place]))
    return {"predicted": names[int(said.predicted[place])], "sure": sure, "wrong": not bool(said.correct[place])}


def _picture(pictures: Pictures, row: int, box: int) -> dict[str, str]:
    """Return the picture; of a file that cannot be read any more why, so that the others are shown."""
    try:
        return {"src": pictures.picture(row, box)}
    except WorkbenchError as error:
        return {"src": "", "trouble": str(error)}


def marks_of(study: Study, rows: Array) -> list[dict[str, Any]]:
    """Return the tags, the note and the correction of some images, as far as they have some."""
    these = Identities.of(study.dataset, rows)
    keys = these.keys.tolist()
    workspace = study.workspace
    every = zip(workspace.tags_of(keys), workspace.notes_of(keys), workspace.corrections_of(these), strict=True)
    said = ({"tags": list(tags), "note": note, "correction": correction} for tags, note, correction in every)
    return [{name: value for name, value in each.items() if value} for each in said]
