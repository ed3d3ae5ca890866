"""The images of a finding about labels as work: what each should be called, who says so, and what is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.app.page.images.found import Found
from workbench.app.page.images.sets import analysis_of
from workbench.core.errors import WorkbenchError
from workbench.core.image_names import ROWS
from workbench.core.types import Array
from workbench.core.wording import plural
from workbench.diagnosis import registry
from workbench.workspace.identities import Identities
from workbench.workspace.marks import RELABEL, correction

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk
    from workbench.core.result import Result

SUGGESTED = "suggested"
"""Field of an analysis that knows better labels, and the column of its tables that has them."""
SKIPPED = "skipped"
"""Tag of an image that is to be decided later: it stays in the workspace, is found by a query and can be undone."""
LATER = f"tag:{SKIPPED}"
"""Query of what was skipped: also of what was decided since, so that a list stays as it is while one works."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Worklist:
    """The n images of a set in their order.

    Attributes:
        found: the set.
        lines: what the analysis says of each image, by its row: "suggested" and what else its table has.
        said: what was decided of each, in words: "relabel Coat", "keep", "drop", or "" where it is open.
        put_off: `(n,)` bool, which have the tag `SKIPPED`.
    """

    found: Found
    lines: Mapping[int, Mapping[str, Any]]
    said: list[str]
    put_off: Array

    def suggestion(self, place: int) -> str:
        """Return the label that an image should have; empty where nobody knows."""
        return str(self.lines.get(int(self.found.images.rows[place]), {}).get(SUGGESTED, ""))

    @property
    def open(self) -> Array:
        """Places of the images that nothing was decided of, `(m,)` int64: skipped ones, too."""
        return np.flatnonzero([not each for each in self.said])

    @property
    def skipped(self) -> Array:
        """Places of the open images that were skipped, `(s,)` int64."""
        return self.open[self.put_off[self.open]]

    @property
    def due(self) -> Array:
        """Places of the open images that were not skipped; of those that were if no other is left."""
        fresh = self.open[~self.put_off[self.open]]
        return fresh if len(fresh) else self.open

    def after(self, place: int) -> int | None:
        """Return the place of the next image that is due, going on at the beginning; None where no other is open."""
        others = self.due[self.due != place]
        left = others if len(others) else self.open[self.open != place]
        later = left[left > place]
        return int(later[0]) if len(later) else int(left[0]) if len(left) else None

    @property
    def decided(self) -> dict[str, int]:
        """How many were accepted, changed to another label, kept and dropped; none that counts 0."""
        count: Counter[str] = Counter()
        for place, each in enumerate(self.said):
            if each:
                action, label = correction(each)
                own = "accepted" if label == self.suggestion(place) else "given another label"
                count[own if action == RELABEL else {"keep": "right as they are", "drop": "dropped"}[action]] += 1
        return dict(count)


def worklist(desk: Desk, found: Found) -> Worklist | None:
    """Return the work that a set is; None where nobody suggests labels for it, or its analysis was not asked here."""
    lines = _known_lines(desk, found)
    if lines is None:
        return None
    study = found.images.session
    these = Identities.of(study.dataset, found.images.rows)
    later = study.workspace.keys_with(SKIPPED)
    put_off = np.array([key in later for key in these.keys], bool)
    return Worklist(found=found, lines=lines, said=study.workspace.corrections_of(these), put_off=put_off)


def _known_lines(desk: Desk, found: Found) -> Mapping[int, Mapping[str, Any]] | None:
    """Return what the set's analysis says of its images, kept from now on: it is asked at every click."""
    asked = analysis_of(found.address)
    if asked is None or SUGGESTED not in registry.analysis(asked[0]).fields:
        return None
    key = f"lines {found.images.part} {found.address}"
    lines: Mapping[int, Mapping[str, Any]] | None = desk.found.get(key)
    if lines is None:
        try:
            result = registry.cached(desk.session, *asked)
        except WorkbenchError:
            return None
        lines = None if result is None else desk.found.put(key, _lines(result, found.images.part))
    return lines


def _lines(result: Result, part: str) -> dict[int, dict[str, Any]]:
    for table in result.tables.values():
        rows = next((each for each in ROWS.get(part, ()) if each in table), None)  # type: ignore[call-overload]
        if rows is not None and SUGGESTED in table:
            others = table.drop(columns=rows).to_dict("records")
            return {int(row): line for row, line in zip(table[rows], others, strict=True)}
    return {}


def accept(work: Worklist, places: Array, page: str) -> str:
    """Give images the labels that are suggested, as one change; those that something was decided of stay.

    Of several, those that were skipped stay too, unless all that is open was.

    Args:
        work: the list.
        places: of the images, among all of it.
        page: label of the page that says it.

    Raises:
        WorkbenchError: if nothing is suggested for any of them that is open.
    """
    chosen = [place for place in np.intersect1d(places, work.due).tolist() if work.suggestion(place)]
    if len(places) == 1 and work.suggestion(int(places[0])):
        chosen = [int(places[0])]  # one that is looked at is meant, whatever was said of it before
    if not chosen:
        raise WorkbenchError("No label is suggested for an image that is open here. Choose one with Relabel.")
    study = work.found.images.session
    these = Identities.of(study.dataset, work.found.images.rows[chosen])
    labels = [work.suggestion(place) for place in chosen]
    change = study.workspace.acting(page=page).relabel_each(these, labels, source=work.found.source)
    return f"Accepted: {plural(0 if change is None else change.images, 'suggested label')}."
