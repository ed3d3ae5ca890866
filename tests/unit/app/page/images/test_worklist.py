"""A finding about labels as work: one image after the other is decided, and what was decided is there afterwards."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.unit.app.page.conftest import EVIL
from workbench.app.page.application import create_app
from workbench.app.page.images.found import find
from workbench.app.page.images.worklist import LATER
from workbench.app.page.panes.findings import work_link
from workbench.app.page.panes.images.shelf import shelf_html
from workbench.app.page.panes.images.work import work_html
from workbench.app.page.view import read
from workbench.core.finding import Finding
from workbench.core.image_set import ImageSet
from workbench.core.result import Result
from workbench.diagnosis import registry
from workbench.workspace.workspace import Workspace

SET = "finding/label-issues/0"
ROWS = (5, 1, 2, 6)


@pytest.fixture
def client(desk, tmp_path, monkeypatch):
    """Four images look wrong: of three there is a label that they should have."""
    from starlette.testclient import TestClient

    told = pd.DataFrame(
        {
            "row": ROWS[:3],
            "label": ["T-shirt/top"] * 3,
            "suggested": ["T-shirt/top", EVIL, "Bag & 'case'"],
            "score": [0.01, 0.02, 0.03],
            "probability": [0.01, 0.02, 0.3],
            "of the suggested": [0.97, 0.9, 0.5],
            "issue": [True, True, False],
        }
    )
    noise = Finding("Four labels look wrong.", kind="label-noise", evidence=ImageSet(ROWS))
    result = Result({"studied": told}, findings=(noise,), analysis="label-issues")
    monkeypatch.setattr(registry, "cached", lambda *_: result)
    desk.session.workspace = tmp_path / "said.workspace"
    return TestClient(create_app(desk, background=False), base_url="http://127.0.0.1")


def view(row=5):
    return read({"section": "images", "set": SET, "image": str(row)})


def said(client, desk, action, row, value=""):
    key = find(desk, read({"section": "images", "set": SET})).key
    place = ROWS.index(row)
    body = {"key": key, "places": [[place, place]], "action": action, "value": value, "page": "p-1"}
    answer = client.post("/images/mark", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_card_says_what_it_is_called_what_it_should_be_called_and_who_says_so(client, desk, parse):
    html = work_html(desk, view(1))
    page = parse(html)
    assert "<img src=x" not in html
    assert f"T-shirt/top → {EVIL}" in page.text
    assert "0 of 4 images decided" in page.text
    assert "probability of its label2 %of the suggested label90 %" in page.text
    assert [each["data-do"] for each in page.all("button") if each.get("data-do")] == [
        "accept-all", "accept", "skip", "relabel", "keep", "drop", "undo",
    ]  # fmt: skip
    assert not work_html(desk, read({"section": "images", "set": "rows/1,2", "image": "1"}))
    assert not work_html(desk, view(7))  # it is not one of them
    assert "no other label is suggested" in parse(work_html(desk, view(6))).text


def test_a_list_whose_analysis_was_not_asked_here_offers_to_ask_it(client, desk, parse, monkeypatch):
    monkeypatch.setattr(registry, "cached", lambda *_: None)
    page = parse(work_html(desk, view(1)))
    assert "is part of the answer of label-issues, which is not computed here" in page.text
    assert page.all("button", data_go="compute=set")


def test_one_after_the_other_is_decided_and_the_next_is_one_that_is_open(client, desk, parse):
    first = said(client, desk, "accept", 5)
    assert (first["said"], first["next"], first["left"]) == ("Accepted: 1 suggested label.", 1, 3)
    assert said(client, desk, "keep", 1)["next"] == 2
    assert said(client, desk, "drop", 6)["next"] == 2  # at the end it goes on at the beginning
    last = said(client, desk, "relabel", 2, EVIL)
    assert (last["next"], last["left"]) == (None, 0)
    assert desk.session.workspace.corrections()["correction"].value_counts().to_dict() == {
        "relabel": 2, "keep": 1, "drop": 1,
    }  # fmt: skip
    text = parse(work_html(desk, view(5))).text
    assert "4 of 4 images decided: 1 accepted, 1 right as they are, 1 given another label and 1 dropped" in text
    assert "Retrain →" in text
    assert {each.source for each in desk.session.workspace.log()} == {"Four labels look wrong."}


def test_what_is_skipped_comes_last_is_shown_survives_and_can_be_undone(client, desk, parse):
    skipped = said(client, desk, "skip", 5)
    assert (skipped["said"], skipped["next"], skipped["left"]) == ("Skipped: 1 image.", 1, 4)
    assert "1 skipped: show skipped" in parse(work_html(desk, view(1))).text
    assert 'correction">skipped</span>' in work_html(desk, view(5))
    with Workspace.open(desk.session.workspace.path) as again:  # as another process would find it
        assert again.keys_with("skipped") == {str(desk.session.dataset.keys[5])}
    shown = read({"section": "images", "set": SET, "where": LATER})
    assert find(desk, shown).images.rows.tolist() == [5]
    key = find(desk, read({"section": "images", "set": SET})).key
    everything = {"key": key, "places": [[0, 3]], "action": "accept", "page": "p-1"}
    assert client.post("/images/mark", json=everything).json()["left"] == 2  # what was skipped, and what nobody knows
    assert said(client, desk, "drop", 6)["next"] == 5  # now that nothing else is left
    assert said(client, desk, "accept", 5)["left"] == 0
    assert "skipped" not in parse(work_html(desk, view(1))).text
    assert find(desk, shown).images.rows.tolist() == [5]  # a list stays as it is while one works
    for undone in ("relabel", "drop", "relabel"):
        assert client.post("/images/undo", json={"page": "p-1"}).json()["said"].startswith(f"Undone: {undone}")
    assert "1 skipped" in parse(work_html(desk, view(1))).text
    client.post("/images/undo", json={"page": "p-1"})
    assert "skipped" not in parse(work_html(desk, view(1))).text


def test_all_that_are_open_are_accepted_at_once_and_one_undo_takes_them_back(client, desk):
    said(client, desk, "keep", 1)
    key = find(desk, read({"section": "images", "set": SET})).key
    body = {"key": key, "places": [[0, 3]], "action": "accept", "page": "p-1"}
    done = client.post("/images/mark", json=body).json()
    assert (done["said"], done["left"]) == ("Accepted: 2 suggested labels.", 1)  # of the last one nobody knows better
    table = desk.session.workspace.corrections().set_index("name")
    assert table["new_label"].to_dict() == {"test/105": "T-shirt/top", "test/101": "", "test/102": "Bag & 'case'"}
    assert client.post("/images/mark", json=body).status_code == 400
    assert client.post("/images/undo", json={"page": "p-1"}).json()["said"].endswith("2 images.")
    assert desk.session.workspace.corrections()["correction"].tolist() == ["keep"]


def test_where_no_labels_are_suggested_nothing_is_accepted(client, desk):
    key = find(desk, read({"section": "images", "where": "correct:no"})).key
    answer = client.post("/images/mark", json={"key": key, "places": [[0, 0]], "action": "accept", "page": "p-1"})
    assert (answer.status_code, answer.json()["error"]) == (400, "No labels are suggested for these images.")


def test_a_finding_about_labels_leads_to_its_work_and_the_list_offers_it(client, desk, parse):
    noise = Finding("Four labels look wrong.", kind="label-noise", evidence=ImageSet(ROWS))
    (link,) = parse(work_link(noise, SET)).all("a")
    assert link["href"] == "?section=images&set=finding%2Flabel-issues%2F0&image=5"
    assert work_link(Finding("Twins.", kind="duplicates", evidence=ImageSet(ROWS)), SET) is None
    said(client, desk, "accept", 5)
    page = parse(shelf_html(desk, read({"section": "images", "set": SET})))
    assert [each["data-go"] for each in page.all("button") if "image=" in (each.get("data-go") or "")] == ["image=1"]
    assert "1 of 4 images decided: 1 accepted" in page.text
