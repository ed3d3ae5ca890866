"""One image of any part, within the set that it is looked at in: what is known of it, its maps, what is near it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.app.markup import Html, element
from workbench.app.page.editing import Place
from workbench.app.page.html import problem, waiting
from workbench.app.page.images.found import Coming, Found, find, images_of
from workbench.app.page.panes import both, detail
from workbench.app.page.panes.editor import kept_html
from workbench.app.page.panes.images import near
from workbench.app.page.panes.images.about import about_html, key_html, walk_html
from workbench.app.page.subject import Subject
from workbench.app.page.subjects import of_part
from workbench.core.errors import WorkbenchError
from workbench.core.image_set import CALLED
from workbench.core.wording import plural

if TYPE_CHECKING:
    from workbench.app.page.comparing import Compared
    from workbench.app.page.desk import Desk
    from workbench.app.page.owners import Owner
    from workbench.app.page.view import View


def one_html(
    desk: Desk, view: View, maps: Callable[[Subject, Compared | None], Html], edit: Callable[[Place, Subject], Html]
) -> Html:
    """Build the pane of one image.

    Args:
        desk: whose images.
        view: names part, set and image.
        maps: builds the maps of the image; of both models, where it is looked at in a comparison.
        edit: builds what is there instead of them while it is changed.
    """
    if view.image is None:
        return Html()
    images = images_of(desk, view.part)
    if isinstance(images, Coming):
        return waiting(images.key, f"Reading the {CALLED[view.part]} …", images.job.what)
    if view.image >= len(images):
        return problem(f"There is no image {view.image:,}: this part has {plural(len(images), 'image')}.")
    study = images.session
    found, place = _place(desk, view)
    walk = walk_html(view, found, place)
    if images.part != "data" and not study.has_predictions:
        step = desk.pending(model=True)
        if step is not None:
            return walk + (problem(step[1].error) if step[1].error else waiting(step[0], step[2], step[1].what))
    subject = of_part(desk, study, images.part, view.image)
    where = (found.key, place) if found is not None and place is not None else _alone(desk, view)
    about = about_html(desk, images, view.image, where)
    own = Place(desk, images.part, study, view.image)
    if view.edit:
        image = detail.image_html(desk, subject, editable=False)
        return walk + element("div", image, about, class_="side") + edit(own, subject) + key_html()
    also = detail.also_html(desk, view.image, known=True) if images.part == "data" else None
    image = detail.image_html(desk, subject, below=also)
    compared = None if found is None else found.compared
    if compared is not None and view.image not in compared.places:
        compared = None
    said = (
        detail.probabilities_html(subject, desk.session.class_names, view)
        if compared is None
        else both.probabilities_html(compared, subject, view.image, view)
    )
    kept = kept_html(own, study.workspace.edits_of(own.key), view)
    shown = said + maps(subject, compared)
    rest = shown if compared is None else element("div", shown, class_="beside")
    return walk + element("div", image, kept, about, class_="side") + rest + key_html()


def near_html(desk: Desk, view: View, owner: Owner | None = None) -> Html:
    """Build the pane below: the nearest images, found for their owner."""
    images = images_of(desk, view.part)
    if isinstance(images, Coming) or view.image is None or view.image >= len(images):
        return Html()
    return near.near_html(desk, view, images, owner)


def _place(desk: Desk, view: View) -> tuple[Found | None, int | None]:
    """Return the set of a view and the image's place in it; a set that is none leaves the image to itself."""
    try:
        found = find(desk, replace(view, image=None))
    except WorkbenchError:
        return None, None
    if isinstance(found, Coming) or view.image is None:
        return None, None
    at = (found.images.rows == view.image).nonzero()[0]
    return found, int(at[0]) if len(at) else None


def _alone(desk: Desk, view: View) -> tuple[str, int]:
    """Return a key and a place by which an image is marked that is not among what its view finds."""
    alone = find(desk, replace(view, where="", sort="", set=f"rows/{view.image}"))
    return ("", 0) if isinstance(alone, Coming) else (alone.key, 0)
