"""What a view of images finds, kept as it was found: positions in it stay what they are while one marks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.app.page.comparing import Compared
from workbench.app.page.images.compared import compared_of
from workbench.app.page.images.sets import set_of
from workbench.app.page.jobs import Job
from workbench.app.pictures import Part as Pictures
from workbench.core.errors import WorkbenchError
from workbench.core.image_set import CALLED, Part
from workbench.core.wording import plural
from workbench.session.images import Images

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk
    from workbench.app.page.view import View

PATIENCE = 2.0
"""Seconds that the images of another part get before the page says that they are being read."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Found:
    """Images in the order in which they are shown.

    Attributes:
        key: equal for equal images of equal origin.
        images: themselves.
        base: those that were chosen from: the part, or the set.
        source: what marks say where they came from.
        title: of the set; empty for a whole part.
        address: of the set, see `images.sets`; empty for a whole part.
        compared: the comparison that the set is of, so that both predictions are shown; None for any other.
    """

    key: str
    images: Images
    base: Images
    source: str
    title: str = ""
    address: str = ""
    compared: Compared | None = None


@dataclass(frozen=True)
class Coming:
    """The images are not there yet: the key and the state of the work."""

    key: str
    job: Job


def kept(desk: Desk, key: str) -> Found | None:
    """Return what was found before, by its key."""
    found: Found | None = desk.found.get(key)
    return found


def images_of(desk: Desk, part: Part) -> Images | Coming:
    """Return all images of a part; those that are not under study are read when they are first asked for.

    Raises:
        WorkbenchError: if there are none.
    """
    session = desk.session
    if part == "data":
        return session.images
    key = f"images-{part}"
    job = desk.jobs.start(key, lambda: session.images_of(part), wait=PATIENCE)
    if not job.done.is_set():
        return Coming(key, job)
    if job.error:
        raise job.raised or WorkbenchError(job.error)
    images: Images = job.value
    return images


def pictures_of(desk: Desk, part: Part) -> Pictures:
    """Return the pictures of a part.

    Raises:
        WorkbenchError: if there are none.
    """
    found = desk.part(part)
    if found is None:
        raise WorkbenchError(f"The {CALLED[part]} are not known here.")
    return found


def find(desk: Desk, view: View) -> Found | Coming:
    """Return the images of a view, kept from now on.

    Raises:
        WorkbenchError: if its query, order or set is none; see `Images.where`.
    """
    everything = images_of(desk, view.part)
    if isinstance(everything, Coming):
        return everything
    base = everything
    if view.set:
        chosen = set_of(desk, view.set, everything)
        inside = chosen.rows[(chosen.rows >= 0) & (chosen.rows < len(everything))]
        base = Images(everything.known, inside, part=everything.part, title=chosen.title)
    images = base.where(view.where)
    if view.sort:
        images = images.sort(view.sort)
    compared = compared_of(desk, view.set) if view.part == "data" else None
    source = " · ".join(filter(None, [base.title, view.where])) or f"all {plural(len(base), 'image')}"
    digest = hashlib.sha256(f"{view.part}\n{view.set}\n{view.where}".encode())
    digest.update(np.ascontiguousarray(images.rows).tobytes())
    key = digest.hexdigest()[:20]
    made = Found(
        key=key, images=images, base=base, source=source, title=base.title, address=view.set, compared=compared
    )
    desk.found.put(key, made)
    return made
