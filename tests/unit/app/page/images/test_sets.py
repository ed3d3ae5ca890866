"""The address of a set opens exactly its images, in their order; what there is not is a sentence."""

from __future__ import annotations

import pandas as pd
import pytest

from workbench.app.page.images.found import find
from workbench.app.page.images.sets import NotAnswered, address_among, of_finding
from workbench.app.page.panes.figure import view_of
from workbench.app.page.view import read
from workbench.core.errors import WorkbenchError
from workbench.core.finding import Finding
from workbench.core.image_set import ImageSet
from workbench.core.params import Params
from workbench.core.result import Result
from workbench.diagnosis import registry
from workbench.session.analysis import Analysis
from workbench.session.spots import set_spot


class Choice(Params):
    top: int = 2
    words: tuple[str, ...] = ()


class Planted(Analysis[Choice]):
    """Does it have sets?"""

    Params = Choice

    def compute(self, session, params):
        first = Finding("nothing to see", evidence=())
        odd = Finding(f"odd {params.top}", evidence=(5, 2, 999, 7))
        learned = Finding("learned", evidence=(1,), part="train")
        sets = {"a / b?": ImageSet([7, 4], title="the last ones")}
        return Result(tables={"all": pd.DataFrame({"row": [1]})}, findings=(first, odd, learned), sets=sets)

    def draw(self, result):
        raise AssertionError("nobody asked for the figure")


@pytest.fixture
def session(desk, monkeypatch, tmp_path):
    desk.session.workspace = tmp_path / "said.workspace"
    monkeypatch.setattr(registry.ANALYSES, "all", lambda: {"planted": Planted})
    monkeypatch.setattr(Planted, "name", classmethod(lambda cls: "planted"))
    return desk.session


def rows_of(desk, **view):
    return find(desk, read({"section": "images", **view})).images.rows.tolist()


def test_a_finding_opens_whole_in_its_order_and_is_narrowed_and_sorted_within(desk, session):
    result = registry.compute(session, "planted", {"top": 3, "words": ["a b", "c&d"]})
    address = of_finding(result, result.findings[1])
    assert address == "finding/planted/1?top=3&words=a+b%2Cc%26d"
    assert rows_of(desk, set=address) == [5, 2, 7]
    assert rows_of(desk, set=address, where="correct:no") == [5, 2]
    assert rows_of(desk, set=address, sort="name") == [2, 5, 7]
    assert find(desk, read({"section": "images", "set": address, "where": "correct:no"})).source == "odd 3 · correct:no"
    params = {"top": 3, "words": ["a b", "c&d"]}
    assert address_among(session, "planted", params, result.findings[1]) == address
    assert address_among(session, "planted", {}, result.findings[1]) == ""


def test_a_place_of_a_figure_opens_its_images_whatever_it_is_called_and_can_be_narrowed(desk, session):
    result = registry.compute(session, "planted", {"top": 3})
    spot = set_spot(result, "a / b?", "last", query="name:*4", count=1, of=2)
    assert spot.title == "last: 1 of 2 images, 50.0 %"
    view = view_of(spot.address, result)
    assert view["set"] == "shown/planted/a%20%2F%20b%3F?top=3"
    assert rows_of(desk, set=view["set"]) == [7, 4]
    assert rows_of(desk, set=view["set"], where=view["where"]) == [4]
    assert find(desk, read(view)).source == "the last ones · name:*4"
    assert view_of(set_spot(result, "a / b?", "last").address, result) == {"section": "images", "set": view["set"]}


def test_a_set_of_an_answer_that_is_not_there_says_which_one(desk, session):
    with pytest.raises(NotAnswered, match="the answer of planted, which is not computed"):
        rows_of(desk, set="finding/planted/1?top=77")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("finding/planted/9", "There is no finding '9'."),
        ("finding/planted/x", "There is no finding 'x'."),
        ("finding/planed/0", "There is no analysis 'planed'. Did you mean 'planted'"),
        ("finding", "There is no analysis ''"),
        ("finding/planted/2", "These are training images: choose that part."),
        ("finding/planted/0?tops=3", "tops"),
        ("shown/planted/no such", "The figure of planted has no place that is called 'no such'."),
        ("saved/none", "There is no saved set 'none'"),
        ("near/taste/data/0", "There are no neighbours"),
        ("near/pixels/data/99", "There are no neighbours"),
        ("moon", "A set is a finding, a place of a figure, a saved set, rows, neighbours, or part of a comparison."),
    ],
)
def test_an_address_that_is_none_is_one_sentence(desk, session, address, said):
    registry.compute(session, "planted", {})
    with pytest.raises(WorkbenchError, match=said):
        rows_of(desk, set=address)


def test_rows_are_those_that_there_are_each_once(desk, session):
    assert rows_of(desk, set="rows/3,1,3,99,-1,x,²") == [3, 1]
