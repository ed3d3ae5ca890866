"""The images nearest to one: among the training images and those under study, by embeddings and by pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.core.errors import WorkbenchError
from workbench.core.image_set import OTHERS, ImageSet, Part
from workbench.core.types import Array
from workbench.session.images.near import BY, MOST, By, Compared, comparable, itself_in

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk
    from workbench.session.study import Study

PARTS: tuple[Part, ...] = ("train", "data")


@dataclass(frozen=True, eq=False, kw_only=True)
class Near:
    """The nearest images of one part in one sense.

    Attributes:
        by: what is compared.
        part: whose images they are.
        rows: `(k,)` the nearest first.
        distances: `(k,)`: of embeddings of length 1, or root mean square of pixels, of 255.
    """

    by: By
    part: Part
    rows: Array
    distances: Array


def study_of(desk: Desk, part: Part) -> Study | None:
    """Return the model on a part's images; None where they are not known."""
    return desk.session.on(part)


def compute_near(desk: Desk, of: Part) -> None:
    """Make what is compared ready: images of a part, with those of training and under study."""
    for part in {of, *PARTS}:
        for by in BY:
            _compared(desk, part, by, compute=True)


def near_ready(desk: Desk, of: Part) -> bool:
    """Whether neighbours of a part's images can be told at once."""
    parts = {of, *PARTS}
    return all(_compared(desk, part, by) is not None or not _exists(desk, part, by) for part in parts for by in BY)


def near_of(desk: Desk, part: Part, row: int, k: int = MOST) -> list[Near]:
    """Return the images nearest to one, as far as they are ready, in each part and sense."""
    found = []
    for by in BY:
        own = _compared(desk, part, by)
        for other in PARTS:
            base = _compared(desk, other, by)
            if own is None or base is None or not own.fits(base):
                continue
            rows, distances = own.nearest(row, base, k, itself=itself_in(desk.session, row, part, other))
            found.append(Near(by=by, part=other, rows=rows, distances=distances))
    return found


def set_near(desk: Desk, address: str, part: Part) -> ImageSet:
    """Return the neighbours of "<by>/<part>/<row>" among the images of `part`.

    Raises:
        WorkbenchError: if there is no such image, or its neighbours are not known yet.
    """
    by, _, image = address.partition("/")
    whose, _, row = image.partition("/")
    of = next((known for known in ("data", *OTHERS) if known == whose), part)
    study = study_of(desk, of)
    known = by in BY and whose == of and row.isascii() and row.isdigit()
    if not known or study is None or int(row[:9]) >= len(study.dataset):
        raise WorkbenchError(f"There are no neighbours {address[:60]!r}.")
    for each in near_of(desk, of, int(row)):
        if (each.by, each.part) == (by, part):
            return ImageSet(each.rows, part=part, title=f"nearest to {study.dataset.names[int(row)]} by {by}")
    raise WorkbenchError("The nearest images are not known yet: open the image and find them there.")


def _exists(desk: Desk, part: Part, by: By) -> bool:
    study = study_of(desk, part)
    return study is not None and comparable(study, by)


def _compared(desk: Desk, part: Part, by: By, *, compute: bool = False) -> Compared | None:
    """Return what images are compared by; None where it does not exist, or is not ready."""
    kept: Compared | None = desk.maps.get(("compared", part, by))
    if kept is not None:
        return kept
    study = study_of(desk, part)
    if study is None or not comparable(study, by):
        return None
    if not compute and (by == "pixels" or not study.has_embeddings):
        return None
    return desk.maps.put(("compared", part, by), Compared.of(study, by))
