"""The pane of images for a view: what is found, counted, offered; a wrong query is one sentence."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.patience import PATIENCE
from tests.unit.app.page.conftest import EVIL
from workbench.app.page.page import Panes
from workbench.app.page.view import read
from workbench.session.parts import Parts


@pytest.fixture
def panes(desk, tmp_path):
    desk.session.workspace = tmp_path / "said.workspace"
    return Panes(desk)


def main(panes, parse, **view):
    shown, reply = panes.look({"view": {"section": "images", **view}})
    return parse(shown["main"]), reply


def bars(page, title):
    """What the bars of a facet say, by the term that they add."""
    return [a["title"] for a in page.all("button") if (a.get("title") or "").startswith(f"{title} ")]


def test_everything_is_found_and_counted_at_first(panes, parse):
    page, reply = main(panes, parse)
    assert (reply["url"], reply["slow"]) == ("?section=images", [])
    (rolls,) = page.all("div", class_="rolls")
    assert (rolls["data-count"], rolls["data-part"], rolls["data-height"]) == ("8", "data", "28")
    assert bars(page, "label")[0] == "label T-shirt/top: 4 images"
    assert bars(page, "correct") == ["correct yes: 4 images", "correct no: 4 images"]
    assert bars(page, "predicted class")[1] == f"predicted class {EVIL}: 4 images"
    assert page.all("img") == []


def test_the_training_part_is_offered_where_it_may_be_known(panes, parse, dataset):
    page, _ = main(panes, parse)
    assert page.all("div", aria_label="part of the data") == []
    panes.desk.session._parts = Parts({"train": lambda: dataset, "validation": dataset})
    page, _ = main(panes, parse)
    parts = [(a["data-go"], a["aria-pressed"]) for a in page.all("button") if "part=" in (a.get("data-go") or "")]
    assert parts == [("part=&set=", "true"), ("part=validation&set=", "false"), ("part=train&set=", "false")]


def test_a_query_finds_and_its_terms_are_pressed(panes, parse):
    page, reply = main(panes, parse, where="label:T-shirt/top correct:no", add="confidence:0.7..")
    assert reply["view"]["where"] == "label:T-shirt/top correct:no confidence:0.7.."
    (rolls,) = page.all("div", class_="rolls")
    assert rolls["data-count"] == "2"  # logits 2 and 3 of three classes: 0.79 and 0.91; 1 gives 0.58
    pressed = {a["data-go"] for a in page.all("button", aria_pressed="true")}
    assert {"add=label%3AT-shirt%2Ftop", "add=correct%3Ano"} <= pressed
    assert [a["value"] for a in page.all("input", aria_label="confidence, from")] == ["0.7"]


def test_histograms_count_what_is_found_between_ends_that_a_query_reads(panes, parse):
    page, _ = main(panes, parse)
    (hist,) = page.all("div", class_="hist", data_field="confidence")
    counts = [int(each) for each in hist["data-counts"].split(",")]
    lows = hist["data-lows"].split("\t")
    assert sum(counts) == 8
    place = next(n for n, count in enumerate(counts) if n and count)
    narrowed, _ = main(panes, parse, add=f"confidence:{lows[place]}..{hist['data-highs'].split(chr(9))[place]}")
    (rolls,) = narrowed.all("div", class_="rolls")
    assert int(rolls["data-count"]) == counts[place]


@pytest.mark.parametrize(
    ("where", "said", "instead"),
    [
        ("lable:Coat", "There is no field 'lable'.", "where=label%3ACoat"),
        ("label:T-shirt/tob", "There is no label 'T-shirt/tob'.", "where=label%3AT-shirt%2Ftop"),
        ("label:", "A query must be terms such as", ""),
        ("confidence:high", "confidence is a number", ""),
        ("x" * 4001, "A query must have at most 4,000 characters. This one has 4,001.", ""),
    ],
)
def test_a_wrong_query_is_one_sentence_with_the_nearest_as_links_and_is_not_applied(panes, parse, where, said, instead):
    page, _ = main(panes, parse, where=where)
    assert len(page.all("p", class_="problem")) == 1
    assert said in page.text
    assert "8 images, the query is not applied" in page.text
    links = [a["href"] for a in page.all("a") if "where=" in (a.get("href") or "")]
    assert any(instead in href for href in links) if instead else links == []
    assert [a["value"] for a in page.all("input", name="where")] == [where]


def test_what_is_not_computed_is_offered_and_then_known(panes, parse):
    page, _ = main(panes, parse, where="brightness>0.1")
    if page.all("p", class_="problem"):
        assert page.all("button", data_go="compute=properties") != []
    page, reply = main(panes, parse, where="brightness>0.1", compute="properties")
    job = panes.desk.jobs.get("images-properties-data")
    assert job.done.wait(PATIENCE)
    assert reply["view"]["compute"] == "properties"
    page, _ = main(panes, parse, where="brightness>0.1", compute="properties")
    assert page.all("p", class_="problem") == []
    assert page.all("div", class_="hist", data_field="brightness") != []


def test_an_answer_that_was_not_asked_is_offered(panes, parse):
    page, _ = main(panes, parse, where="triage:ambiguous")
    assert "triage is not computed yet" in page.text
    assert "--compute" not in page.text
    assert page.all("button", data_go="compute=triage") != []


def test_hostile_names_metadata_and_tags_are_text(panes, parse, dataset):
    from dataclasses import replace

    frame = pd.DataFrame({"camera": pd.Categorical([EVIL] * 8), "hour": range(8)})
    panes.desk._session.dataset = replace(dataset, metadata=frame)
    page, _ = main(panes, parse, where=f"<script>{EVIL}")
    assert page.all("script") == []
    page, _ = main(panes, parse)
    assert page.all("img") == []
    assert f"camera {EVIL}: 8 images" in bars(page, "camera")
    (hist,) = page.all("div", class_="hist", data_field="hour")
    assert (hist["data-lows"], hist["data-counts"]) == ("\t".join("01234567"), ",".join("1" * 8))


def test_a_page_that_only_opens_an_image_keeps_the_grid(panes):
    _, reply = panes.look({"view": {"section": "images", "where": "correct:no"}})
    shown, answer = panes.look({"view": {**reply["view"], "image": "5"}, "old": reply["view"]})
    assert shown["main"] is None
    assert answer["slow"] == ["detail", "answer"]


def test_the_view_of_images_is_its_address():
    asked = {"section": "images", "where": "label:Coat", "part": "train", "sort": "-confidence", "set": "rows/1,2"}
    assert read(asked).query() == asked
    assert read({**asked, "part": "moon", "add": "correct:no", "true": "3"}).query() == {
        "section": "images",
        "where": "label:Coat correct:no",
        "sort": "-confidence",
        "set": "rows/1,2",
    }
