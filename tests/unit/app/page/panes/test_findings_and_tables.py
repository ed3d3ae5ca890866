"""Findings with their images, tables with their links."""

import re
from urllib.parse import parse_qsl

import numpy as np
import pandas as pd
import pytest

from tests.unit.app.page.conftest import EVIL
from workbench.app.markup import join
from workbench.app.page.panes.findings import findings_html
from workbench.app.page.panes.tables import AS_IT_IS, Order, table_html
from workbench.app.page.view import read
from workbench.app.pictures import Part, Parts, album
from workbench.core.dataset import Dataset
from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Severity
from workbench.core.image_names import ImageNames
from workbench.core.result import Result
from workbench.core.spreadsheet import as_csv


def of(dataset: Dataset, train: Dataset | None = None) -> Parts:
    learned = None if train is None else Part(train, album(train), explored=False)
    return {"data": Part(dataset, album(dataset)), "train": learned}.get


def test_training_evidence_shows_training_images_that_open_in_their_part(dataset, parse):
    train = Dataset(
        dataset.images[::-1],
        dataset.labels[::-1].copy(),
        class_names=dataset.class_names,
        indices=dataset.indices,
        name="made/train",
    )
    page = parse(findings_html([Finding("x", evidence=(0, 5, 8), part="train")], of(dataset, train)))
    opened = ["?section=images&part=train&image=0", "?section=images&part=train&image=5"]
    assert [a["href"] for a in page.all("a")] == opened
    assert [i["alt"] for i in page.all("img")] == [
        "training image train/100, Bag & 'case'",
        "training image train/105, T-shirt/top",
    ]
    assert [i["title"] for i in page.all("a", class_="learned")] == [i["alt"] for i in page.all("img")]
    assert page.all("img")[0]["src"] == album(train)(0, 56) != album(dataset)(0, 56)


def test_training_images_that_are_not_at_hand_are_counted(dataset, parse):
    page = parse(findings_html([Finding("x", evidence=(0, 5), part="train")], of(dataset)))
    assert "2 training images, not available here." in page.text
    assert page.all("img") == []


def test_a_finding_shows_claim_interval_advice_and_its_images_as_links(dataset, parse):
    finding = Finding(
        f"{EVIL} is wrong.",
        severity=Severity.SERIOUS,
        effect=Estimate(0.25, 0.1, 0.4),
        evidence=(5, 2, 999, -1),
        advice=f"Look at {EVIL}.",
    )
    page = parse(findings_html([finding], of(dataset)))
    assert page.all("li", class_="finding serious") != []
    assert "0.25 (95 % interval 0.10 to 0.40)" in page.text
    assert page.text.count(EVIL) == 2
    assert [a["href"] for a in page.all("a")] == ["?section=errors&image=5", "?section=errors&image=2"]
    assert [i["alt"] for i in page.all("img")] == [f"test/105, {EVIL}", "test/102, T-shirt/top"]


def test_more_evidence_than_fits_is_counted(dataset, parse):
    page = parse(findings_html([Finding("x", evidence=tuple(range(8)))], of(dataset), evidence=3))
    assert "… 5 more" in page.text
    assert len(page.all("img")) == 3


def test_each_image_opens_within_all_of_the_finding_and_so_does_the_rest(dataset, parse):
    findings = [Finding("x", evidence=tuple(range(8))), Finding("y", evidence=(1, 2))]
    page = parse(findings_html(findings, of(dataset), evidence=1, address=lambda each: f"finding/{each.claim}/0"))
    of_x, of_y = (f"?section=images&set=finding%2F{claim}%2F0" for claim in "xy")
    assert [a["href"] for a in page.all("a")] == [f"{of_x}&image=0", of_x, f"{of_y}&image=1", of_y]
    assert "… 7 more" in page.text


def test_an_interval_that_the_claim_already_says_is_not_said_twice(dataset, parse):
    page = parse(
        findings_html(
            [Finding("10 % (95 % interval 5–20 %).", severity=Severity.INFO, effect=Estimate(0.1, 0.05, 0.2))],
            of(dataset),
        )
    )
    assert page.text.count("interval") == 1


def ten(dataset: Dataset) -> Dataset:
    """Return ten images, of which one has a long name."""
    images, names = np.zeros((10, 8, 8, 1), np.uint8), [f"made/{EVIL} {n}.png" for n in range(9)]
    return Dataset(
        images,
        np.arange(10) % 3,
        class_names=dataset.class_names,
        indices=np.arange(10),
        names=np.array([*names, "a/" + "b" * 200 + ".png"]),
        name="made",
    )


@pytest.fixture
def shown(dataset, parse):
    """Build the tables of a result of ten studied images and of two training images."""
    studied, train = ten(dataset), ten(dataset)

    def of_tables(order=AS_IT_IS, **tables):
        names = ImageNames(studied.names, lambda: np.array(["own/0", "own/1"]))
        result = Result(tables, names=names, class_names=dataset.class_names)
        html = [table_html(result, "key", place, of(studied, train), order) for place in range(len(tables))]
        return parse(join(html))

    return of_tables


def test_a_long_table_shows_fifty_rows_and_links_images_that_exist_by_their_names(shown):
    frame = pd.DataFrame({"row": range(60), "index": range(60), "name": [EVIL] * 60, "rate": [0.123456] * 60})
    page = shown(worst_images=frame)
    assert f"made/{EVIL} 8.png" in page.text and "index" not in page.text
    cut = page.all("a")[9]
    assert (cut["href"], cut["title"]) == ("?section=errors&image=9", "a/" + "b" * 200 + ".png")
    assert "b" * 38 + ".png" in page.text and "b" * 64 not in page.text
    assert "50 of 60 rows" in page.text and "Show 10 more" in page.text
    assert "Worst images" in page.text
    assert len([a for a in page.all("a") if "image=" in a["href"]]) == len(page.all("img")) == 10
    assert page.all("a", download=None)[0]["href"] == "table/key/0.csv"
    assert "}0.123made/" in page.text  # three digits, and the next row


def test_headings_are_words_that_sort_and_the_ends_of_an_interval_are_one_column(shown):
    frame = pd.DataFrame(
        {"class": ["a", "b"], "f1": [0.5, 0.25], "low": [0.4, 0.1], "high": [0.6, 0.375], "gap": [np.nan] * 2}
    )
    page = shown(classes=frame)
    headings = [button.get("aria-label") for button in page.all("button")]
    assert headings == [None, None, "95 % interval of F1"]
    assert [button["data-table"] for button in page.all("button")] == ["sort=class", "sort=-f1", "sort=-low"]
    assert "Class" in page.text and "0.100 to 0.375" in page.text
    assert "without values, not shown: Gap" in page.text


@pytest.mark.parametrize(
    ("column", "down", "order", "state"),
    [
        ("size", True, ["9", "3", "–"], "descending"),
        ("size", False, ["3", "9", "–"], "ascending"),
        ("name", False, ["–", "9", "3"], "ascending"),
        ("nothing", True, ["3", "–", "9"], None),
    ],
)
def test_all_rows_are_sorted_and_what_is_missing_comes_last(shown, column, down, order, state):
    frame = pd.DataFrame({"name": ["c", "A", "b"], "size": [3.0, np.nan, 9.0]})
    page = shown(Order(column=column, down=down), sizes=frame)
    assert re.findall(r"[39–]", page.text.partition("Size")[2])[:3] == order
    states = [th.get("aria-sort") for th in page.all("th")]
    assert [each for each in states if each] == [each for each in [state] if each]
    again = page.all("button", data_column="size")[0]["data-table"]
    assert again == ("sort=-size" if column != "size" or not down else "sort=size")


def test_rows_are_found_by_what_is_shown_of_them_among_all_and_keep_their_digits_and_links(shown):
    frame = pd.DataFrame(
        {"row": np.arange(10).repeat(30), "rate": np.linspace(0, 1, 300), "kind": ["Ab", "c", "D"] * 100}
    )
    assert not shown(few=frame.head(10)).all("input") and "Find rows" in str(shown(a=frame).all("input"))
    page = shown(Order(column="rate", down=True, find="aB"), a=frame)
    assert "50 of 100 rows with “aB”, of 300" in page.text
    assert page.text.index("0.993") < page.text.index("0.983")
    assert page.all("button", data_column="")[0]["data-table"] == "sort=-rate&find=aB&rows=250"
    (field,) = page.all("input")
    assert (field["value"], field["aria-label"]) == ("aB", "Find rows of A")
    page = shown(Order(find="0.251"), a=frame)
    assert "1 row with “0.251”, of 300" in page.text
    assert [a["href"] for a in page.all("a")][:-1] == ["?section=errors&image=2"]
    assert "50 of 240 rows" in shown(Order(find=EVIL), a=frame[frame["row"] < 9].head(240)).text  # by the image's name
    assert "0 rows with “nothing”, of 300" in shown(Order(find="nothing"), a=frame).text


def test_the_rows_that_are_shown_are_part_of_the_view():
    order = Order(column="a=&b", down=True, rows=250, find="ä &")
    said = {f"_{name}1": text for name, text in parse_qsl(order.query())}
    view = read({"section": "samples", **said, "_sort777": "a", "_find2": ""}, ["samples"])
    assert view.query() == {"section": "samples", **said}
    assert Order.read(view.tables, 1) == order and Order.read(view.tables, 0) == AS_IT_IS
    assert read({"section": "start", **said}).query() == {"section": "start"}
    assert Order.read({"rows": "many", "find": " x "}) == Order(find="x")


def test_rows_of_classes_lead_to_their_images_and_rows_of_images_to_theirs_alone(shown, dataset):
    names = dataset.class_names
    pairs = shown(cells=pd.DataFrame({"true": [names[0]], "predicted": [names[1]], "images": [2]}))
    assert [a["href"] for a in pairs.all("a")][:-1] == ["?section=errors&true=0&predicted=1"] * 2
    classes = shown(classes=pd.DataFrame({"class": [names[2], "all"], "recall": [1.0, 0.5]}))
    assert [a["href"] for a in classes.all("a")][:-1] == ["?section=errors&true=2&predicted=any"]
    images = shown(images=pd.DataFrame({"row": [4], "true": [names[0]], "predicted": [names[1]]}))
    assert [a["href"] for a in images.all("a")][:-1] == ["?section=errors&image=4"]


def test_a_spreadsheet_does_not_run_a_class_name():
    frame = pd.DataFrame({"name": ["=1+1", "@x", "fine"], "change": [-1, 2, 3]})
    assert as_csv(frame).splitlines() == ["name,change", "'=1+1,-1", "'@x,2", "fine,3"]


def test_an_empty_table_and_missing_values_are_shown(shown):
    page = shown(a=pd.DataFrame({"row": [None, 2.0], "ok": [True, False]}))
    assert "–" in page.text
    assert "yes" in page.text
    assert [a["href"] for a in page.all("a")][:-1] == ["?section=errors&image=2"]
    assert "0 rows" in shown(a=pd.DataFrame({"row": []})).text


def test_images_of_both_parts_have_names_and_lead_to_their_own(shown):
    page = shown(a=pd.DataFrame({"row": [3], "other_row": [4], "train_row": [1]}))
    learned = "?section=images&part=train&image=1"
    assert [a["href"] for a in page.all("a")][:-1] == ["?section=errors&image=3", "?section=errors&image=4", learned]
    assert "own/1" in page.text
    for heading in ("Image", "Other image", "Training image"):
        assert heading in page.text
