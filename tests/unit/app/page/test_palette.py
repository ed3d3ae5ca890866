"""Whatever has a name is found by it, the best first."""

import json
import threading
from dataclasses import replace

import numpy as np
import pytest

from tests.patience import PATIENCE
from tests.unit.app.page.conftest import EVIL
from workbench.app.page.application import create_app
from workbench.app.page.desk import Desk
from workbench.app.page.palette import MOST, hits, still_read
from workbench.diagnosis import registry


@pytest.fixture
def found(desk, tmp_path):
    """Return kind, title and view of each hit."""
    desk.session.workspace = tmp_path / "said.workspace"
    return lambda text: [(hit.kind, hit.title, dict(hit.query)) for hit in hits(desk, text)]


def test_without_a_text_there_are_the_pages_and_every_analysis_in_its_group(found):
    kinds = [(kind, query["section"]) for kind, _, query in found("")]
    sections = ("start", "errors", "images", "compare", "retrain", "own")
    assert kinds[:6] == [("Pages", name) for name in sections]
    listed = [(group, name) for group, members in registry.grouped().items() for name in members]
    assert kinds[6:] == listed


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("grad-cam", ("Analyses", "Grad-CAM maps", {"section": "grad-cam-maps"})),
        ("gradcam maps grad", None),
        ("CONFUSED", ("Analyses", "Most confused classes", {"section": "most-confused"})),
        ("reliance", ("Analyses", "Reliance on shortcuts", {"section": "reliance"})),
        ("cell-dossier", ("Analyses", "One class predicted as another", {"section": "cell-dossier"})),
        ("T-shirt", ("Classes", "T-shirt/top", {"section": "errors", "true": "0", "predicted": "any"})),
        ("onerror", ("Classes", EVIL, {"section": "errors", "true": "1", "predicted": "any"})),
        ("test/103", ("Images", "test/103", {"section": "images", "image": "3"})),
        ("  107 ", ("Images", "test/107", {"section": "images", "image": "7"})),
        ("your", ("Pages", "Your image", {"section": "own"})),
        ("confidence>0.9", ("Query", "confidence>0.9", {"section": "images", "where": "confidence>0.9"})),
        ("confidence>", None),
        ("nothing at all", None),
    ],
)
def test_the_best_comes_first(found, text, first):
    assert next(iter(found(text)), None) == first


def test_tags_and_saved_sets_are_found_and_lead_to_their_images(desk, found):
    images = desk.session.images
    images.where("correct:no").tag("to check")
    desk.session.workspace.save_set("check later", query="label:Bag", part="train")
    assert [hit for hit in found("check") if hit[0] in ("Tags", "Saved sets")] == [
        ("Saved sets", "check later", {"section": "images", "part": "train", "set": "saved/check later"}),
        ("Tags", "to check", {"section": "images", "where": 'tag:"to check"'}),
    ]
    assert len(images.where('tag:"to check"')) == 4


def test_a_whole_name_comes_before_one_that_begins_so_and_no_kind_fills_the_list(found):
    titles = [title for kind, title, _ in found("test/10") if kind == "Images"]
    assert titles == [f"test/10{n}" for n in range(8)]
    assert len([kind for kind, _, _ in found("a") if kind == "Analyses"]) == MOST


def test_an_image_has_its_picture_and_its_class(desk, found):
    (hit,) = hits(desk, "test/105")
    assert hit.note == EVIL if desk.session.dataset.labels[5] == 1 else "T-shirt/top"
    assert hit.picture.startswith("data:image/png;base64,")


def test_images_of_other_parts_are_read_for_their_names_and_it_says_so_until_they_are_there(desk, found, monkeypatch):
    monkeypatch.setattr("workbench.app.page.palette.PATIENCE", 0.0)
    go, data = threading.Event(), desk.session.dataset
    learned = replace(data, names=np.array([f"learned/{n} of them.png" for n in range(len(data))]))
    monkeypatch.setattr(type(desk.session), "other_parts", ("validation", "train"))
    monkeypatch.setattr(
        desk.session, "data_of", lambda name: learned if go.wait(PATIENCE) and name == "train" else None
    )
    assert still_read(desk, "l") == ""  # one letter is not enough to read anything
    said = "The validation images and training images are still being read; then they are found here too."
    assert still_read(desk, "learned/5") == said
    assert found("learned/5") == []
    go.set()
    for name in ("train", "validation"):
        assert desk.jobs.start(f"names-{name}", lambda: None, wait=PATIENCE).done.is_set()
    assert still_read(desk, "learned/5") == ""
    query = {"section": "images", "part": "train", "image": "5"}
    assert found("learned/5") == [("Images", "learned/5 of them.png", query)]
    assert hits(desk, "learned/5")[0].note == f"{data.class_names[data.labels[5]]}, training image"


def test_before_anything_is_open_analyses_are_found_all_the_same():
    desk = Desk(lambda: pytest.fail("opened"))
    assert [hit.title for hit in hits(desk, "calibration")] == ["Calibration"]


def test_it_is_asked_over_http_and_long_texts_are_cut(desk, tmp_path):
    from starlette.testclient import TestClient

    desk.session.workspace = tmp_path / "said.workspace"
    client = TestClient(create_app(desk, background=False), base_url="http://127.0.0.1")
    said = client.get("/find", params={"text": "onerror"}).json()["hits"]
    assert said[0]["href"] == "?section=errors&true=1&predicted=any"
    assert json.dumps(EVIL) in json.dumps(said[0]["title"])
    assert client.get("/find", params={"text": "x" * 5000}).json() == {"hits": [], "waits": ""}
    assert client.get("/find").status_code == 200
