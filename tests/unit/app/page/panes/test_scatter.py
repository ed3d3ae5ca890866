"""An answer whose first table has row, x and y is a map, and a region of it its images."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from tests.unit.app.page.conftest import EVIL, LABELS, PREDICTED
from workbench.app.page.panes.scatter import MOST, points_of, scatter_html
from workbench.app.page.panes.section import map_html
from workbench.app.page.view import View
from workbench.core.result import Result

TABLE = pd.DataFrame({"row": range(8), "x": [0.0, 1, 2, 3, 4, 5, 6, 7], "y": [0.0] * 4 + [10.0] * 4})


@pytest.fixture
def points(desk):
    found = points_of(desk, Result({"points": TABLE}))
    assert found is not None
    return found


def test_the_browser_gets_place_classes_confidence_and_name_of_each_image(points, desk):
    x, y, label, predicted, confidence = np.frombuffer(points.content[: 4 * 5 * 8], "<f4").reshape(5, 8)
    assert x.tolist() == TABLE["x"].tolist()
    assert y.tolist() == TABLE["y"].tolist()
    assert label.tolist() == LABELS.tolist()
    assert predicted.tolist() == PREDICTED.tolist()
    np.testing.assert_allclose(confidence, desk.board.confidence, rtol=1e-6)
    assert json.loads(points.content[4 * 5 * 8 :]) == [f"test/{n}" for n in range(100, 108)]


@pytest.mark.parametrize(
    "table",
    [
        TABLE.drop(columns="x"),
        TABLE.assign(x="a"),
        TABLE.assign(row=TABLE["row"] + 8),
        TABLE[:0],
        TABLE.rename(columns={"row": "train_row"}),
        TABLE.assign(y=np.nan),
    ],
)
def test_what_is_no_map_of_these_images_gets_none(desk, table):
    assert points_of(desk, Result({"t": table})) is None
    assert map_html(desk, Result({"t": table}), "key", View(section="samples")) == ""


def test_rows_that_do_not_exist_and_places_that_are_none_are_left_out(desk):
    table = TABLE.assign(row=[0, 1, 99, -1, 4, 5, 6, 7], x=[0, np.inf, 2, 3, np.nan, 5, 6, 7])
    found = points_of(desk, Result({"t": table}))
    assert found is not None
    assert found.rows.tolist() == [0, 5, 6, 7]


def test_a_region_holds_what_lies_inside_wrong_ones_first_most_confident_first(points):
    # Rows 1, 2, 3 are wrong with logits 1, 3, 2 for the predicted class; row 0 is right.
    assert points.inside((0, -1, 3, 1)).tolist() == [2, 3, 1, 0]
    assert points.inside((4, 10, 5, 10)).tolist() == [5, 4]
    assert points.inside((0.5, 1, 3, 9)).tolist() == []


def test_without_a_region_each_class_leads_to_where_most_of_its_images_lie(desk, points, parse):
    page = parse(scatter_html(desk, points, "key", View(section="samples")))
    regions = [a["data-go"] for a in page.all("button") if (a["data-go"] or "").startswith("_region")]
    assert regions[0] == "_region=0.15%2C0%2C2.85%2C0"  # 5 % and 95 % of 0, 1, 2, 3
    assert len(regions) == 3
    assert "3 wrong (75.0 %)" in page.text
    assert EVIL in page.text
    assert page.all("img") == []


def test_a_region_shows_counts_and_links_and_can_be_changed(desk, points, parse):
    view = View(section="samples", region=(0.0, -1.0, 4.0, 11.0))
    page = parse(scatter_html(desk, points, "key", view))
    assert "5 images · 3 wrong (60.0 %)" in page.text
    assert [a["href"] for a in page.all("a")] == [f"?section=errors&image={row}" for row in (2, 3, 1, 4, 0)]
    assert [a.get("class") for a in page.all("a")] == ["wrong", "wrong", "wrong", None, None]
    assert page.all("a")[0]["title"] == f"test/102: predicted {EVIL} 91 %, true T-shirt/top"
    changes = [a["data-go"] for a in page.all("button")]
    assert "_region=0.6%2C0.8%2C3.4%2C9.2" in changes
    assert "_region=" in changes
    assert page.all("div", class_="plot")[0]["data-region"] == "0,-1,4,11"


def test_an_empty_region_says_so(desk, points, parse):
    page = parse(scatter_html(desk, points, "key", View(section="samples", region=(90.0, 90.0, 91.0, 91.0))))
    assert "No images here." in page.text


def test_names_reach_the_script_as_data_and_colours_as_chosen(desk, points, parse):
    page = parse(scatter_html(desk, points, "k<", View(section="samples", colour="correct")))
    plot = page.all("div", class_="plot")[0]
    assert json.loads(plot["data-names"])[1] == EVIL
    assert (plot["data-points"], plot["data-colour"]) == ("k<", "correct")
    assert [a["data-go"] for a in page.all("button", aria_pressed="true")] == ["_colour=correct"]
    assert "correct 4 wrong 4" in " ".join(page.text.split())


def test_of_a_large_region_the_rest_is_counted(desk, parse):
    table = pd.DataFrame({"row": [0] * (MOST + 5), "x": 0.0, "y": 0.0})
    found = points_of(desk, Result({"t": table}))
    page = parse(scatter_html(desk, found, "key", View(section="samples", region=(-1.0, -1.0, 1.0, 1.0))))
    assert len(page.all("a")) == MOST
    assert "… 5 more" in page.text
