"""The menu of methods, and what stands behind the name of one."""

from typing import Annotated, ClassVar

import pytest
from pydantic import Field

from tests.unit.app.page.conftest import EVIL
from workbench.app.page.maps import ShownMap
from workbench.app.page.panes import method_menu
from workbench.app.page.view import View
from workbench.core.params import Params


class Kind(Params):
    """What it shows."""

    name: ClassVar[str] = "one"
    title: ClassVar[str] = "One"
    use: ClassVar[str] = f"Good for {EVIL}."
    paper: ClassVar[str] = "arXiv:1610.02391, eq. 1"
    family: ClassVar[str] = "layer"

    steps: Annotated[int, Field(ge=2, le=9, description="how `many`")] = 5

    @classmethod
    def kin(cls):
        return cls.family

    @classmethod
    def summary(cls):
        return "What it shows."


def other(name, family, title="Other"):
    return type(name, (Kind,), {"name": name, "family": family, "title": title, "__annotations__": {}})


@pytest.fixture
def three(desk):
    kinds = {
        "one": (Kind, None),
        "two": (other("two", "gradient"), None),
        "three": (other("three", "control", EVIL), f"It needs <b> {EVIL}."),
        "four": (other("four", "of its own"), None),
    }
    desk.maps.put("methods", kinds)
    return desk


def test_every_method_is_listed_by_family_and_the_shown_ones_are_ticked(three, parse):
    page = parse(method_menu.menu_html(three, View(methods=("one", "two"))))
    heads = ("Class activation maps", "Gradients", "Control", "of its own")
    places = [page.text.index(head) for head in heads]
    assert places == sorted(places)
    assert "Perturbations" not in page.text  # a family without methods
    boxes = page.all("input", type="checkbox")
    assert [box["data-go"] for box in boxes] == [
        "methods=two",
        "methods=one",
        "methods=one%2Ctwo%2Cthree",
        "methods=one%2Ctwo%2Cfour",
    ]
    assert ["checked" in box for box in boxes] == [True, True, False, False]
    assert ["disabled" in box for box in boxes] == [False, False, True, False]


def test_what_does_not_apply_says_why_and_names_are_text(three, parse):
    page = parse(method_menu.menu_html(three, View(methods=("one",))))
    assert f"Not available: It needs <b> {EVIL}." in page.text
    assert page.all("img") == []
    assert len(page.all("a", href="https://arxiv.org/abs/1610.02391")) == 4
    assert "disabled" in page.all("input")[0]  # the last one cannot be taken away


def test_the_last_method_shown_can_not_be_hidden_and_a_form_offers_the_parameters(three, parse):
    view = View(options=("one.steps:7", "two.seed:1"))
    page = parse(
        method_menu.about_html(three, view, ShownMap(kind=Kind, attribution=None, reason="`steps`: too <many>."))
    )
    assert "What it shows." in page.text
    assert "too <many>" in page.text
    assert "how many" in page.text  # not in backticks
    form = page.all("form")[0]
    assert (form["data-options"], form["data-others"]) == ("one", "two.seed:1")
    field = page.all("input", name="steps")[0]
    assert (field["value"], field["data-default"], field["min"], field["max"]) == ("7", "5", "2", "9")


def test_every_discovered_method_has_a_known_family():
    from workbench.attribution.methods import explainers

    families = {name: kind.kin() for name, kind in explainers().items()}
    assert set(families.values()) == set(method_menu.FAMILIES)
    wanted = {
        "grad-cam": "layer",
        "guided-grad-cam": "gradient",
        "smooth-grad": "gradient",
        "rise": "perturbation",
        "occlusion": "perturbation",
        "lime": "perturbation",
        "kernel-shap": "perturbation",
        "random": "control",
    }
    assert {name: families[name] for name in wanted} == wanted
