"""The matrix as HTML, parsed."""

import re
from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
import pytest

from workbench.app.page import static
from workbench.app.page.board import Board
from workbench.app.page.panes.matrix import DARKEST, matrix_html
from workbench.app.page.view import read, settle
from workbench.core.predictions import Predictions

NAMES = ("T-shirt/top", '<img src=x onerror="alert(1)">', "Bag")


def made(hand, parse, **query):
    board = Board(hand)
    return parse(matrix_html(board, NAMES, settle(read({"section": "errors", **query}), board)))


def test_every_cell_with_images_is_a_button_and_the_chosen_one_is_pressed(hand, parse):
    page = made(hand, parse)
    cells = [b for b in page.all("button") if (b.get("aria-label") or "").startswith("true ")]
    assert len(cells) == 5
    assert [b["aria-label"] for b in cells if b["aria-pressed"] == "true"] == [
        f"true T-shirt/top, predicted {NAMES[1]}: 3 images"
    ]
    assert parse_qs(cells[1]["data-go"]) == {"section": ["errors"], "true": ["0"], "predicted": ["1"]}


@pytest.mark.parametrize(
    "query",
    [{}, {"true": "0", "predicted": "2"}, {"true": "any", "predicted": "any"}, {"true": "1", "predicted": "any"}],
)
def test_the_table_is_one_stop_of_the_keyboard(hand, parse, query):
    page = made(hand, parse, **query)
    table = [b for b in page.all("button") if b.get("tabindex") is not None]
    assert len(table) == 5 + 3 + 3
    assert [b["tabindex"] for b in table].count("0") == 1


def test_names_are_text(hand, parse):
    page = made(hand, parse)
    assert page.all("img") == []
    assert page.text.count(NAMES[1]) == 4  # head of its column and row, and two of the largest cells


def test_counts_and_shares(hand, parse):
    assert "3" in made(hand, parse).text
    assert "75" in made(hand, parse, cells="shares").text  # three of four T-shirts
    assert "recall25.050.0100.0" not in made(hand, parse).text  # each beside its row
    assert "precision50.025.0100.050.0" in made(hand, parse).text


def test_of_thirty_classes_twenty_are_shown_and_it_says_so(parse):
    labels = np.arange(30).repeat(3)
    predicted = (labels + (np.arange(90) % 3 == 0)) % 30
    board = Board(Predictions(np.eye(30, dtype=np.float32)[predicted], labels))
    names = [f"class {k}" for k in range(30)]
    page = parse(matrix_html(board, names, settle(read({"section": "errors", "true": "29", "predicted": "0"}), board)))
    assert "20 of 30 classes" in page.text
    assert len(page.all("th", scope="row")) == 21  # and precision
    assert [s["data-set"] for s in page.all("select")] == ["true", "predicted"]
    assert [b["aria-label"] for b in page.all("button", aria_pressed="true") if "aria-label" in b] == [
        "true class 29, predicted class 0: 1 image"
    ]


def luminance(colour):
    """The relative luminance of WCAG 2 of three values in 0…255."""
    share = np.asarray(colour) / 255
    return float(np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("scheme", [":root", ".dark"])
def test_the_number_of_every_cell_can_be_read_on_its_colour_in_both_schemes(scheme):
    style = (Path(static.__path__[0]) / "app.css").read_text("utf-8")
    said = re.search(rf"^{re.escape(scheme)} {{(.*?)^}}", style, re.MULTILINE | re.DOTALL)[1]

    def colour(name):
        digits = re.search(rf"--{name}: #(\w+);", said)[1]
        return [int(each, 16) for each in re.findall("..", digits if len(digits) == 6 else digits[:1] * 6)]

    heat = np.array(list(map(int, re.search(r"--heat: (\d+), (\d+), (\d+);", said).groups())))
    pane, dark = np.array(colour("pane")), scheme == ".dark"
    contrasts = {}
    for share in np.arange(10, 101) / 100:
        cell = luminance(share * heat + (1 - share) * pane)
        ink = luminance(([255] * 3 if share <= DARKEST else [0] * 3) if dark else colour("ink"))
        contrasts[float(share)] = (max(cell, ink) + 0.05) / (min(cell, ink) + 0.05)
    assert {share: round(found, 2) for share, found in contrasts.items() if found < 4.5} == {}
