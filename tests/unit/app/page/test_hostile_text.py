"""Hostile text through every pane: it is shown as text, and never becomes an element or leaves its attribute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from tests.unit.app.page.conftest import EVIL
from tests.verdicts import verdict as made_verdict
from workbench.app.markup import Html, code, element, join
from workbench.app.page.board import Board
from workbench.app.page.cell import title_html
from workbench.app.page.desk import Desk
from workbench.app.page.html import breakable, paper_link, problem, waiting
from workbench.app.page.maps import ShownMap
from workbench.app.page.opinion import Weights
from workbench.app.page.own_image import OwnImage
from workbench.app.page.panes import detail, easel, findings, form, map_card, method_menu, overview, section, verdict
from workbench.app.page.panes.bar import bar_html
from workbench.app.page.panes.diagnosis import diagnosis_html
from workbench.app.page.panes.gallery import Shelf, gallery_html
from workbench.app.page.panes.matrix import matrix_html
from workbench.app.page.panes.scatter import points_of, scatter_html
from workbench.app.page.panes.tables import tables_html
from workbench.app.page.subjects import of_dataset
from workbench.app.page.view import View, settle
from workbench.app.pictures import Part
from workbench.core.attribution import Attribution
from workbench.core.dataset import Dataset
from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Severity
from workbench.core.image_names import ImageNames
from workbench.core.params import Params
from workbench.core.result import Result
from workbench.diagnosis.diagnose import Diagnosed, Diagnosis

BREAKS_OUT = "\"' ><svg onload=alert(2)>" + EVIL
"""Would leave an attribute in either quotes, and open elements."""
FINDING = Finding(
    BREAKS_OUT,
    severity=Severity.SERIOUS,
    evidence=(0, 4),
    advice=BREAKS_OUT,
    kind=BREAKS_OUT,
    cost=Estimate(0.25, 0.125, 0.5),
    confirm=BREAKS_OUT,
)
TABLE = pd.DataFrame({"row": range(8), "x": range(8), "y": range(8), BREAKS_OUT: [BREAKS_OUT] * 8})
RESULT = Result(
    {BREAKS_OUT: TABLE},
    findings=(FINDING,),
    analysis="samples",
    params={BREAKS_OUT: BREAKS_OUT},
    context={BREAKS_OUT: [BREAKS_OUT]},
    names=ImageNames(np.array([BREAKS_OUT] * 8)),
)
VERDICT = made_verdict(randomised=0.1)


class Method(Params):
    name: ClassVar[str] = "method"
    title: ClassVar[str] = BREAKS_OUT
    use: ClassVar[str] = BREAKS_OUT
    paper: ClassVar[str] = f"{BREAKS_OUT}, arXiv:1610.02391"
    signed: ClassVar[bool] = True

    word: str = BREAKS_OUT

    @classmethod
    def kin(cls):
        return BREAKS_OUT

    @classmethod
    def summary(cls):
        return BREAKS_OUT


@pytest.fixture
def hostile(desk: Desk) -> Desk:
    """A desk whose run, data, classes, notes and uploaded image all have hostile names."""
    plain = desk.session.dataset
    names = tuple(f"{BREAKS_OUT}{k}" for k in range(3))
    desk.session.dataset = Dataset(
        plain.images, plain.labels, class_names=names, indices=plain.indices, name=f"{BREAKS_OUT}/{BREAKS_OUT}",
        notes=(BREAKS_OUT,),
    )  # fmt: skip
    desk.session.name = BREAKS_OUT
    desk.own_images.put("mine", OwnImage(np.full((28, 28, 1), 250, np.uint8), BREAKS_OUT, (BREAKS_OUT, BREAKS_OUT)))
    desk.maps.put("methods", {"method": (Method, None), "other": (Method, BREAKS_OUT)})
    return desk


def shelf(desk: Desk) -> tuple[Board, Shelf, View]:
    board = desk.board
    assert board is not None
    return board, Shelf(board, desk.session.dataset, desk.picture), settle(View(section="errors"), board)


def parts(desk: Desk) -> Callable[[str], Part]:
    return lambda _: Part(desk.session.dataset, desk.picture, explored=False)


def a_map(desk: Desk, **view: str) -> Html:
    subject, names = of_dataset(desk, 1), desk.session.class_names
    view_ = View(section="errors", options=("method.word:x%3Csvg%3E",), **view)
    target, against = subject.target(view_.explain)
    made = Attribution(
        np.ones((1, 4, 4), np.float32),
        target=np.array([target]),
        score="contrast",
        signed=True,
        method="method",
        params={},
        layer=BREAKS_OUT,
        image_size=(28, 28),
        against=np.array([against]),
        unit=BREAKS_OUT,
        details={BREAKS_OUT: np.ones(1)},
    )
    shown = ShownMap(kind=Method, attribution=made, scale=3.0, key=BREAKS_OUT)
    empty = replace(shown, attribution=replace(made, values=np.zeros((1, 4, 4), np.float32)))
    none = ShownMap(kind=Method, attribution=None, reason=BREAKS_OUT)

    def about(each: ShownMap) -> Html:
        return method_menu.about_html(desk, view_, each)

    return map_card.maps_html([shown, empty, none], subject, view_, names, about)


def the_diagnosis(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Html:
    found = Diagnosis(
        findings=(Diagnosed(rank=1, finding=FINDING, analysis=BREAKS_OUT, params={}, also=((BREAKS_OUT, FINDING),)),),
        asked={"samples": RESULT},
        left_out={BREAKS_OUT: BREAKS_OUT},
        context={},
        quick=True,
    )
    monkeypatch.setattr("workbench.app.page.diagnosing.known_diagnosis", lambda *_, **__: found)
    return diagnosis_html(desk)


def a_scatter(desk: Desk, **view: object) -> Html:
    points = points_of(desk, RESULT)
    assert points is not None
    return scatter_html(desk, points, BREAKS_OUT, View(section="samples", **view))


PANES: dict[str, Callable[[Desk, pytest.MonkeyPatch], Html]] = {
    "problem": lambda desk, _: problem(f"`{BREAKS_OUT[:20]}` {BREAKS_OUT}"),
    "waiting": lambda desk, _: waiting(BREAKS_OUT, BREAKS_OUT, BREAKS_OUT),
    "paper": lambda desk, _: paper_link(f"{BREAKS_OUT} arXiv:1610.02391") + code(BREAKS_OUT) + breakable(BREAKS_OUT),
    "bar": lambda desk, _: bar_html(desk, View()),
    "cell": lambda desk, _: title_html(desk.session.class_names, 0, 1) + title_html(desk.session.class_names, 1, 1),
    "matrix": lambda desk, _: matrix_html(shelf(desk)[0], desk.session.class_names, shelf(desk)[2]),
    "gallery": lambda desk, _: gallery_html(shelf(desk)[1], shelf(desk)[2]),
    "image": lambda desk, _: detail.image_html(desk, replace(of_dataset(desk, 1), title=BREAKS_OUT)),
    "probabilities": lambda desk, _: detail.probabilities_html(of_dataset(desk, 1), desk.session.class_names, View()),
    "maps": lambda desk, _: a_map(desk, explain="difference"),
    "native map": lambda desk, _: a_map(desk, explain="difference", grid="native"),
    "methods": lambda desk, _: method_menu.menu_html(desk, View(methods=("method",))),
    "easel": lambda desk, _: easel.easel_html(desk, View(section="own", own="mine")),
    "examples": lambda desk, _: easel.examples_html(desk),
    "overview": lambda desk, monkeypatch: overview.side_html(desk) + the_diagnosis(desk, monkeypatch),
    "numbers": lambda desk, _: overview.overview_html(desk, View()),
    "findings": lambda desk, _: findings.findings_html([FINDING], parts(desk)),
    "tables": lambda desk, _: tables_html(RESULT, BREAKS_OUT, desk.part),
    "form": lambda desk, _: form.form_html(desk, Method, {"word": BREAKS_OUT}),
    "result": lambda desk, _: section.result_html(desk, RESULT, BREAKS_OUT, View(section="samples")),
    "section": lambda desk, _: section.section_html(desk, View(section="samples", params={"count": BREAKS_OUT})),
    "scatter": lambda desk, _: a_scatter(desk),
    "region": lambda desk, _: a_scatter(desk, region=(0.0, 0.0, 9.0, 9.0), colour="correct"),
    "badge": lambda desk, _: verdict.badge_html(VERDICT, Weights("known")) + join(verdict.failed_html(BREAKS_OUT)),
    "grounds": lambda desk, _: verdict.grounds_html(VERDICT, Weights("failed", BREAKS_OUT), BREAKS_OUT, contrast=True),
    "place": lambda desk, _: verdict.place_html(BREAKS_OUT, BREAKS_OUT),
}


@pytest.mark.parametrize("name", PANES)
def test_it_stays_text_in_every_pane(hostile, monkeypatch, parse, name):
    html = PANES[name](hostile, monkeypatch)
    page = parse(html)
    assert isinstance(html, Html)
    assert [tag for tag, _ in page.elements if tag == "svg"] == []
    assert [a for a in page.all("img") if not (a["src"] or "").startswith(("data:", "figure/"))] == []
    assert [name for _, attributes in page.elements for name in attributes if name.startswith("on")] == []
    assert "onload=" in str(html) or name == "numbers", "the pane shows the text that was planted"


def test_what_is_plain_is_escaped_however_it_is_put_in():
    bold = element("b", "x")
    for made in (bold + "<i>", join([bold, "<i>"]), Html("{}{}").format(bold, "<i>"), element("p", bold, "<i>")):
        assert isinstance(made, Html)
        assert "&lt;i&gt;" in made
        assert "<b>x</b>" in made
    assert "<i>" + bold == Html("&lt;i&gt;<b>x</b>")
    assert element("p", f"{bold}") == "<p>&lt;b&gt;x&lt;/b&gt;</p>"  # an f-string is plain text again
    assert element("p", "a", None, title=Html("<b>")) == '<p title="&lt;b&gt;">a</p>'
