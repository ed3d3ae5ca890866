"""What the grid asks, and what it is told: tiles, marks, undo, files; and what is refused."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

from tests.unit.app.page.conftest import EVIL
from workbench.app.page.application import create_app
from workbench.app.page.images.found import find
from workbench.app.page.view import read
from workbench.core.errors import WorkbenchError

TILES = "/images/tiles/{key}?first={first}&count={count}&box={box}"


@pytest.fixture
def client(desk, tmp_path):
    from starlette.testclient import TestClient

    desk.session.workspace = tmp_path / "said.workspace"
    return TestClient(create_app(desk, background=False), base_url="http://127.0.0.1")


def key_of(desk, **view):
    return find(desk, read({"section": "images", **view})).key


def test_tiles_come_in_the_order_of_the_view_with_what_is_said(client, desk):
    key = key_of(desk, where="correct:no", sort="-confidence")
    mark = {"key": key, "places": [[1, 2]], "action": "tag", "value": "check", "page": "p-1"}
    said = client.post("/images/mark", json=mark)
    assert said.status_code == 200, said.text
    assert said.json()["said"] == "Tagged 'check': 2 images."
    answer = client.get(f"/images/tiles/{key}?first=0&count=60&box=64").json()
    # The surest error first: confidences of the logits 6, 3, 2 and 1.
    assert [tile["row"] for tile in answer["tiles"]] == [5, 2, 3, 1]
    assert [tile.get("tags") for tile in answer["tiles"]] == [None, ["check"], ["check"], None]
    first = answer["tiles"][0]
    told = [first[name] for name in ("name", "label", "predicted", "wrong")]
    assert told == ["test/105", EVIL, "T-shirt/top", True]
    assert first["src"].startswith("data:image/png;base64,")
    assert answer["first"] == 0


def test_an_image_that_cannot_be_read_any_more_says_so_and_the_others_are_shown(client, desk, monkeypatch):
    def picture(row, box):
        if row == 3:
            raise WorkbenchError("three.png cannot be read.")
        return "data:image/png;base64,"

    monkeypatch.setattr(desk, "picture", picture)
    tiles = client.get(TILES.format(key=key_of(desk), first=0, count=8, box=64)).json()["tiles"]
    assert [tile.get("trouble") for tile in tiles] == [None] * 3 + ["three.png cannot be read."] + [None] * 4
    assert [bool(tile["src"]) for tile in tiles] == [True] * 3 + [False] + [True] * 4


def test_every_mark_is_noted_with_its_query_and_page_and_can_be_undone_there_alone(client, desk):
    key = key_of(desk, where="label:T-shirt/top")
    for action, value in (("relabel", EVIL), ("note", "odd <b>"), ("drop", ""), ("keep", ""), ("clear", "")):
        body = {"key": key, "places": [[0, 0]], "action": action, "value": value, "page": "p-1"}
        assert client.post("/images/mark", json=body).status_code == 200
    changes = desk.session.workspace.log()
    assert {(each.source, each.page) for each in changes} == {("label:T-shirt/top", "page p-1")}
    assert [each.action for each in changes] == ["clear", "keep", "drop", "note", "relabel"]
    assert client.post("/images/undo", json={"page": "p-2"}).status_code == 400
    assert client.post("/images/undo", json={"page": "p-1"}).json()["said"] == "Undone: clear, 1 image."
    assert desk.session.workspace.corrections()["correction"].tolist() == ["keep"]
    assert client.post("/images/undo", json={"page": "p-1", "redo": True}).json()["said"] == "Redone: clear, 1 image."


def test_two_pages_are_told_what_the_other_said_and_not_what_they_said_themselves(client, desk):
    key = key_of(desk)
    for page in ("p-1", "p-2"):
        body = {"key": key, "places": [[0, 7]], "action": "tag", "value": page, "page": page}
        assert client.post("/images/mark", json=body).status_code == 200
    told = client.get("/images/changes?since=0&page=p-1").json()
    assert told["last"] == 2
    assert len(told["said"]) == 1
    assert told["said"][0].endswith("tag 'p-2', 8 images")
    assert client.get("/images/changes?since=2&page=p-1").json() == {"last": 2, "said": []}


def test_files_hold_exactly_the_chosen_images(client, desk):
    key = key_of(desk, where="correct:no", sort="-confidence")
    ask = {"key": key, "places": [[0, 1], [3, 3]]}
    table = client.post("/images/export", json={**ask, "form": "csv"})
    assert table.headers["content-disposition"] == 'attachment; filename="images.csv"'
    assert [line.split(",")[0] for line in table.text.splitlines()] == ["name", "test/105", "test/102", "test/101"]
    told = json.loads(client.post("/images/export", json={**ask, "form": "json"}).text)
    assert [each["name"] for each in told["images"]] == ["test/105", "test/102", "test/101"]
    names = client.post("/images/export", json={**ask, "form": "paths"})
    assert names.text == "test/105\ntest/102\ntest/101\n"
    arrays = np.load(io.BytesIO(client.post("/images/export", json={**ask, "form": "npz"}).content), allow_pickle=False)
    np.testing.assert_array_equal(arrays["images"], desk.session.dataset.images[[5, 2, 1]])


def test_sets_are_saved_as_the_query_or_as_their_images(client, desk):
    whole = {"key": key_of(desk, where="correct:no"), "places": [[0, 3]], "action": "save-set", "page": "p"}
    assert client.post("/images/mark", json={**whole, "value": "errors"}).status_code == 200
    assert client.post("/images/mark", json={**whole, "places": [[1, 1]], "value": "one"}).status_code == 200
    saved = desk.session.workspace.sets()
    assert (saved["errors"].query, saved["errors"].keys) == ("correct:no", ())
    assert len(saved["one"].keys) == 1
    view = read({"section": "images", "set": "saved/one"})
    assert find(desk, view).images.rows.tolist() == [2]
    assert find(desk, read({"section": "images", "set": "saved/errors"})).images.rows.tolist() == [1, 2, 3, 5]


def test_the_address_of_chosen_images_opens_exactly_these(client, desk):
    key = key_of(desk, sort="-confidence")
    told = client.post("/images/set", json={"key": key, "places": [[0, 0], [2, 3]], "page": "p"}).json()
    rows = find(desk, read({"section": "images", "set": told["set"]})).images.rows.tolist()
    assert rows[0] == told["image"]
    assert rows == find(desk, read({"section": "images", "sort": "-confidence"})).images.rows[[0, 2, 3]].tolist()


@pytest.mark.parametrize(
    ("first", "count", "box", "status", "said"),
    [
        ("0", "201", "64", 400, "Ask for 1 to 200 images at a time. Got 201."),
        ("0", "999999999", "64", 400, "Ask for 1 to 200 images at a time."),
        ("0", "0", "64", 400, "Ask for 1 to 200 images"),
        ("9", "1", "64", 400, "The first image must be one of 8."),
        ("-1", "1", "64", 400, "`first` must be a whole number. Got '-1'."),
        ("1e9", "1", "64", 400, "`first` must be a whole number."),
        ("0", "1", "65", 400, "The size must be 64, 128, 256. Got 65."),
    ],
)
def test_a_range_that_is_none_is_one_sentence(client, desk, first, count, box, status, said):
    answer = client.get(TILES.format(key=key_of(desk), first=first, count=count, box=box))
    assert answer.status_code == status
    assert said in answer.json()["error"]


def test_what_was_never_found_is_not_there(client):
    answer = client.get(TILES.format(key="0" * 20, first=0, count=1, box=64))
    assert answer.status_code == 404
    assert answer.json()["error"] == "This list of images is not kept any more; show it again."


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"places": [[0, 8]]}, "`places` must be a list of [first, last], each from 0 to 7."),
        ({"places": [[3, 2]]}, "`places` must be a list"),
        ({"places": []}, "`places` must be a list"),
        ({"places": [[True, 2]]}, "`places` must be a list"),
        ({"places": "all"}, "`places` must be a list"),
        ({"action": "forget"}, "There is no action 'forget'."),
        ({"action": 3}, "There is no action '3'."),
        ({"action": "relabel", "value": "Cot"}, "There is no class 'Cot'."),
        ({"value": "a:b"}, "The name of a tag must have no comma"),
        ({"value": 3}, "`value` must be text."),
        ({"page": EVIL}, "`page` must be a name"),
        ({"action": "save-set", "value": " "}, "A set needs a name."),
    ],
)
def test_a_mark_that_is_none_is_one_sentence_and_changes_nothing(client, desk, change, said):
    body = {"key": key_of(desk), "places": [[0, 1]], "action": "tag", "value": "check", "page": "p-1", **change}
    answer = client.post("/images/mark", json=body)
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert desk.session.workspace.last == 0


@pytest.mark.parametrize("path", ["/images/mark", "/images/undo", "/images/export", "/images/set"])
def test_another_website_and_what_is_no_json_are_refused(client, desk, path):
    body = {"key": key_of(desk), "places": [[0, 1]], "action": "tag", "value": "x", "page": "p", "form": "csv"}
    assert client.post(path, json=body, headers={"origin": "http://evil.example"}).status_code == 403
    assert client.post(path, json=body, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert client.post(path, data={"key": "x"}).status_code == 415
    twice = {"content": b'{"key": 1, "key": 2}', "headers": {"content-type": "application/json"}}
    assert client.post(path, **twice).status_code == 400
    assert client.post(path, json=[1]).status_code == 400
    assert client.get(path).status_code == 405
    assert desk.session.workspace.last == 0


@pytest.mark.parametrize("form", ["exe", None, 1, ["csv"], {"csv": 1}])
def test_an_export_in_no_format_is_refused(client, desk, form):
    answer = client.post("/images/export", json={"key": key_of(desk), "places": [[0, 1]], "form": form})
    assert answer.status_code == 400
    assert f"There is no format {str(form)!r}" in answer.json()["error"]
