"""What is known of one image, and the way to the next one of the set that it is looked at in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.app.markup import Html, element, join
from workbench.app.page.html import breakable, button, link
from workbench.app.page.images.marking import correction_words
from workbench.app.page.images.tiles import marks_of
from workbench.core.errors import WorkbenchError
from workbench.core.image_names import ROWS
from workbench.core.wording import cell, plural, significant
from workbench.diagnosis import registry

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk
    from workbench.app.page.images.found import Found
    from workbench.app.page.view import View
    from workbench.session.images import Images
    from workbench.session.images.fields import Field

GROUPS = ("image", "metadata", "analysis", "property")
MARKS = (
    ("tag", "Tag", "t"),
    ("untag", "Untag", ""),
    ("note", "Note", "n"),
    ("relabel", "Relabel", "r"),
    ("drop", "Drop", "d"),
    ("keep", "Keep", ""),
    ("clear", "Clear mark", ""),
)
"""What can be said of images, its words on a button, and its key."""
UNDO = ("undo", "Undo", "u")


def walk_html(view: View, found: Found | None, place: int | None) -> Html:
    """Build the line above an image: back to the set, and to the next one of it.

    Args:
        view: of the image.
        found: the set; None where the query finds nothing that can be shown.
        place: of the image in it; None where it is not in it.
    """
    query = {key: text for key, text in view.query().items() if key != "image"}
    count = 0 if found is None else len(found.images)
    back = link(f"← {plural(count, 'image')}" if count else "← images", query, class_="button", data_back=True)
    if found is None or place is None:
        return element("header", back, element("span", "not among the images found"), class_="walk")
    rows = found.images.rows

    def arrow(sign: str, step: int, word: str, key: str) -> Html:
        there = 0 <= place + step < count
        changes = {"image": int(rows[place + step])} if there else {}
        about: dict[str, Any] = {"aria_label": word, "title": f"{word} ({key})", "data_step": step}
        return button(sign, changes, disabled=not there, class_="button", data_how="replace", **about)

    position = element("span", f"{place + 1:,} of {count:,}", aria_live="polite")
    origin = element("span", found.source, class_="cut", title=found.source)
    steps = (arrow("‹", -1, "previous image", "k"), position, arrow("›", 1, "next image", "j"))
    return element("header", back, *steps, origin, class_="walk")


def about_html(desk: Desk, images: Images, row: int, where: tuple[str, int]) -> Html:
    """Build what is known of an image, with what can be said of it.

    Args:
        desk: whose analyses were asked.
        images: all of the part.
        row: of the image.
        where: key and place by which marks name it.
    """
    study = images.session
    (marks,) = marks_of(study, np.array([row]))
    known = [*_of_fields(images, row)]
    groups = {name: [pair for group, pair in known if group == name] for name in GROUPS}
    data = study.dataset
    first = [("name", str(data.names[row])), ("part", study.split), ("label", study.class_names[int(data.labels[row])])]
    parts = [
        _marks(marks),
        element(
            "p",
            *(_act(*each) for each in (*MARKS, UNDO)),
            class_="acts",
            role="toolbar",
            aria_label="say of this image",
        ),
        _facts([*first, *groups["image"], *groups["metadata"], *groups["analysis"]]),
        *_evidence(desk, images, row),
    ]
    if groups["property"]:
        parts.append(element("details", element("summary", "Measured"), _facts(groups["property"])))
    key, place = where
    return element("section", *parts, class_="dossier", data_key=key, data_place=place)


def _act(name: str, text: str, key: str) -> Html:
    title = f"{text} ({key})" if key else text
    return element("button", text, type="button", data_do=name, class_="button", title=title)


def _marks(marks: dict[str, Any]) -> Html:
    tags = [element("span", tag, class_="chip") for tag in marks.get("tags", ())]
    said = marks.get("correction")
    correction = element("span", correction_words(said), class_="chip correction") if said else None
    note = element("p", marks["note"], class_="note") if "note" in marks else None
    line = element("p", *tags, correction, class_="chips") if tags or said else None
    return element("div", line, note, class_="marks", aria_live="polite")


def _facts(pairs: list[tuple[str, str]]) -> Html:
    return element("dl", *(element("dt", name) + element("dd", breakable(text)) for name, text in pairs))


def _of_fields(images: Images, row: int) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield the group, and what people call it with its value, of every field that is known and has one."""
    for name, field in images.fields.items():
        if name in ("name", "label") or field.group == "workspace" or not field.ready():
            continue
        value = images.known.column(name).of(np.array([row])).shown()[0]
        if value is not None and value != "":
            group = "image" if field.group == "model" else field.group if field.group in GROUPS else "analysis"
            yield group, (field.called, _written(value, field))


def _written(value: Any, field: Field) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        unit = f" {field.unit}" if field.unit and field.unit != "of 1" else ""
        return f"{value:.0f}{unit}" if value.is_integer() and abs(value) < 1e9 else f"{significant(value)}{unit}"
    return cell(value)


def _evidence(desk: Desk, images: Images, row: int) -> Iterator[Html]:
    """Yield what analyses that judge single images say of this one, line by line of their tables."""
    for name, kind in registry.analyses().items():
        if not kind.fields:
            continue
        try:
            result = registry.cached(desk.session, name)
        except WorkbenchError:
            continue
        for table in () if result is None else result.tables.values():
            rows = next((each for each in ROWS.get(images.part, ()) if each in table), None)
            if rows is None or not any(field.column in table for field in kind.fields.values()):
                continue
            mine = table[table[rows] == row]
            if len(mine):
                line = mine.drop(columns=rows).iloc[0].to_dict()
                facts = _facts([(str(key).replace("_", " "), cell(value)) for key, value in line.items()])
                more = element("p", link(breakable(name) + " →", {"section": name}), class_="source")
                yield element("details", element("summary", f"What {name} says"), facts, more)
                break


def key_html() -> Html:
    """Say which keys do what here."""
    keys = (("j", "next"), ("k", "previous"), ("t", "tag"), ("r", "relabel"), ("Esc", "back"))
    return element("p", join([element("kbd", key) + f" {word} " for key, word in keys]), class_="foot")
