"""The images of one cell, a page at a time; one is always chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from workbench.contracts import Dataset
from workbench.ui.board import Board
from workbench.ui.matrix import title_html
from workbench.ui.pictures import Size, fit, tag
from workbench.ui.view import PER_PAGE, View
from workbench.ui.words import button, choices, count, percent

ROOM = (714, 338)
"""Width and height of the pane's inside on a screen of 1440 × 900, in CSS pixels."""
GAP, CAPTION = 5, 27
SMALLEST, LARGEST = 56, 224


def thumb_size(height: int, width: int, images: int) -> Size:
    """Return the largest size at which so many images of this shape fill the pane without scrolling."""
    best = fit(height, width, SMALLEST) if max(height, width) <= SMALLEST else fit(height, width, 84)
    for box in range(SMALLEST, LARGEST + 1):
        size = fit(height, width, box)
        columns = max(1, (ROOM[0] + GAP) // (size.width + GAP))
        rows = -(-images // columns)
        if size.width > best.width and rows * (size.height + CAPTION) <= ROOM[1]:
            best = size
    return best


def gallery_html(board: Board, dataset: Dataset, picture: Callable[[int, int], str], view: View) -> str:
    """Build the pane for a settled view.

    Args:
        board: predictions by cell.
        dataset: for the shape of its images, class names and numbers.
        picture: data URI of (row, box).
        view: what is shown.
    """
    true, predicted = view.true, view.predicted
    assert true is not None and predicted is not None  # noqa: S101, PT018  # a settled view
    rows = board.rows(true, predicted, view.order)
    names = dataset.class_names
    if not len(rows):
        return (
            f"<header><h2>{title_html(names, true, predicted)}</h2></header>"
            '<p class="empty">No image falls in this cell. Choose a coloured cell of the matrix.</p>'
        )
    first = view.page * PER_PAGE
    shown = [int(row) for row in rows[first : first + PER_PAGE]]
    size = thumb_size(*dataset.image_shape[:2], len(shown))
    thumbs = "".join(_thumb(board, dataset, picture, view, row, size) for row in shown)
    return _head(view, len(rows), first, len(shown), title_html(names, true, predicted)) + (
        f'<div class="grid" style="--w:{size.width}px">{thumbs}</div>'
    ) + _foot(names, true, predicted)  # fmt: skip


def _head(view: View, images: int, first: int, shown: int, title: str) -> str:
    kind = "image" if view.true == view.predicted and view.true != -1 else "error"
    orders = [(text, {"order": order, "image": "", "page": ""}, view.order == order)
              for order, text in (("sure", "surest first"), ("unsure", "least sure"))]  # fmt: skip
    arrows = "".join(
        button(sign, {"page": view.page + step, "image": ""}, aria_label=f"{word} page", **({} if there else {"disabled": ""}))
        for sign, word, step, there in (
            ("‹", "previous", -1, view.page > 0), ("›", "next", 1, first + shown < images),
        )
    )  # fmt: skip
    before, after = arrows.split("</button>", 1)
    pages = f'<nav aria-label="pages">{before}</button><span>{first + 1}–{first + shown} of {images:,}</span>{after}</nav>'
    return f"<header><h2>{title}</h2><p>{count(images, kind)}</p>{choices('order of the images', orders)}{pages}</header>"


def _thumb(board: Board, dataset: Dataset, picture: Callable[[int, int], str], view: View, row: int, size: Size) -> str:
    t, p = board.cell_of(row)
    names = dataset.class_names
    sure, own = float(board.probabilities[row, p]), float(board.probabilities[row, t])
    caption = f'<b class="rp">{percent(sure)}</b>' + ("" if t == p else f'<i class="rt">{percent(own)}</i>')
    title = f"image {int(dataset.indices[row])}: predicted {names[p]} {percent(sure)} %, true {names[t]} {percent(own)} %"
    changes: dict[str, object] = {
        "section": "errors", "true": "any" if view.true == -1 else view.true,
        "predicted": "any" if view.predicted == -1 else view.predicted, "order": view.order, "image": row, "page": "",
    }  # fmt: skip
    here = row == view.image
    label = tag(picture(row, max(size.width, size.height)), size) + f"<span>{caption}</span>"
    return button(label, changes, pressed=here, aria_label=title, title=title, tabindex="0" if here else "-1")


def _foot(names: Sequence[str], true: int, predicted: int) -> str:
    orange = f'<b class="rp">{escape(names[predicted]) if predicted != -1 else "the predicted class"}</b>'
    teal = f' and <i class="rt">{escape(names[true]) if true != -1 else "the true class"}</i>'
    return (
        f'<p class="foot"><span>Under each image: probability in % of {orange}{"" if true == predicted != -1 else teal}</span>'
        "<span><kbd>←</kbd> <kbd>→</kbd> move · <kbd>Enter</kbd> explain</span></p>"
    )
