"""Maps as they are drawn, from hand-made attributions."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from workbench.contracts import Attribution
from workbench.errors import WorkbenchError
from workbench.ui import maps
from workbench.ui.subject import Subject
from workbench.ui.view import View

NAMES = ("Coat", "Shirt", "Bag")


class Kind:
    title, unit, signed = "Hand <1>", "score", False

    @classmethod
    def summary(cls):
        return "Made by hand."

    @classmethod
    def needs_layer(cls):
        return True


class Signed(Kind):
    signed = True


def subject() -> Subject:
    return Subject("k", "Image", np.full((4, 4, 1), 9, np.uint8), np.array([0.6, 0.3, 0.1]), 0, 1)


def attribution(values, kind=Kind, score="logit", layer="conv") -> Attribution:
    array = np.asarray(values, np.float32)[None]
    return Attribution(array, np.array([0]), score, kind.signed, "hand", {}, layer, (4, 4))


def drawn(values, parse, kind=Kind, scale=None, **view):
    made = attribution(values, kind)
    largest = max(np.abs(made.values).max() if kind.signed else made.values.max(), 0)
    shown = maps.Shown(kind, made, float(largest if scale is None else scale))
    return parse(maps.maps_html([shown], subject(), View("errors", **view), NAMES))


def overlay(page):
    uri = page.all("img")[1]["src"]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


def test_a_layers_map_says_its_own_size_and_is_drawn_at_the_images(parse):
    page = drawn([[0, 1], [0, 3]], parse)
    assert "conv, 2×2 → 4×4" in page.text
    assert overlay(page).shape == (4, 4, 4)
    native = drawn([[0, 1], [0, 3]], parse, grid="native")
    assert "conv, 2×2 as it is" in native.text
    assert overlay(native).shape == (2, 2, 4)
    assert overlay(native)[..., 3].tolist() == [[0, 85], [0, 255]]


def test_the_bar_has_raw_numbers_and_their_unit(parse):
    assert "03logit" in drawn([[0, 1], [0, 3]], parse).text.replace(" ", "")
    assert "−3" in drawn([[0, 1], [0, -3]], parse, kind=Signed).text
    contrast = drawn([[0, 1], [0, -3]], parse, kind=Signed, explain="difference").text
    assert "← Shirt" in contrast
    assert "Coat →" in contrast
    shared = drawn([[0, 1], [0, 3]], parse, scale=6.0)
    assert "largest 3" in shared.text
    assert overlay(shared)[..., 3].max() < 255


def test_a_map_of_zeros_is_grey_and_says_so(parse):
    page = drawn([[0, -1], [0, 0]], parse)
    assert "no positive evidence" in page.text
    assert len(page.all("img")) == 1
    assert page.all("span", role="img")[0]["aria-label"] == "no positive evidence for Coat"


def test_a_method_that_fails_says_why_and_the_others_are_shown(parse, monkeypatch):
    def compute(desk, subject, method, classes, layer):
        if method == "bad":
            raise WorkbenchError("needs <a layer>")
        return attribution([[0, 1], [0, 3 + (classes == (1, None))]])

    monkeypatch.setattr(maps, "methods", lambda desk: {"bad": Kind, "good": Kind})
    monkeypatch.setattr(maps, "layer_of", lambda desk, view: None)
    monkeypatch.setattr(maps, "attribution", compute)
    found = maps.shown(None, subject(), View("errors", scale="shared"))
    assert [each.scale for each in found] == [0.0, 4.0]  # the true class's map is stronger
    page = parse(maps.maps_html(found, subject(), View("errors"), NAMES))
    assert "needs <a layer>" in page.text
    assert len(page.all("figure")) == 2


@pytest.mark.parametrize(("explain", "target"), [
    ("predicted", (0, None)), ("true", (1, None)), ("difference", (0, 1)), ("2", (2, None)),
])  # fmt: skip
def test_which_class_is_explained(explain, target):
    assert subject().target(explain) == target


def test_without_a_label_the_runner_up_is_contrasted():
    own = Subject("k", "Your image", np.zeros((4, 4, 1), np.uint8), np.array([0.2, 0.1, 0.7]), 2, None)
    assert own.target("difference") == (2, 0)
    assert own.target("true") == (2, None)
