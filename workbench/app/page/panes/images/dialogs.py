"""What is asked before images are marked: a tag, a note, a label, a file's format, a set's name; and the keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from workbench.app.markup import Html, element, join
from workbench.app.page.html import options

KEYS = (
    ("/", "write a query"),
    ("click, Enter", "open an image"),
    ("Ctrl-click, x", "select"),
    ("Shift-click, Shift-arrow", "select up to here"),
    ("drag beside the images", "select what the frame meets"),
    ("Ctrl-A", "select all found"),
    ("j, k", "next and previous image"),
    ("arrow keys", "move in the grid"),
    ("t", "tag"),
    ("n", "note"),
    ("r", "relabel"),
    ("d", "drop"),
    ("u", "undo"),
    ("e", "export"),
    ("Esc", "clear the selection; back to the grid"),
    ("?", "these keys"),
)
FORMS = (
    ("csv", "CSV: names and all that is known"),
    ("json", "JSON"),
    ("paths", "names only, one a line"),
    ("npz", "npz: images and labels"),
)


def dialogs_html(class_names: Sequence[str], tags: Iterable[str]) -> Html:
    """Build all of them, closed."""
    known = element("datalist", options(((tag, tag) for tag in tags), ""), id="images-tags")
    tag = _text("tag", "tag", list="images-tags", maxlength=80)
    untag = _text("untag", "tag to remove", list="images-tags", maxlength=80)
    note = element("label", "note (empty removes it)", element("textarea", name="value", rows=4, maxlength=10_000))
    classes = element("select", options(((name, name) for name in class_names), ""), name="value")
    forms = element("select", options(FORMS, "csv"), name="value")
    rows = (element("dt", element("kbd", keys)) + element("dd", what) for keys, what in KEYS)
    return join(
        [
            known,
            _dialog("tag", "Tag", tag),
            _dialog("untag", "Remove a tag", untag),
            _dialog("note", "Note", note),
            _dialog("relabel", "Relabel", element("label", "the label should be", classes)),
            _dialog("export", "Export", element("label", "format", forms)),
            _dialog("save-set", "Save as a set", _text("save-set", "name", maxlength=80)),
            _dialog("help", "Keys", element("dl", *rows), ask=False),
        ]
    )


def _text(name: str, label: str, **about: object) -> Html:
    field = element("input", type="text", name="value", required=name != "note", autocomplete="off", **about)
    return element("label", label, field)


def _dialog(name: str, title: str, inside: Html, *, ask: bool = True) -> Html:
    cancel = element("button", "Cancel" if ask else "Close", type="button", data_close=True, class_="button")
    do = element("button", title, type="submit", class_="main") if ask else None
    whom = element("p", class_="whom", data_whom=True) if ask else None
    heading = element("h3", title, id=f"images-{name}-title")
    form = element(
        "form", heading, whom, inside, element("p", do, cancel, class_="run"), data_mark=name, novalidate=True
    )
    return element("dialog", form, id=f"images-{name}", aria_labelledby=f"images-{name}-title", class_="ask")
