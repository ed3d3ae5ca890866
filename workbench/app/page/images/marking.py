"""What is said about images on the page: checked, written to the workspace, told in a sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.app.page.images.found import Found
from workbench.app.page.images.worklist import SKIPPED
from workbench.core.errors import WorkbenchError, unknown
from workbench.core.types import Array
from workbench.core.wording import plural
from workbench.workspace.identities import Identities

if TYPE_CHECKING:
    from workbench.session.study import Study
    from workbench.workspace.journal import Change
    from workbench.workspace.workspace import Workspace

RANGES = 50_000
"""Ranges of places that a request names, at most."""
_LABEL = re.compile(r"[\w-]{1,40}")
DONE = {
    "tag": "Tagged {value!r}: {images}.",
    "untag": "Tag {value!r} removed: {images}.",
    "skip": "Skipped: {images}.",
    "note": "Note written: {images}.",
    "relabel": "To be relabelled {value!r}: {images}.",
    "drop": "To be dropped: {images}.",
    "keep": "Kept as they are: {images}.",
    "clear": "Correction taken back: {images}.",
}


def places_of(found: Found, ranges: object) -> Array:
    """Read `[[first, last], …]`, both ends included, as places among what was found.

    Raises:
        WorkbenchError: if they are none.
    """
    count = len(found.images)
    wrong = WorkbenchError(f"`places` must be a list of [first, last], each from 0 to {count - 1:,}.")
    if not isinstance(ranges, list) or not 1 <= len(ranges) <= RANGES:
        raise wrong
    chosen = np.zeros(count, bool)
    for each in ranges:
        if not (isinstance(each, list) and len(each) == 2 and all(type(end) is int for end in each)):
            raise wrong
        first, last = each
        if not 0 <= first <= last < count:
            raise wrong
        chosen[first : last + 1] = True
    return np.flatnonzero(chosen)


def page_label(sent: object) -> str:
    """Read the name that a page gives itself, under which its changes are undone.

    Raises:
        WorkbenchError: if it is none.
    """
    if not (isinstance(sent, str) and _LABEL.fullmatch(sent)):
        raise WorkbenchError("`page` must be a name of 1 to 40 letters, digits and hyphens.")
    return f"page {sent}"


def mark(study: Study, rows: Array, sent: Mapping[str, Any], source: str) -> str:
    """Do what was asked to the images at `rows`, and tell it.

    Args:
        study: whose images they are.
        rows: which.
        sent: {"action", "value", "page"}.
        source: where the images came from.

    Raises:
        WorkbenchError: if the action or its value is none.
    """
    action, value = sent.get("action"), sent.get("value", "")
    if not isinstance(value, str):
        raise WorkbenchError("`value` must be text.")
    workspace = study.workspace.acting(page=page_label(sent.get("page")))
    these = Identities.of(study.dataset, rows)
    if action == "relabel":
        value = study.class_names[study.class_index(value)]
    calls: dict[str, Callable[[Workspace], Change | None]] = {
        "tag": lambda to: to.tag(these, value, source=source),
        "untag": lambda to: to.untag(these, value, source=source),
        "skip": lambda to: to.tag(these, SKIPPED, source=source),
        "note": lambda to: to.note(these, value, source=source),
        "relabel": lambda to: to.relabel(these, value, source=source),
        "drop": lambda to: to.drop(these, source=source),
        "keep": lambda to: to.keep(these, source=source),
        "clear": lambda to: to.clear(these, source=source),
    }
    if not isinstance(action, str) or action not in calls:
        raise unknown("action", action, calls)
    change = calls[action](workspace)
    if change is None:
        return f"Nothing changed: this was said before of {plural(len(rows), 'image')}."
    return DONE[action].format(value=change.value, images=plural(change.images, "image"))


def save_set(found: Found, places: Array, sent: Mapping[str, Any]) -> str:
    """Save images under a name: as a query where all that it finds are meant, else one by one."""
    name, study = sent.get("value"), found.images.session
    if not isinstance(name, str) or not name.strip():
        raise WorkbenchError("A set needs a name.")
    workspace = study.workspace.acting(page=page_label(sent.get("page")))
    whole = len(places) == len(found.images) and not found.title and found.images.query
    if whole:
        workspace.save_set(name, query=found.images.query, source=found.source)
    else:
        these = Identities.of(study.dataset, found.images.rows[places])
        workspace.save_set(name, images=these, part=study.split, source=found.source)
    return f"Saved as {name.strip()!r}: {plural(len(places), 'image')}."


def correction_words(said: str) -> str:
    """Write what should become of an image as people read it."""
    action, _, label = said.partition(" ")
    return f"relabel: {label}" if label else action
