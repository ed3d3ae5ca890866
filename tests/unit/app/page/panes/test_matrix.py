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
from workbench.app.page.window import window_of
from workbench.core.class_tree import tree_of_groups
from workbench.core.predictions import Predictions
from workbench.data.hierarchy import read_hierarchy
from workbench.session.found_tree import ALONE

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


def thirty(classes=30, tree=None):
    """Three images of each class, of which the first is taken for the next class."""
    labels = np.arange(classes).repeat(3)
    predicted = (labels + (np.arange(3 * classes) % 3 == 0)) % classes
    board = Board(Predictions(np.eye(classes, dtype=np.float32)[predicted], labels), lambda: tree)
    return board, [f"class {k}" for k in range(classes)]


def shown(parse, made, **query):
    board, names = made
    return parse(matrix_html(board, names, settle(read({"section": "errors"} | query), board)))


def pressed(page):
    return [b["aria-label"] for b in page.all("button", aria_pressed="true") if "aria-label" in b]


def rows_of(page):
    said = [b.get("title", "") for b in page.all("button")]
    return [each.removeprefix("all errors of true ") for each in said if each.startswith("all errors of true ")]


def by_label(page):
    return {b["aria-label"]: b for b in page.all("button") if b.get("aria-label")}


def test_of_thirty_classes_a_part_is_shown_around_what_is_chosen_and_it_says_so(parse):
    page = shown(parse, thirty(), true="12", predicted="13", arrange="data")
    assert "Places 6–20 of 30 classes, in the order of the data. (other): all that is not shown." in page.text
    assert rows_of(page) == [f"class {k}" for k in range(5, 20)]
    assert pressed(page) == ["true class 12, predicted class 13: 1 image"]
    assert len(page.all("th", scope="row")) == 15 + 2  # (other) and precision
    assert "ordered so that confused ones stand near the diagonal" in shown(parse, thirty()).text


def test_a_cell_far_from_the_diagonal_lies_in_a_part_of_its_own_rows_and_columns(parse):
    page = shown(parse, thirty(), true="29", predicted="0", arrange="data", span="10")
    assert "Rows 21–30, columns 1–10 of 30 classes" in page.text
    assert pressed(page) == ["true class 29, predicted class 0: 1 image"]


def test_the_part_stays_while_its_cells_are_opened_and_moves_by_its_buttons(parse):
    page = by_label(shown(parse, thirty(), corner="3,4", span="10", arrange="data"))
    cells = [parse_qs(each["data-go"]) for label, each in page.items() if label.startswith("true ")]
    assert {each["corner"][0] for each in cells} == {"3,4"}
    assert parse_qs(page["later rows"]["data-go"])["corner"] == ["9,4"]
    assert parse_qs(page["earlier classes"]["data-go"])["corner"] == ["0,0"]
    at_the_end = by_label(shown(parse, thirty(), corner="20,0", span="10"))
    assert "disabled" in at_the_end["later rows"] and "disabled" not in at_the_end["later columns"]
    assert "Rows 21–30, columns 1–10" in shown(parse, thirty(), corner="999,0", span="10").text  # the last ones


def test_what_is_not_shown_is_summed(parse):
    board, names = thirty()
    asked = {"section": "errors", "corner": "0,0", "span": "10", "arrange": "data"}
    window = window_of(board, names, settle(read(asked), board))
    assert "(other)" in shown(parse, (board, names), **asked).text
    assert window.others[0].tolist() == [0] * 9 + [1]  # class 9 is taken for class 10
    assert window.others[1].tolist() == [1] + [0] * 9  # class 29 is taken for class 0
    assert (window.counts.sum(axis=1) + window.others[0]).tolist() == [3] * 10


def test_a_search_finds_a_class_by_a_part_of_its_name_and_names_the_others(parse):
    page = shown(parse, thirty(), near="CLASS 2", arrange="data")
    assert "1 of 11 found" in page.text  # 2 itself, and 20 … 29
    assert len(page.all("button", class_="found")) == 2
    assert "Also: class 20, class 21" in page.text and "and 4 more" in page.text
    assert "class 2" in rows_of(page)
    assert "No class has “zebra” in its name." in shown(parse, thirty(), near="zebra").text
    assert len(page.all("option", value="class 17")) == 1  # offered while one types


def test_groups_open_and_lead_back(parse):
    names = [f"class {k}" for k in range(30)]
    tree = read_hierarchy({"low": {"a": names[:5], "b": names[5:10]}, "high": names[10:]}, names)
    made = thirty(tree=tree)
    page = shown(parse, made)  # of a tree that was given, groups come first
    assert "2 groups of 30 classes (given). A click opens one." in page.text
    assert [each for each in by_label(page) if each.startswith(("errors", "open true"))] == [
        "errors within low: 9 images",
        "open true low, predicted high: 1 image",
        "open true high, predicted low: 1 image",
        "errors within high: 19 images",
    ]
    low, a = tree.names.index("low"), tree.names.index("a")
    opened = shown(parse, made, open=f"{low},{low}")
    assert "All groups › low" in " ".join(opened.text.split())
    leaves = shown(parse, made, open=f"{a},{a}")
    assert rows_of(leaves) == names[:5]
    assert "All groups › low › a" in " ".join(leaves.text.split())
    across = shown(parse, made, open=f"{a},{tree.names.index('high')}", true="4", predicted="5")
    assert rows_of(across) == names[:5]
    assert "a → high" in across.text
    assert "A click opens one." in shown(parse, made, open="999,2").text


@pytest.mark.parametrize(("one", "other"), [("", "low"), ("low", "a"), ("a", "class 0"), ("class 0", "low")])
def test_a_group_is_not_opened_beside_one_that_holds_it(one, other):
    names = [f"class {k}" for k in range(30)]
    tree = read_hierarchy({"low": {"a": names[:5], "b": names[5:10]}, "high": names[10:]}, names)
    board, _ = thirty(tree=tree)
    for pair in ((one, other), (other, one)):
        asked = ",".join(str(tree.names.index(each)) for each in pair)
        window = window_of(board, names, settle(read({"section": "errors", "open": asked}), board))
        assert window.opened == (tree.root, tree.root)


def test_classes_in_no_group_have_no_recall_and_their_errors_are_coloured():
    names = [f"class {k}" for k in range(30)]
    groups = [("a", range(5)), ("b", range(5, 10)), (ALONE, range(10, 30))]
    board, _ = thirty(tree=tree_of_groups(names, [(name, list(members)) for name, members in groups]))
    html = str(matrix_html(board, names, settle(read({"section": "errors", "arrange": "groups"}), board)))
    assert f"errors among classes {ALONE}: 19 images" in html and "errors within a: 4 images" in html
    assert "2 groups of 30 classes" in html
    assert html.count("–</td>") == 2  # its recall and its precision


def test_few_classes_have_the_orders_too_and_no_window(parse):
    page = shown(parse, thirty(8))
    assert [s["data-set"] for s in page.all("select")] == ["arrange"]
    assert page.all("input") == [] and "(other)" not in page.text
    together = shown(parse, thirty(8), arrange="errors")
    assert sorted(rows_of(together)) == [f"class {k}" for k in range(8)]


def test_a_page_of_a_thousand_classes_is_small(parse):
    board, names = thirty(1000)
    html = matrix_html(board, names, settle(read({"section": "errors"}), board))
    page = parse(html)
    assert len(page.all("td")) < 400 and len(page.all("button")) < 120
    assert len(html) < 150_000


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
