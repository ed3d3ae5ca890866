"""Which maps are shown, and on which scale."""

from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

from tests.advised import made_advice, made_method
from workbench.app.page import maps
from workbench.app.page.method_options import options_of
from workbench.app.page.subject import Subject
from workbench.app.page.view import View
from workbench.core.attribution import Attribution
from workbench.core.errors import WorkbenchError
from workbench.core.params import Params


class Kind(Params):
    """Made by hand."""

    name: ClassVar[str] = "hand"
    signed: ClassVar[bool] = False

    steps: int = 3

    @classmethod
    def needs_layer(cls):
        return False


def subject(label=1) -> Subject:
    return Subject(
        key="k",
        title="Image",
        pixels=np.full((4, 4, 1), 9, np.uint8),
        probabilities=np.array([0.6, 0.3, 0.1]),
        predicted=0,
        label=label,
    )


def attribution(values) -> Attribution:
    return Attribution(
        np.asarray(values, np.float32)[None],
        target=np.array([0]),
        score="logit",
        signed=False,
        method="hand",
        params={},
        layer=None,
        image_size=(4, 4),
    )


@pytest.fixture
def made(desk, monkeypatch):
    """Map of each class: its number + 1 where it is largest, and 10 for a contrast."""
    asked = []

    def compute(desk, subject, method, classes):
        asked.append((type(method).name, classes, method.steps))
        if type(method).name == "bad":
            raise WorkbenchError("needs <a layer>")
        return attribution([[0, 10 if classes[1] is not None else classes[0] + 1]])

    class Bad(Kind):
        name: ClassVar[str] = "bad"

    monkeypatch.setattr(maps, "attribution", compute)
    monkeypatch.setattr(maps, "layer_of", lambda desk, view: None)
    desk.maps.put("methods", {"bad": (Bad, None), "hand": (Kind, None), "other": (Kind, "not for this model")})
    return asked


def test_a_method_that_fails_says_why_and_the_others_are_shown(desk, made):
    found = maps.maps_of(desk, subject(), View(section="errors", methods=("bad", "hand", "other")))
    assert [(each.reason, each.attribution is None) for each in found] == [("needs <a layer>", True), ("", False)]
    assert desk.judges.cases.get(found[1].key).attribution is found[1].attribution


@pytest.mark.parametrize("explain", ["predicted", "true", "difference"])
def test_a_shared_scale_is_one_for_both_classes_and_their_difference(desk, made, explain):
    view = View(section="errors", methods=("hand",), explain=explain)
    own = {"predicted": 1.0, "true": 2.0, "difference": 10.0}
    assert maps.maps_of(desk, subject(), view)[0].scale == own[explain]
    shared = View(section="errors", methods=("hand",), explain=explain, scale="shared")
    assert maps.maps_of(desk, subject(), shared)[0].scale == 10.0


def test_a_shared_scale_holds_a_third_class_too(desk, made):
    image = Subject(
        key="k",
        title="Image",
        pixels=np.zeros((4, 4, 1), np.uint8),
        probabilities=np.full(20, 0.05),
        predicted=0,
        label=1,
    )
    view = View(section="errors", methods=("hand",), explain="15", scale="shared")
    assert maps.maps_of(desk, image, view)[0].scale == 16.0


def test_parameters_of_the_view_reach_the_method_and_wrong_ones_are_a_sentence(desk, made):
    assert maps.maps_of(desk, subject(), View(section="errors", methods=("hand",), options=("hand.steps:7",)))[0].key
    assert made == [("hand", (1, 0), 7)]
    for entry, said in (("hand.steps:x", "`steps`"), ("hand.stops:1", "stops")):
        assert (
            said in maps.maps_of(desk, subject(), View(section="errors", methods=("hand",), options=(entry,)))[0].reason
        )


def test_of_a_layers_method_the_layer_of_the_view_counts_unless_it_has_its_own(desk, monkeypatch):
    class Layered(Kind):
        name: ClassVar[str] = "layered"
        layer: str | None = None

        @classmethod
        def needs_layer(cls):
            return True

    monkeypatch.setattr(maps, "layer_of", lambda *_: "conv2")
    assert maps.method_of(desk, View(section="errors"), Layered).layer == "conv2"
    assert maps.method_of(desk, View(section="errors", options=("layered.layer:conv%2F1",)), Layered).layer == "conv/1"
    assert maps.method_of(desk, View(section="errors"), Kind) == Kind()


def test_quick_methods_are_shown_first_as_far_as_they_apply(desk):
    names = ("a-new-one", "grad-cam", "input-x-gradient", "integrated-gradients", "occlusion", "saliency")
    desk.maps.put("methods", dict.fromkeys(names, (Kind, None)))
    assert maps.method_names(desk, View()) == ["grad-cam", "integrated-gradients", "saliency", "occlusion"]
    desk.maps.put("methods", {name: (Kind, "no layer" if name == "grad-cam" else None) for name in names})
    assert maps.method_names(desk, View()) == ["integrated-gradients", "saliency", "occlusion", "input-x-gradient"]
    assert maps.method_names(desk, View(methods=("grad-cam", "a-new-one"))) == ["a-new-one"]
    desk.maps.put("methods", {f"new-{k}": (Kind, None) for k in range(6)})
    assert maps.method_names(desk, View()) == ["new-0", "new-1", "new-2", "new-3"]


def test_what_is_shown_first_exists():
    from workbench.attribution.methods import explainers

    assert set(maps.QUICK) <= set(explainers())


@pytest.mark.parametrize(
    ("explain", "target"),
    [("", (1, 0)), ("predicted", (0, None)), ("true", (1, None)), ("difference", (1, 0)), ("2", (2, None))],
)
def test_of_an_error_the_true_class_against_the_predicted_one_comes_first(explain, target):
    assert subject().target(explain) == target


@pytest.mark.parametrize(("explain", "target"), [("", (0, None)), ("difference", (0, 1)), ("true", (0, None))])
def test_of_a_right_image_the_runner_up_is_contrasted(explain, target):
    assert subject(label=0).target(explain) == target


def test_without_a_label_the_runner_up_is_contrasted():
    own = Subject(
        key="k",
        title="Your image",
        pixels=np.zeros((4, 4, 1), np.uint8),
        probabilities=np.array([0.2, 0.1, 0.7]),
        predicted=2,
        label=None,
    )
    assert own.target("") == (2, None)
    assert own.target("difference") == (2, 0)
    assert own.target("true") == (2, None)


def test_advised_methods_come_first_with_their_parameters_until_somebody_chooses(desk, monkeypatch):
    there = dict.fromkeys(("grad-cam", "hsic", "saliency"), (Kind, None))
    desk.maps.put("methods", there)
    advice = made_advice(desk.session.model_fingerprint)
    monkeypatch.setattr(maps, "advice_of", lambda _: advice)
    view = maps.as_advised(desk, View(section="errors"))
    assert maps.method_names(desk, view) == ["saliency", "hsic"]
    assert options_of(view.options, "hsic") == {"masks": "250"}
    own = maps.as_advised(desk, View(section="errors", options=("hsic.masks:10",)))
    assert options_of(own.options, "hsic") == {"masks": "10"}
    chosen = View(section="errors", methods=("grad-cam",))
    assert maps.as_advised(desk, chosen) is chosen


def test_without_advice_or_where_its_methods_do_not_apply_all_is_as_ever(desk, monkeypatch):
    desk.maps.put("methods", {name: (Kind, "not here" if name == "saliency" else None) for name in maps.QUICK})
    view = View(section="errors")
    assert maps.as_advised(desk, view) is view
    monkeypatch.setattr(
        maps, "advice_of", lambda _: made_advice("0" * 16, made_method("saliency", "Saliency", "gradient"))
    )
    assert maps.as_advised(desk, view) is view


def test_a_layer_that_is_chosen_counts_more_than_the_advised_one(desk, monkeypatch):
    desk.maps.put("methods", {"grad-cam": (Kind, None)})
    advice = made_advice("0" * 16, made_method("grad-cam", "Grad-CAM", "layer", layer="conv 1"))
    monkeypatch.setattr(maps, "advice_of", lambda _: advice)
    assert options_of(maps.as_advised(desk, View()).options, "grad-cam") == {"layer": "conv 1"}
    assert maps.as_advised(desk, View(layer="conv2")).options == ()


def test_an_advised_layer_that_the_other_model_lacks_is_not_asked_of_it(desk):
    class Layered(Kind):
        name: ClassVar[str] = "grad-cam"
        layer: str | None = None

    view, other = View(options=("grad-cam.layer:conv9",)), SimpleNamespace(probe=SimpleNamespace(spatial_layers=["a"]))
    assert maps.method_of(desk, view, Layered).layer == "conv9"
    assert maps.method_of(desk, view, Layered, other).layer is None
    other.probe.spatial_layers.append("conv9")
    assert maps.method_of(desk, view, Layered, other).layer == "conv9"


def test_an_advised_method_whose_parameters_are_gone_is_not_shown_for_it(desk, monkeypatch):
    desk.maps.put("methods", dict.fromkeys(("saliency", "hsic"), (Kind, None)))
    gone = made_method("saliency", "Saliency", "gradient", smooth=3)
    advice = made_advice("0" * 16, gone, made_method("hsic", "HSIC", "perturbation"))
    monkeypatch.setattr(maps, "advice_of", lambda _: advice)
    assert maps.as_advised(desk, View()).methods == ("hsic",)
