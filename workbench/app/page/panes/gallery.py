"""The images of one cell, a page at a time; one is always chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workbench.app.markup import Html, element
from workbench.app.page.board import Board
from workbench.app.page.cell import open_cell, query_of_cell, title_html
from workbench.app.page.html import button, choices, link
from workbench.app.page.view import ANY, PER_PAGE, View
from workbench.app.pictures import Picture, Size, fit, tag
from workbench.core.dataset import Dataset
from workbench.core.wording import plural, probability

ROOM = (714, 338)
"""Width and height of the pane's inside on a screen of 1440 × 900, in CSS pixels."""
GAP, CAPTION = 5, 27
SMALLEST, LARGEST = 56, 224


def thumb_size(height: int, width: int, *, images: int) -> Size:
    """Return the largest size at which so many images of this shape fill the pane without scrolling."""
    best = fit(height, width, SMALLEST) if max(height, width) <= SMALLEST else fit(height, width, 84)
    for box in range(SMALLEST, LARGEST + 1):
        size = fit(height, width, box)
        columns = max(1, (ROOM[0] + GAP) // (size.width + GAP))
        rows = -(-images // columns)
        if size.width > best.width and rows * (size.height + CAPTION) <= ROOM[1]:
            best = size
    return best


@dataclass(frozen=True)
class Shelf:
    """What the gallery takes its images from: predictions by cell, the dataset, and pictures of its rows."""

    board: Board
    dataset: Dataset
    picture: Picture


def gallery_html(shelf: Shelf, view: View) -> Html:
    """Build the pane for a settled view."""
    true, predicted = _cell(view)
    rows, names = shelf.board.rows(true, predicted, view.order), shelf.dataset.class_names
    title = element("h2", title_html(names, true, predicted))
    if not len(rows):
        hint = "No images in this cell. Choose a coloured cell of the matrix."
        return element("header", title) + element("p", hint, class_="empty")
    first = view.gallery_page * PER_PAGE
    page = [int(row) for row in rows[first : first + PER_PAGE]]
    size = thumb_size(*shelf.dataset.image_shape[:2], images=len(page))
    thumbs = (_thumb(shelf, view, row, size) for row in page)
    words = plural(len(rows), "image" if true == predicted != ANY else "error")
    number = element("p", link(words, _as_set(shelf, view), title="open them in Images: filter, select, tag, export"))
    controls = element("div", _orders(view), _pages(view, first, len(page), len(rows)), class_="right")
    grid = element("div", *thumbs, class_="grid", style=f"--w:{size.width}px")
    return element("header", title, number, controls) + grid + _foot(names, true, predicted)


def _as_set(shelf: Shelf, view: View) -> dict[str, str]:
    """Return the view of images that shows the same ones in the same order."""
    where = query_of_cell(shelf.dataset.class_names, *_cell(view))
    return {"section": "images", "where": where, "sort": "-confidence" if view.order == "sure" else "confidence"}


def _cell(view: View) -> tuple[int, int]:
    if view.true is None or view.predicted is None:
        raise TypeError("The view has to be settled first.")
    return view.true, view.predicted


def _orders(view: View) -> Html:
    entries = [
        (text, {"order": order, "image": "", "gallery_page": ""}, view.order == order)
        for order, text in (("sure", "most confident"), ("unsure", "least confident"))
    ]
    return choices("order of the images", entries)


def _pages(view: View, first: int, on_page: int, images: int) -> Html:
    def arrow(sign: str, step: int, there: bool) -> Html:
        word = "previous page" if step < 0 else "next page"
        return button(
            sign, {"gallery_page": view.gallery_page + step, "image": ""}, aria_label=word, disabled=not there
        )

    place = element("span", f"{first + 1}–{first + on_page} of {images:,}")
    back, on = arrow("‹", -1, view.gallery_page > 0), arrow("›", 1, first + on_page < images)
    return element("nav", back, place, on, aria_label="pages")


def _thumb(shelf: Shelf, view: View, row: int, size: Size) -> Html:
    t, p = shelf.board.cell_of(row)
    names, dataset = shelf.dataset.class_names, shelf.dataset
    sure, own = (probability(float(shelf.board.probabilities[row, each])) for each in (p, t))
    caption = element("span", element("b", sure, class_="rp"), None if t == p else element("i", own, class_="rt"))
    title = f"{dataset.names[row]}: predicted {names[p]} {sure} %, true {names[t]} {own} %"
    # The cell goes with the image, so that a click on a gallery that is about to change still means this image.
    changes = {**open_cell(*_cell(view)), "order": view.order, "image": row}
    here = row == view.image
    label = tag(shelf.picture(row, max(size.width, size.height)), size) + caption
    return button(label, changes, pressed=here, aria_label=title, title=title, tabindex="0" if here else "-1")


def _foot(names: Sequence[str], true: int, predicted: int) -> Html:
    orange = element("b", names[predicted] if predicted != ANY else "the predicted class", class_="rp")
    teal = element("i", names[true] if true != ANY else "the true class", class_="rt")
    both = orange if true == predicted != ANY else orange + " and " + teal
    keys = Html("<kbd>←</kbd> <kbd>→</kbd> move · <kbd>Enter</kbd> explain")
    legend = element("span", "Under each image: probability in % of ", both)
    return element("p", legend, element("span", keys), class_="foot")
