"""What would change its mind? One image to draw on, with the prediction before and after. edit.js does the rest."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import numpy as np

from workbench.app.markup import Html, element, join
from workbench.app.page.editing import Place, told
from workbench.app.page.html import breakable, button, link, options, problem
from workbench.app.page.panes.changed import changed_html, prediction_words
from workbench.app.page.panes.easel import brush_html, canvas_html
from workbench.app.page.subject import Subject
from workbench.app.pictures import fit, image_uri, tag
from workbench.core.errors import WorkbenchError
from workbench.core.types import Array
from workbench.data.edits import edited
from workbench.session.edited_image import OFF_THE_DATA
from workbench.workspace.edit_note import EditNote

if TYPE_CHECKING:
    from workbench.app.page.view import View
    from workbench.session.edited_image import EditedImage

BOX, SMALL = 392, 56
TOOLS = (
    ("paint", "Paint", "paints with the colour"),
    ("erase", "Erase", "paints the colour of the image's border"),
    ("blur", "Blur", "blurs under the brush"),
    ("hide", "Hide", "covers a box with the mean colour"),
    ("swap", "Swap", "fills a box from the nearest image of another class"),
    ("move", "Move", "moves the image; what it leaves has the colour of its border"),
)
KNOBS = (
    ("degrees", "rotate", -180, 180, 0),
    ("brightness", "brightness", -100, 100, 0),
    ("contrast", "contrast", 0, 300, 100),
)
KEYS = "Arrow keys move the cursor (with Shift, faster), Space draws or sets a corner, Ctrl-Z undoes, Esc closes."


def editor_html(place: Place, subject: Subject, view: View) -> Html:
    """Build the pane; the model is there.

    Args:
        place: the image.
        subject: the same, with what the model says of it.
        view: `edit` is "1", or names a note whose changes are shown again.
    """
    kept = place.desk.session.workspace.edits_of(place.key)
    wanted = next((each for each in kept if each.slot == view.edit), None)
    trouble, pixels, edits = Html(), subject.pixels, "[]"
    bars = changed_html(place.study.class_names, subject.label or 0, subject.probabilities, subject.probabilities)
    verdict, said = prediction_words(place.study.class_names, subject.probabilities, subject.probabilities), ""
    if view.edit != "1" and wanted is None:
        trouble = problem("This note of the image is not there any more.")
    elif wanted is not None:
        try:
            shown = told(_again(place, wanted))
            bars, verdict, said, edits = shown["bars"], shown["verdict"], shown["said"], json.dumps(shown["edits"])
            pixels = np.frombuffer(base64.b64decode(shown["pixels"]), np.uint8).reshape(subject.pixels.shape)
        except WorkbenchError as error:
            trouble = problem(error)
    head = element(
        "header", element("h2", "What would change its mind?"), button("Close", {"edit": ""}, class_="button")
    )
    result = element(
        "section",
        element("p", verdict, class_="verdict", aria_live="polite"),
        element("div", bars, class_="bars"),
        element("p", said, class_="said", data_said=True),
        element("p", OFF_THE_DATA, class_="help"),
        _keeping(),
        kept_html(place, kept, view, editing=True),
        class_="changed",
    )
    bench = element("div", _canvas(pixels), _tools(place, subject), result, class_="bench")
    about = {"data_part": place.part, "data_row": place.row, "data_edits": edits, "data_slot": view.edit}
    return element("section", head, trouble, bench, class_="editor", **about)


def _again(place: Place, kept: EditNote) -> EditedImage:
    size = place.study.dataset.image_shape[:2]
    if kept.size != size:
        made = " × ".join(map(str, kept.size))
        raise WorkbenchError(f"These changes were made to {made} pixels; the image has {size[0]} × {size[1]} here.")
    return place.edited(kept.edits)


def _canvas(pixels: Array) -> Html:
    height, width, channels = pixels.shape
    size = fit(height, width, BOX)
    about = {"aria_label": "the image, to be changed", "aria_describedby": "edit-keys", "data_edited": True}
    canvas = canvas_html(pixels, (height, width, channels), size, role="application", **about)
    over = element("canvas", class_="over", width=2 * size.width, height=2 * size.height, aria_hidden="true")
    board = element("div", canvas, over, class_="board", style=f"width:{size.width}px;aspect-ratio:{width}/{height}")
    return element("div", board, element("p", KEYS, id="edit-keys", class_="help"), class_="canvas")


def _tools(place: Place, subject: Subject) -> Html:
    height, width, channels = subject.pixels.shape
    tools = (
        element("button", text, type="button", data_edit_tool=name, title=title, aria_pressed="false")
        for name, text, title in TOOLS
    )
    kinds = element("div", *tools, class_="seg wrap", role="group", aria_label="tool")
    knobs = join(_knob(*each) for each in KNOBS)
    names = place.study.class_names
    others = [("", "any other class"), *((name, name) for k, name in enumerate(names) if k != subject.predicted)]
    swap = element("label", "swap with the nearest of ", element("select", options(others, ""), data_swap=True))

    def act(name: str, text: str, *, main: bool = False, title: str | None = None) -> Html:
        kind = "button main" if main else "button"
        return element("button", text, type="button", data_edit=name, class_=kind, title=title)

    steps = element("div", act("undo", "Undo"), act("redo", "Redo"), act("reset", "Reset"), class_="acts")
    search = "the smallest square that, blurred or swapped with another class, makes it predict another class"
    return element(
        "div",
        kinds,
        element("h3", "Brush"),
        brush_html(height, width, channels),
        element("div", swap, class_="paint"),
        element("h3", "Whole image"),
        element("div", knobs, class_="knobs"),
        steps,
        act("flip", "Smallest change that flips it", main=True, title=search),
        element("progress", max=1, hidden=True, data_search=True, aria_label="progress of the search"),
        element("p", class_="told", role="status", data_told=True),
        act("maps", "Maps of the changed image", title="opens it in “Your image”"),
        class_="benchtools",
    )


def _knob(name: str, text: str, low: int, high: int, usual: int) -> Html:
    field = element("input", type="range", min=low, max=high, value=usual, data_knob=name, data_usual=usual)
    sign = "°" if name == "degrees" else " %"
    return element("label", element("span", text), field, element("output", f"{usual}{sign}", data_unit=sign))


def _keeping() -> Html:
    field = element(
        "input", type="text", name="note", maxlength=1000, autocomplete="off", placeholder="what this shows",
        aria_label="a few words on the changed image",
    )  # fmt: skip
    submit = element("button", "Keep as a note", type="submit", class_="button")
    return element("form", field, submit, data_keep=True)


def kept_html(place: Place, kept: list[EditNote], view: View, *, editing: bool = False) -> Html | None:
    """List the changes of an image that were kept, each with its picture; a link shows it again."""
    if not kept:
        return None
    lines = join(_kept(place, each, view, editing=editing) for each in kept)
    return element("div", element("h3", "Kept changes"), element("ul", lines), class_="kept")


def _kept(place: Place, each: EditNote, view: View, *, editing: bool) -> Html:
    data = place.study.dataset
    picture = None
    if each.size == data.image_shape[:2] and data.has_images:
        original = np.asarray(data.images[place.row])
        try:
            made = edited(original, each.edits, place.donors(each.edits))
            size = fit(*each.size, SMALL)
            picture = tag(image_uri(made, size), size, "the changed image")
        except WorkbenchError:  # the image of a swap is gone
            picture = None
    words = element("span", breakable(each.words))
    shown = link((picture or Html()) + words, {**view.query(), "edit": each.slot}, title="show it again",
                 aria_current="true" if view.edit == each.slot else None)  # fmt: skip
    about = {"aria_label": f"remove: {each.words}", "title": "remove"}
    remove = element("button", "×", type="button", data_forget=each.slot, class_="button", **about) if editing else None
    return element("li", shown, remove)
