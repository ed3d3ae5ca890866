"""The images nearest to one, in both parts and in two senses, each a link."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.app.markup import Html, element
from workbench.app.page.html import button, link, problem, waiting
from workbench.app.page.images.computing import NEAR, started
from workbench.app.page.images.near import Near, near_of, near_ready, study_of
from workbench.app.pictures import fit, tag
from workbench.core.image_set import CALLED
from workbench.core.wording import significant

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk
    from workbench.app.page.owners import Owner
    from workbench.app.page.view import View
    from workbench.session.images import Images

SHOWN, BOX = 12, 56
WORDS = {"embedding": "by the model's embedding", "pixels": "by pixels"}


def near_html(desk: Desk, view: View, images: Images, owner: Owner | None) -> Html:
    """Build the pane, or offer to find them where this takes long, or say how far that is."""
    title = element("h2", "Nearest images")
    asked = started(desk, view, images, owner) if view.compute == NEAR else None
    if asked is not None and not asked[1].done.is_set():
        return element("section", title, waiting(asked[0], "Reading all images …", asked[1].what), class_="near")
    if asked is not None and asked[1].error:
        return element("section", title, problem(asked[1].error), class_="near")
    if not near_ready(desk, view.part):
        offer = button("Find the nearest images", {"compute": NEAR}, class_="button main", data_how="replace")
        words = "Reads all images, and asks the model for their embeddings, once."
        return element("section", title, element("p", offer, " ", words, class_="help"), class_="near")
    row = view.image or 0
    rows = [_line(desk, each, view.part, row) for each in near_of(desk, view.part, row, SHOWN)]
    return element("section", title, *rows, class_="near")


def _line(desk: Desk, near: Near, part: str, row: int) -> Html | None:
    study, pictures = study_of(desk, near.part), desk.part(near.part)
    if study is None or pictures is None or not len(near.rows):
        return None
    data = study.dataset
    size = fit(*data.image_shape[:2], BOX)
    address = {"section": "images", "part": near.part, "set": f"near/{near.by}/{part}/{row}"}
    links = []
    for each, distance in zip(near.rows.tolist(), near.distances.tolist(), strict=True):
        label = data.class_names[int(data.labels[each])]
        title = f"{data.names[each]}, {label}, distance {significant(distance)}"
        image = tag(pictures.picture(each, max(size.width, size.height)), size, title)
        links.append(link(image, {**address, "image": str(each)}, title=title))
    whose = CALLED["train"] if near.part == "train" else f"{study.split} images"
    heading = link(f"{whose[0].upper()}{whose[1:]}, {WORDS[near.by]}", address, title="show them all")
    return element("div", element("h3", heading), element("div", *links, class_="evidence"))
