"""What the page asks about changed images: the prediction, the smallest change that flips it, and notes of them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.app.page.images.found import Coming, images_of
from workbench.app.page.images.marking import page_label
from workbench.app.page.panes.changed import changed_html, prediction_words
from workbench.core.errors import Unavailable, WorkbenchError, unknown
from workbench.core.image_set import CALLED, OTHERS, Part
from workbench.core.types import Array
from workbench.core.wording import percent, plural, verb
from workbench.data.edits import Edit, as_json, as_records, read_edits, words_of
from workbench.models.turns import NEXT, TURNS
from workbench.session.edited_image import EditedImage, donors_of, edit_image, nearest_other
from workbench.session.smallest_flip import smallest_flip
from workbench.workspace.edit_note import EditNote
from workbench.workspace.identities import Identities

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk
    from workbench.session.study import Study

SOURCE = "changed on the page"


@dataclass(frozen=True, eq=False)
class Place:
    """An image: of which part, and at which row."""

    desk: Desk
    part: Part
    study: Study
    row: int

    @property
    def key(self) -> str:
        """What it is known by."""
        return str(self.study.dataset.keys[self.row])

    def donors(self, edits: Iterable[Edit]) -> dict[str, Array]:
        """Return the images that regions are taken from."""
        return donors_of(edits, chain([self.study], self.desk.session.beside_part(self.part)))

    def edited(self, given: object) -> EditedImage:
        """Change it, and ask the model."""
        return edit_image(self.study, self.row, read_edits(given), self.desk.session.beside_part(self.part))


def place_of(desk: Desk, sent: Mapping[str, Any]) -> Place:
    """Read which image is meant: {"part": "data", "train", …, "row": a whole number}.

    Raises:
        WorkbenchError: if there is none.
    """
    part, row = sent.get("part"), sent.get("row")
    if part not in ("data", *OTHERS):
        raise unknown("part", part, ("data", *OTHERS))
    images = images_of(desk, part)
    if isinstance(images, Coming):
        raise Unavailable(f"The {CALLED[part]} are being read; try again in a moment.")
    if type(row) is not int or not 0 <= row < len(images):
        raise WorkbenchError(f"`row` must be a whole number from 0 to {len(images) - 1:,}.")
    return Place(desk, part, images.session, row)


def predict(desk: Desk, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Answer with the changed image, its pixels, and the bars before and after."""
    return told(place_of(desk, sent).edited(sent.get("edits")))


def told(made: EditedImage) -> dict[str, Any]:
    """Return what the page shows of a changed image."""
    changed, area = made.pixels_changed, made.pixels.shape[0] * made.pixels.shape[1]
    differ = f"{changed:,} of {plural(area, 'pixel')} {verb(changed, 'differ')} ({percent(changed / area)})"
    return {
        "bars": changed_html(made.class_names, made.label, made.before, made.after),
        "verdict": prediction_words(made.class_names, made.before, made.after),
        "said": f"{words_of(made.edits)}; {differ}." if made.edits else "",
        "flipped": made.flipped,
        "edits": as_records(made.edits),
        "pixels": base64.b64encode(np.ascontiguousarray(made.pixels).tobytes()).decode(),
    }


def flip(desk: Desk, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Search the smallest change that flips the prediction of the original."""
    place = place_of(desk, sent)
    with TURNS.claimed(NEXT):
        found = smallest_flip(place.study, place.row)
    edits = [] if found.edit is None else as_records([found.edit])
    return {"said": found.words, "edits": edits, "found": found.edit is not None}


def source(desk: Desk, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Find the image that regions are swapped with: the nearest one of another class, or of one that is named."""
    place, of = place_of(desk, sent), sent.get("of", "")
    if not isinstance(of, str):
        raise WorkbenchError("`of` must be the name of a class, or empty.")
    with TURNS.claimed(NEXT):
        row = nearest_other(place.study, place.row, place.study.class_index(of) if of else None)
    data = place.study.dataset
    label = data.class_names[int(data.labels[row])]
    return {"source": str(data.keys[row]), "said": f"Regions come from {data.names[row]}, {label}."}


def keep(desk: Desk, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what was changed as a note of the image."""
    place, note = place_of(desk, sent), sent.get("note", "")
    if not isinstance(note, str):
        raise WorkbenchError("`note` must be text.")
    edits = read_edits(sent.get("edits"))
    if not edits:
        raise WorkbenchError("There is no change to keep: change the image first.")
    height, width = place.study.dataset.image_shape[:2]
    kept = EditNote(note=note, size=(height, width), edits=edits)
    workspace = desk.session.workspace.acting(page=page_label(sent.get("page")))
    change = workspace.keep_edit(Identities.of(place.study.dataset, [place.row]), kept, source=SOURCE)
    said = "This was kept before." if change is None else f"Kept: {kept.words}."
    return {"said": said, "last": workspace.last, "slot": kept.slot}


def forget(desk: Desk, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Take such a note away."""
    place, slot = place_of(desk, sent), sent.get("slot")
    if not isinstance(slot, str):
        raise WorkbenchError("`slot` must be text.")
    workspace = desk.session.workspace.acting(page=page_label(sent.get("page")))
    change = workspace.forget_edit(Identities.of(place.study.dataset, [place.row]), slot[:40], source=SOURCE)
    return {"said": "There is no such note." if change is None else "Note removed.", "last": workspace.last}


Question = Callable[["Desk", Mapping[str, Any]], dict[str, Any]]
QUESTIONS: Mapping[str, tuple[Question, str]] = {
    "predict": (predict, "predict"),
    "flip": (flip, "explain"),
    "source": (source, "explain"),
    "keep": (keep, ""),
    "forget": (forget, ""),
}
"""What is asked at `/edits/{name}`, and the lane of programs' calls in which it is answered; none for what is quick."""


def key_of(name: str, sent: Mapping[str, Any]) -> str:
    """Return a key that is equal for equal questions.

    Raises:
        WorkbenchError: if the edits are none.
    """
    edits = as_json(read_edits(sent["edits"])) if "edits" in sent else ""
    asked = [name, sent.get("part"), sent.get("row"), sent.get("of"), edits]
    return hashlib.sha256(repr(asked).encode("utf-8", "replace")).hexdigest()
