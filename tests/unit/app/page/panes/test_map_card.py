"""Maps as they are drawn, from hand-made attributions."""

import base64
import io

import numpy as np
from PIL import Image

from workbench.app.markup import Html
from workbench.app.page.maps import ShownMap
from workbench.app.page.panes.map_card import maps_html
from workbench.app.page.subject import Subject
from workbench.app.page.view import View
from workbench.core.attribution import Attribution

NAMES = ("Coat", "Shirt", "Bag")


class Kind:
    name, title, unit, signed = "hand", "Hand <1>", "score", False
    use, paper = "Good for tests; not for <b>.", "arXiv:1234.56789, eq. 1"

    @classmethod
    def summary(cls):
        return "Made by hand."


class Signed(Kind):
    signed = True


def drawn(values, parse, kind=Kind, scale=None, label=1, layer="outer/conv", details=None, **view):
    image = Subject(
        key="k",
        title="Image",
        pixels=np.full((4, 4, 1), 9, np.uint8),
        probabilities=np.array([0.6, 0.3, 0.1]),
        predicted=0,
        label=label,
    )
    view = View(section="errors", **{"explain": "predicted", **view})
    target, against = image.target(view.explain)
    array = np.asarray(values, np.float32)[None]
    score, unit = ("logit", "logit") if against is None else ("contrast", "logit difference")
    made = Attribution(
        array,
        target=np.array([target]),
        score=score,
        signed=kind.signed,
        method="hand",
        params={},
        layer=layer,
        image_size=(4, 4),
        against=None if against is None else np.array([against]),
        unit=unit,
        details=details or {},
    )
    largest = max(np.abs(made.values).max() if kind.signed else made.values.max(), 0)
    shown = ShownMap(kind=kind, attribution=made, scale=float(largest if scale is None else scale), key="abc")
    return parse(maps_html([shown], image, view, NAMES))


def overlay(page):
    uri = page.all("img")[1]["src"]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


def test_a_layers_map_says_its_own_size_and_is_drawn_at_the_images(parse):
    page = drawn([[0, 1], [0, 3]], parse)
    assert "conv, 2×2 → 4×4" in page.text
    assert page.all("p", class_="unit")[0]["title"] == "logit · outer/conv, 2×2 → 4×4"
    assert overlay(page).shape == (4, 4, 4)
    native = drawn([[0, 1], [0, 3]], parse, grid="native")
    assert "conv, 2×2 as it is" in native.text
    assert overlay(native).shape == (2, 2, 4)
    assert overlay(native)[..., 3].tolist() == [[0, 85], [0, 255]]


def test_the_bar_has_raw_numbers_and_their_unit(parse):
    assert "03logit" in drawn([[0, 1], [0, 3]], parse).text.replace(" ", "")
    assert "−3" in drawn([[0, 1], [0, -3]], parse, kind=Signed).text
    shared = drawn([[0, 1], [0, 3]], parse, scale=6.0)
    assert "largest 3" in shared.text
    assert overlay(shared)[..., 3].max() < 255


def test_a_contrast_has_the_classes_at_its_ends_in_their_colours(parse):
    page = drawn([[0, 1], [0, -3]], parse, kind=Signed, explain="difference", grid="native")
    assert "← Coat" in page.text
    assert "Shirt →" in page.text
    assert page.all("b", class_="rp")[0]["title"] == "Coat"  # predicted, where the map is negative
    assert page.all("b", class_="rt")[0]["title"] == "Shirt"
    negative, positive = overlay(page)[1, 1], overlay(page)[0, 1]
    assert negative[0] > 200 > negative[2]  # orange
    assert positive[1] > 200 > positive[0]  # teal
    right = drawn([[0, 1], [0, -3]], parse, kind=Signed, explain="difference", grid="native", label=0)
    assert [b["title"] for b in right.all("b", class_="rp")] == ["Coat"]
    assert right.all("b", class_="rt") == []
    assert overlay(right)[0, 1][0] > 200  # orange for the predicted class, which is the true one


def test_a_map_of_zeros_is_grey_and_says_so(parse):
    page = drawn([[0, -1], [0, 0]], parse)
    assert "no positive evidence" in page.text
    assert len(page.all("img")) == 1
    assert page.all("span", role="img")[0]["aria-label"] == "no positive evidence for Coat"


def test_what_the_pointer_asks_for_stands_at_the_map(parse):
    page = drawn([[0, 1, 2], [0, 3, 4]], parse)
    box = page.all("div", data_values="abc")[0]
    assert (box["data-grid"], box["data-pixels"], box["data-unit"], box["data-layer"]) == (
        "2,3",
        "4,4",
        "logit",
        "outer/conv",
    )
    assert box["tabindex"] == "0"
    assert page.all("div", data_verdict="abc") != []


def test_details_and_changed_parameters_stand_below(parse):
    gap = {"completeness gap": np.array([0.01234], np.float32)}
    page = drawn([[0.0] * 4] * 4, parse, kind=Signed, layer=None, details=gap, options=("hand.reference:mean",))
    assert page.all("p", class_="unit")[0]["title"] == "logit · completeness gap 0.0123 · reference mean"


def test_use_and_paper_stand_with_every_map_also_where_there_is_none(parse):
    view, image = (
        View(section="errors"),
        Subject(
            key="k",
            title="I",
            pixels=np.zeros((4, 4, 1), np.uint8),
            probabilities=np.array([0.6, 0.4]),
            predicted=0,
            label=1,
        ),
    )
    page = parse(
        maps_html(
            [ShownMap(kind=Kind, attribution=None, reason="needs <a layer>")],
            image,
            view,
            NAMES,
            lambda each: Html("<i>form</i>"),
        )
    )
    assert "needs <a layer>" in page.text
    assert "Good for tests; not for <b>. arXiv:1234.56789" in page.text
    assert page.all("a", href="https://arxiv.org/abs/1234.56789", target="_blank", rel="noopener noreferrer") != []
    assert page.all("button", popovertarget="about-hand") != []
    assert page.all("div", id="about-hand") != []
    assert page.all("div", data_verdict="") == []
