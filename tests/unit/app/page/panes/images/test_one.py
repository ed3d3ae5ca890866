"""One image: within its set, with what is known and said of it, and its neighbours."""

from __future__ import annotations

import pytest

from workbench.app.page.images import near
from workbench.app.page.page import Panes


@pytest.fixture
def panes(desk, tmp_path):
    desk.session.workspace = tmp_path / "said.workspace"
    return Panes(desk)


def steps(page):
    return {a["data-step"]: (a["data-go"], "disabled" in a) for a in page.all("button") if "data-step" in a}


def test_the_next_and_the_previous_image_are_those_of_the_set(panes, parse):
    view = {"section": "images", "where": "correct:no", "sort": "-confidence", "image": "2"}
    page = parse(panes.detail(view))
    assert "2 of 4" in page.text
    assert steps(page) == {"-1": ("image=5", False), "1": ("image=3", False)}
    assert page.all("a", href="?section=images&where=correct%3Ano&sort=-confidence") != []
    last = parse(panes.detail({**view, "image": "1"}))
    assert steps(last)["1"] == ("", True)


def test_what_is_known_and_said_is_shown(panes, parse):
    session = panes.desk.session
    session.images.where("label:T-shirt/top").tag("check").note("odd <b>").relabel("Bag & 'case'")
    page = parse(panes.detail({"section": "images", "image": "1"}))
    for text in ("test/101", "check", "odd <b>", "relabel: Bag & 'case'", "predicted class", "confidence"):
        assert text in page.text
    (known,) = page.all("section", class_="dossier")
    assert known["data-place"] == "1"


def test_an_image_that_its_query_does_not_find_is_shown_alone_and_can_be_marked(panes, parse):
    page = parse(panes.detail({"section": "images", "where": "correct:yes", "image": "5"}))
    assert "not among the images found" in page.text
    (known,) = page.all("section", class_="dossier")
    found = panes.desk.found.get(known["data-key"])
    assert found.images.rows.tolist() == [5]


@pytest.mark.parametrize(
    ("view", "said"),
    [
        ({"image": "3", "part": "train"}, "The training images are not known here."),
        ({"image": "3", "set": "finding/nothing/0"}, "not among the images found"),
    ],
)
def test_what_there_is_not_is_one_sentence(panes, parse, view, said):
    assert said in parse(panes.detail({"section": "images", **view})).text


def test_neighbours_are_found_when_asked_and_lead_on(panes, parse):
    view = {"section": "images", "image": "2"}
    before = parse(panes.answer(view))
    assert before.all("button", data_go="compute=near") != []
    near._compared(panes.desk, "data", "pixels", compute=True)
    found = near.near_of(panes.desk, "data", 2)
    # Grey images of brightness 0, 30, 60, …: the nearest to 60 are 30 and 90, 30 grey levels away.
    assert [(each.by, each.part) for each in found] == [("pixels", "data")]
    assert found[0].rows.tolist()[:2] == [1, 3]
    assert found[0].distances[:2].tolist() == [30.0, 30.0]
