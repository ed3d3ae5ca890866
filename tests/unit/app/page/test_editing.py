"""Changed images on the page: what is answered, kept, shown again; and what is refused."""

from __future__ import annotations

import base64
import re
from types import SimpleNamespace

import numpy as np
import pytest

from tests.unit.app.page.conftest import EVIL
from workbench.app.page.application import create_app
from workbench.app.page.desk import Desk
from workbench.app.page.page import Panes
from workbench.app.page.panes.changed import changed_html, prediction_words
from workbench.app.page.view import read
from workbench.session.edited_image import probabilities_of

ERASE = {"op": "erase", "box": [0, 0, 28, 28]}


def logits(images):
    """Class 0 by the brightness of the upper left pixel, class 2 by that of the lower right one."""
    images = np.asarray(images)
    return np.stack([9 * images[:, 0, 0, 0], np.full(len(images), 2.0), 9 * images[:, -1, -1, 0]], axis=1)


@pytest.fixture
def ready(desk, tmp_path, monkeypatch):
    """The desk with a model in place of its file."""
    monkeypatch.setattr(Desk, "_load", lambda *_: None)
    probe = SimpleNamespace(logits=logits, spatial_layers=["last"], impassable="")
    monkeypatch.setattr(desk.session._model, "_probe", probe)
    desk.session.workspace = tmp_path / "said.workspace"
    desk._warm = None
    return desk


@pytest.fixture
def ask(ready):
    from starlette.testclient import TestClient

    client = TestClient(create_app(ready, background=False), base_url="http://127.0.0.1")

    def asked(name, /, **sent):
        return client.post(f"/edits/{name}", json={"part": "data", "row": 5, **sent})

    asked.client = client
    return asked


def test_the_answer_has_the_changed_pixels_and_bars_before_and_after(ask, ready, parse):
    paint = {"op": "paint", "stroke": [[27, 27]], "value": 255}
    answer = ask("predict", edits=[paint, {"op": "move", "right": 0}])
    assert answer.status_code == 200, answer.text
    got = answer.json()
    expected = ready.session.dataset.images[5].copy()
    expected[27, 27] = 255
    assert base64.b64decode(got["pixels"]) == expected.tobytes()
    assert got["edits"] == [{"op": "paint", "stroke": [[27, 27]]}, {"op": "move"}]
    assert got["said"] == "2 changes: paint, move; 1 of 784 pixels differs (0.1 %)."
    # Row 5 is of the class with the hostile name, and was taken for the first one.
    assert got["verdict"] == "Predicted: Bag & 'case' instead of T-shirt/top."
    assert got["flipped"] is True
    bars = parse(got["bars"])
    assert [each.get("class") for each in bars.all("li")] == ["head", "was", "t", "p"]
    assert EVIL in bars.text and not bars.all("img")


def test_bars_stay_in_the_order_of_the_original_and_show_who_comes_and_goes(parse):
    before, after = np.full(20, 0.001), np.full(20, 0.001)
    before[[3, 7]], after[[11, 3]] = (0.6, 0.3), (0.7, 0.2)
    names = [f"({k})" for k in range(20)]
    page = parse(changed_html(names, 19, before, after))
    order = re.findall(r"\((\d+)\)", page.text)
    assert order[:2] == ["3", "7"] and {"11", "19"} <= set(order) and len(order) < 13
    assert [each["class"] for each in page.all("li") if each.get("class")] == ["head", "was", "p", "t"]
    assert "60.0 → 20.0" in page.text and "0.1 → 70.0" in page.text
    assert prediction_words(names, before, before) == "Predicted: (3), as before."


def test_a_change_is_kept_undone_and_shown_again_by_its_address(ask, ready, parse):
    kept = ask("keep", edits=[ERASE], note="dark <b>", page="p-1")
    assert kept.status_code == 200, kept.text
    assert kept.json()["said"] == "Kept: dark <b>."
    slot = kept.json()["slot"]
    panes = Panes(ready)
    # Its picture leads back to it, and the image can be changed anew; the model, which makes maps, is not there yet.
    page = parse(panes.detail({"section": "images", "image": "5"}))
    assert any(f"edit={slot}" in each.get("href", "") for each in page.all("a"))
    assert page.all("button", data_go="edit=1")
    ready.loading.run(lambda: None)
    for view in ({"section": "images"}, {"section": "errors"}):
        page = parse(panes.detail({**view, "image": "5", "edit": slot}))
        (canvas,) = [each for each in page.all("canvas") if "data-edited" in each]
        background = ready.session.dataset.images[5][0, 0, 0]
        assert set(base64.b64decode(canvas["data-pixels"])) == {background}
        (editor,) = page.all("section", class_="editor")
        assert (editor["data-part"], editor["data-row"], editor["data-slot"]) == ("data", "5", slot)
        assert '"op": "erase"' in editor["data-edits"]
        assert "dark <b>" in page.text and "no image of the data" in page.text
    assert "not there any more" in parse(panes.detail({"section": "images", "image": "4", "edit": slot})).text
    assert ask.client.post("/images/undo", json={"page": "p-1"}).json()["said"].startswith("Undone: edit")
    assert "not there any more" in parse(panes.detail({"section": "images", "image": "5", "edit": slot})).text
    ask.client.post("/images/undo", json={"page": "p-1", "redo": True})
    assert ask("forget", slot=slot, page="p-1").json()["said"] == "Note removed."
    assert ready.session.workspace.edits_of(str(ready.session.dataset.keys[5])) == []


def test_a_note_of_another_size_says_so(ask, ready, parse):
    from workbench.data.edits import read_edits
    from workbench.workspace.edit_note import EditNote
    from workbench.workspace.identities import Identities

    ready.loading.run(lambda: None)
    note = EditNote(note="", size=(64, 64), edits=read_edits([ERASE]))
    ready.session.workspace.keep_edit(Identities.of(ready.session.dataset, [5]), note)
    page = parse(Panes(ready).detail({"section": "images", "image": "5", "edit": note.slot}))
    assert "These changes were made to 64 × 64 pixels; the image has 28 × 28 here." in page.text


def test_the_search_says_how_far_it_is(ask, ready, monkeypatch):
    seen = []

    def watched(*given):
        seen.append(ask.client.get("/edits/flip/status", params={"part": "data", "row": 0}).json())
        return probabilities_of(*given)

    monkeypatch.setattr("workbench.session.smallest_flip.probabilities_of", watched)
    assert ask("flip", row=0).json()["found"]
    assert [state["done"] for state in seen] == [False] * len(seen)
    assert re.fullmatch(r"Trying changes: [\d,]+ of [\d,]+", seen[-1]["what"]) and 0 <= seen[-1]["share"] < 1
    after = ask.client.get("/edits/flip/status", params={"part": "data", "row": 0}).json()
    assert after["done"] and ask.client.get("/edits/flip/status", params={"row": "x"}).json()["done"]


def test_the_smallest_flip_and_the_image_of_swaps_are_told(ask, ready):
    found = ask("flip", row=0)
    assert found.status_code == 200, found.text
    assert found.json()["found"] == bool(found.json()["edits"])
    told = ask("source").json()
    assert told["source"] in ready.session.dataset.keys.tolist()
    assert told["said"].startswith("Regions come from test/")
    named = ask("source", of="Bag & 'case'").json()
    assert named["said"] == "Regions come from test/106, Bag & 'case'."


WRONG = [
    ("predict", {"edits": "x"}, 400, "Edits must be a JSON list"),
    ("predict", {}, 400, "Edits must be a list of objects. Got NoneType."),
    ("predict", {"edits": [{"op": "melt"}]}, 400, "There is no edit 'melt'."),
    ("predict", {"edits": [{"op": "move"}] * 101}, 400, "At most 100 edits make a list. Got 101."),
    ("predict", {"edits": [{"op": "erase", "stroke": [[10**9, 0]]}]}, 400, "`stroke` must be a list of"),
    ("predict", {"edits": [{"op": "paint", "box": [0, 0, 1, 1], "value": [1, 2, 3]}]}, 400, "`value` must have one"),
    ("predict", {"edits": [{"op": "swap", "box": [0, 0, 1, 1], "source": "0" * 32}]}, 400, "is not among these"),
    ("predict", {"edits": [], "row": 8}, 400, "`row` must be a whole number from 0 to 7."),
    ("predict", {"edits": [], "row": True}, 400, "`row` must be a whole number from 0 to 7."),
    ("predict", {"edits": [], "part": "../x"}, 400, "There is no part '../x'."),
    ("predict", {"edits": [], "part": "train"}, 400, "training images"),
    ("keep", {"edits": [], "page": "p"}, 400, "There is no change to keep"),
    ("keep", {"edits": [ERASE], "page": "<b>"}, 400, "`page` must be a name"),
    ("keep", {"edits": [ERASE], "page": "p", "note": "x" * 10_001}, 400, "at most 10,000 characters"),
    ("forget", {"slot": 5, "page": "p"}, 400, "`slot` must be text."),
    ("source", {"of": "Hat"}, 400, "There is no class 'Hat'"),
    ("melt", {}, 404, "There is no question 'melt'."),
]


def test_what_is_wrong_is_one_sentence_with_its_status(ask):
    for name, sent, status, said in WRONG:
        answer = ask(name, **sent)
        assert (answer.status_code, said in answer.json()["error"]) == (status, True), answer.text
        assert "\n" not in answer.json()["error"]


def test_numbers_that_are_none_are_refused_before_they_are_read(ask):
    body = '{"part": "data", "row": 1, "edits": [{"op": "rotate", "degrees": NaN}]}'
    answer = ask.client.post("/edits/predict", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]) == (400, "Numbers must be finite. Got NaN.")


def test_the_address_keeps_that_an_image_is_changed():
    view = read({"section": "images", "image": "3", "edit": "1"})
    assert view.query() == {"section": "images", "image": "3", "edit": "1"}
    assert read({"section": "errors", "image": "3", "edit": "../<b>"}).edit == ""
    assert "edit" not in read({"section": "own", "edit": "1"}).query()
