"""A cell of the confusion matrix: what the page calls it, and the change of the view that opens it."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.app.markup import Html, element
from workbench.app.page.images.query_text import term_of
from workbench.app.page.view import ANY


def open_cell(true: int, predicted: int) -> dict[str, object]:
    """Return the change of the view that opens a cell, at its first image."""
    named = {"true": "any" if true == ANY else true, "predicted": "any" if predicted == ANY else predicted}
    return {"section": "errors", **named, "image": "", "gallery_page": ""}


def query_of_cell(names: Sequence[str], true: int, predicted: int) -> str:
    """Return the query that finds the images of a cell, of the errors of a row or column, or all errors."""
    label = [] if true == ANY else [term_of("label", names[true])]
    said = [] if predicted == ANY else [term_of("predicted", names[predicted])]
    return " ".join([*label, *said, *(["correct:no"] if ANY in (true, predicted) else [])])


def title_html(names: Sequence[str], true: int, predicted: int) -> Html:
    """Name a cell, a row, a column or all errors, in the colours of true and predicted."""
    if (true, predicted) == (ANY, ANY):
        return Html("All errors")
    if true == predicted:
        return Html("{}: correct").format(names[true])
    left = element("span", "Any other class" if true == ANY else names[true], class_="rt")
    right = element("span", "any other class" if predicted == ANY else names[predicted], class_="rp")
    return left + " " + element("span", "→", class_="ar") + " " + right
