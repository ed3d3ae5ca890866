"""What each pane shows for whatever the browser sends."""

from __future__ import annotations

import base64
from typing import ClassVar

import pandas as pd
import pytest

from tests.unit.app.page.conftest import EVIL
from workbench.app.page.jobs import UNEXPECTED
from workbench.app.page.page import Panes
from workbench.app.page.panes import overview
from workbench.core.errors import WorkbenchError
from workbench.core.finding import Finding, Severity
from workbench.core.params import Params
from workbench.core.result import Result
from workbench.diagnosis import registry
from workbench.session.analysis import Analysis

VIEWS = [
    None,
    [],
    {"view": 3},
    {"view": {"section": "errors", "true": "99", "predicted": "-1", "image": "1e9"}},
    {"view": {"section": "<b>"}},
    {"view": {"section": "own", "own": "../../etc/passwd", "start": "-1"}},
    {"old": "x"},
    {"view": {"section": "planted", "top": EVIL}},
    {"sent": {"file": 3}},
    {"sent": "x"},
    {"view": {"section": "planted"}},
]


class Choice(Params):
    top: int = 2


class Planted(Analysis[Choice]):
    """Does the <page> know me?"""

    Params = Choice
    needs_model: ClassVar[bool] = False
    kinds = ("label-noise",)

    def compute(self, session, params):
        if params.top == 13:
            raise RuntimeError("a secret path")
        if params.top == 14:
            raise WorkbenchError(f"top must not be {EVIL}.")
        findings = (Finding(f"{EVIL} {params.top}", severity=Severity.MILD, evidence=(1,)),)
        return Result(tables={"all": pd.DataFrame({"row": [1], "name": [EVIL]})}, findings=findings)

    def draw(self, result):
        raise AssertionError("nobody asked for the figure")


@pytest.fixture
def panes(desk, monkeypatch, answers_are_waited_for):
    real = registry.analyses()
    monkeypatch.setattr(registry.ANALYSES, "all", lambda: {"planted": Planted, "samples": real["samples"]})
    monkeypatch.setattr(Planted, "name", classmethod(lambda cls: "planted"))
    return Panes(desk)


@pytest.mark.parametrize("asked", VIEWS)
def test_whatever_the_browser_sends_is_answered(panes, parse, asked):
    shown, reply = panes.look(asked)
    assert set(shown) == {"bar", "matrix", "gallery", "work", "main"}
    assert reply["url"].startswith("?section=")
    for html in [*shown.values(), panes.detail(reply["view"]), panes.answer(reply["view"])]:
        assert [a for a in parse(html or "").all("img") if not (a["src"] or "").startswith(("data:", "figure/"))] == []
        assert UNEXPECTED not in (html or "")


def test_a_click_changes_only_the_panes_that_change(panes):
    first, reply = panes.look({"view": {"section": "errors"}})
    assert [name for name, html in first.items() if html] == ["bar", "matrix", "gallery"]
    other = {**reply["view"], "image": "3"}
    second, answer = panes.look({"view": other, "old": reply["view"], "count": 7})
    assert [name for name, html in second.items() if html] == ["gallery"]
    assert (answer["count"], answer["view"]["image"]) == (7, "3")
    third, _ = panes.look({"view": {**other, "explain": "true"}, "old": other})
    assert [name for name, html in third.items() if html] == []


def test_before_the_model_is_there_probabilities_are_shown_and_maps_said_to_come(panes, parse):
    page = parse(panes.detail({"section": "errors", "image": "5"}))
    assert "test/105" in page.text
    assert "99.5" in page.text
    assert "maps appear in a few seconds" in page.text
    assert page.all("div", data_wait="loading") != []


def test_a_model_that_cannot_be_opened_is_one_sentence_beside_the_probabilities(panes, parse):
    panes.desk.loading.fail("model.keras is damaged.")
    page = parse(panes.detail({"section": "errors", "image": "5"}))
    assert "model.keras is damaged." in page.text
    assert "99.5" in page.text


def test_an_analysis_is_a_section_that_nobody_wrote(panes, parse):
    shown, reply = panes.look({"view": {"section": "planted", "top": "3"}})
    page = parse(shown["main"])
    assert "Does the <page> know me?" in page.text
    assert [a["value"] for a in page.all("input", name="top")] == ["3"]
    answer = parse(panes.answer(reply["view"]))
    assert f"{EVIL} 3" in answer.text
    assert answer.all("a", href="?section=errors&image=1") != []
    assert (reply["url"], reply["slow"]) == ("?section=planted&top=3", ["answer"])


def test_what_was_typed_stays_while_one_looks_at_the_parts_of_a_map(panes):
    first, reply = panes.look({"view": {"section": "planted"}})
    assert first["main"] is not None
    second, _ = panes.look({"view": {**reply["view"], "_region": "0,0,1,1"}, "old": reply["view"]})
    assert second["main"] is None
    third, _ = panes.look({"view": {**reply["view"], "top": "3"}, "old": reply["view"]})
    assert third["main"] is not None


@pytest.mark.parametrize(
    ("top", "said"), [("many", "top must be a whole number"), ("14", f"top must not be {EVIL}."), ("13", UNEXPECTED)]
)
def test_what_goes_wrong_is_one_sentence_and_the_form_keeps_what_was_typed(panes, parse, top, said):
    shown, reply = panes.look({"view": {"section": "planted", "top": top}})
    answer = parse(panes.answer(reply["view"]))
    assert len(answer.all("p", class_="problem")) == 1
    assert said in answer.text
    assert "secret" not in answer.text
    assert [a["value"] for a in parse(shown["main"]).all("input", name="top")] == [top]


def test_the_overview_has_numbers_manifest_questions_and_waits_for_the_model(panes, parse, monkeypatch):
    monkeypatch.setattr("workbench.app.page.diagnosing.known_diagnosis", lambda *_, **__: None)
    shown, reply = panes.look({"view": {}})
    side = parse(shown["main"])
    assert 'run "<1>"' in side.text
    assert [a["title"] for a in side.all("a", href="?section=planted")] == ["Does the <page> know me?"]
    assert "Test page" in side.text
    answer = parse(panes.answer(reply["view"]))
    assert "50.00 %" in answer.text
    assert "95 % interval 21.5 to 78.5" in answer.text
    assert "Problems" in answer.text
    assert answer.all("div", data_wait="loading") != []


def test_a_drawing_changes_the_view_and_leaves_the_canvas_alone(panes):
    sent = {"pixels": base64.b64encode(bytes(784)).decode()}
    shown, reply = panes.look({"view": {"section": "own"}, "sent": sent, "old": {"section": "own"}})
    assert reply["view"].keys() == {"section", "own"}
    assert shown["main"] is not None  # the first one: now there is an image to invert
    again, _ = panes.look({"view": reply["view"], "sent": sent, "old": reply["view"]})
    assert again["main"] is None


def test_an_upload_that_is_no_image_is_one_sentence_above_the_canvas(panes, parse):
    shown, reply = panes.look(
        {"view": {"section": "own"}, "sent": {"file": "AAAA", "name": "x"}, "old": {"section": "own"}}
    )
    page = parse(shown["main"])
    assert len(page.all("p", class_="problem")) == 1
    assert len(page.all("canvas")) == 1
    assert reply["view"] == {"section": "own"}


def test_an_empty_canvas_offers_an_image_of_each_class_to_begin_with(panes, parse):
    panes.desk.loading.done.set()
    page = parse(panes.detail({"section": "own"}))
    assert [a["href"] for a in page.all("a")] == [f"?section=own&start={row}" for row in (0, 4, 6)]
    assert EVIL in page.text


def test_an_image_can_be_changed_and_leads_to_analyses_that_take_a_row(panes, parse, monkeypatch):
    class Row(Params):
        row: int = 0

    monkeypatch.setattr(Planted, "Params", Row)
    page = parse(panes.detail({"section": "errors", "image": "5"}))
    known, asked = "?section=images&image=5", "?section=planted&row=test%2F105"
    assert [a["href"] for a in page.all("a")] == [known, asked]
    assert len(page.all("button", data_go="edit=1")) == 1


def test_what_was_done_to_the_data_is_said_sentence_by_sentence(desk, dataset, parse):
    from dataclasses import replace

    desk._session.dataset = replace(
        dataset, notes=("1 file skipped: <b>.jpg (damaged)", "3 different sizes; resized to 28×28")
    )
    html = overview.side_html(desk)
    assert "<dd>1 file skipped: &lt;b&gt;.jpg (damaged)<br>3 different sizes; resized to 28×28</dd>" in html
    assert "about the data" in parse(html).text
