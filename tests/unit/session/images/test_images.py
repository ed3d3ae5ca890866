"""Images are chosen, sorted, marked and written by a session, and what is not known yet is said."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.core.dataset import Dataset
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.finding import Finding
from workbench.core.image_set import ImageSet
from workbench.data.edits import read_edits
from workbench.data.saved_predictions import predictions_of
from workbench.diagnosis import registry
from workbench.diagnosis.opening import Session
from workbench.session.images.fields import NotComputed
from workbench.workspace.edit_note import EditNote
from workbench.workspace.identities import Identities
from workbench.workspace.workspace import Workspace

CLASSES = ("Coat", "Ankle boot", "<b>")


@pytest.fixture
def session(tmp_path, monkeypatch):
    """Twelve grey images, each darker than the one before; three of them are wrong."""
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    labels = np.arange(12) % 3
    predicted = labels.copy()
    predicted[[1, 5, 6]] = [0, 0, 2]
    sure = np.full((12, 3), 0.01)
    sure[np.arange(12), predicted] = np.linspace(0.5, 0.98, 12)
    pixels = np.repeat(np.linspace(250, 30, 12).astype(np.uint8), 36).reshape(12, 6, 6, 1)
    pixels[:, 2:4, 1:5] = 0
    frame = pd.DataFrame({"camera": pd.Categorical(["north", "south gate"] * 6), "Label": np.arange(12.0)})
    data = Dataset(
        pixels,
        labels,
        class_names=CLASSES,
        indices=np.arange(12),
        name="own/test",
        names=np.array([f"{'ab'[n % 2]}/{n}.png" for n in range(12)]),
        metadata=frame,
    )
    saved = predictions_of(sure / sure.sum(axis=1, keepdims=True), names=data.names)
    return Session(None, data, predictions=saved, workspace=tmp_path / "own.workspace")


def names(found):
    return found.names.tolist()


def test_what_is_found_is_in_order_and_can_be_narrowed(session):
    wrong = session.images.where("correct:no")
    assert isinstance(wrong, ImageSet) and wrong == (1, 5, 6)
    assert wrong.where("confidence>0.97") == (5, 6)
    assert wrong.where("confidence>0.97").query == "correct:no confidence>0.97"
    assert wrong.where("label:Coat or name:b/1.png").query == "correct:no (label:Coat or name:b/1.png)"
    assert session.images.where(wrong.where("label:Coat or name:b/1.png").query) == (1, 6)
    assert repr(wrong) == "3 images of own/test where correct:no"
    assert names(wrong[:2]) == ["b/1.png", "b/5.png"]


def test_they_are_sorted_by_any_field_and_what_has_none_comes_last(session):
    assert names(session.images.where("correct:no").sort("-confidence")) == ["a/6.png", "b/5.png", "b/1.png"]
    assert session.images.sort("brightness")[0] == 11 and session.images.sort("-brightness")[0] == 0
    session.images[3:5].tag("check")
    assert session.images.sort("tag")[:2] == (3, 4) and session.images.sort("-tag")[:2] == (3, 4)
    assert session.images.where("label:Coat").sort("camera").rows.tolist() == [0, 6, 3, 9]
    with pytest.raises(WorkbenchError, match=r"no field 'sureness'"):
        session.images.sort("sureness")


def test_metadata_is_asked_like_everything_else_also_where_a_name_is_taken(session):
    assert session.images.where('camera:"south gate" label:coat') == (3, 9)
    assert session.images.where("metadata.Label>9") == (10, 11)
    assert "metadata.Label" in session.images.fields and session.images.fields["camera"].group == "metadata"
    assert session.images.table["camera"].tolist()[:2] == ["north", "south gate"]


def test_what_an_analysis_would_have_to_be_asked_for_is_said_and_asked_on_request(session, monkeypatch):
    with pytest.raises(NotComputed, match=r"`copy_distance` is not computed yet: it is in the answer of near-dup"):
        session.images.where("copy_distance<1")
    asked = []
    compute = registry.compute
    monkeypatch.setattr(registry, "compute", lambda of, name, values=None: asked.append(name) or compute(of, name))
    plain = {"copy_distance": "near-duplicates", "triage": "triage", "label_issue": "label-issues"}
    assert {name: session.images.fields[name].group for name in plain} == plain
    monkeypatch.setattr(registry.analysis("triage"), "missing", lambda *_: None)
    result = wb.Result({"errors": pd.DataFrame({"row": [5, 1], "group": ["outlier", "model error"]})})
    monkeypatch.setattr(registry, "compute", lambda *_: result)
    monkeypatch.setattr(registry, "cached", lambda *_: result)
    assert session.images.where("triage:outlier", compute=True) == (5,)
    assert session.images.where('triage:""') == (0, 2, 3, 4, 6, 7, 8, 9, 10, 11)


def test_marks_are_kept_with_where_they_come_from_and_found_again(session, tmp_path):
    wrong = session.images.where("correct:no")
    assert wrong.tag("check") is wrong
    wrong[:1].note("blurred, says Ada").relabel("coat")
    wrong[2:].drop()
    assert session.images.where("tag:check -correction:drop") == (1, 5)
    assert session.images.where("note:blurred") == session.images.where("note:*") == (1,)
    assert session.images.where('correction:"relabel Coat"') == (1,)
    kept = EditNote(note="without the Strap", size=(4, 4), edits=read_edits([{"op": "rotate", "degrees": 3}]))
    session.workspace.keep_edit(Identities.of(session.dataset, [4]), kept)
    assert session.images.where("edits:strap") == session.images.where("edits:*") == (4,)
    assert session.images.where("edits:*").table["edits"].tolist() == ["without the Strap"]
    session.workspace.undo()
    assert session.images.where("edits:*") == ()
    table = session.images.where("tag:check").table
    assert table["correction"].fillna("").tolist() == ["relabel Coat", "", "drop"]
    first = session.workspace.log()[-1]
    assert (first.value, first.images, first.source) == ("check", 3, "correct:no")
    session.workspace.undo()
    assert session.images.where("correction:*") == (1,)
    wrong.clear().untag("check")
    assert session.images.where("tag:*") == ()
    with Workspace.open(tmp_path / "own.workspace") as again:
        assert again.notes_of([session.dataset.keys[1]]) == ["blurred, says Ada"]
    with pytest.raises(WorkbenchError, match="no class 'Boat'"):
        wrong.relabel("Boat")


def test_marks_follow_an_image_into_another_order_and_name(session):
    session.images[4:5].tag("mine")
    turned = session.dataset.subset(np.arange(12)[::-1])
    other = Session(
        None,
        turned,
        predictions=predictions_of(session.predictions.probabilities[::-1], names=turned.names),
        workspace=session.workspace,
    )
    assert other.images.where("tag:mine") == (7,)


def test_files_hold_names_values_and_marks(session, tmp_path):
    found = session.images.where("correct:no").tag("=check")
    rows = list(csv.DictReader(found.export(tmp_path / "a.csv").open()))
    assert [row["name"] for row in rows] == ["b/1.png", "b/5.png", "a/6.png"]
    assert [row["predicted"] for row in rows] == ["Coat", "Coat", "<b>"]
    assert [row["tag"] for row in rows] == ["'=check"] * 3  # nothing that a spreadsheet would run
    assert float(rows[0]["confidence"]) == pytest.approx(found.session.predictions.confidence[1])
    said = json.loads(found.export(tmp_path / "a.json").read_text())
    assert said["query"] == "correct:no" and said["images"][0]["name"] == "b/1.png"
    assert said["images"][0]["key"] == session.dataset.keys[1] and said["images"][0]["part"] == "test"
    lines = found.export(tmp_path / "a.jsonl").read_text().splitlines()
    assert [json.loads(line)["label"] for line in lines] == ["Ankle boot", "<b>", "Coat"]
    assert found.export(tmp_path / "a.txt").read_text() == "b/1.png\nb/5.png\na/6.png\n"
    assert found.export(tmp_path / "names", "paths").read_text() == "b/1.png\nb/5.png\na/6.png\n"
    with np.load(found.export(tmp_path / "a.npz")) as arrays:
        assert (arrays["images"] == session.dataset.images[[1, 5, 6]]).all()
        assert arrays["labels"].tolist() == [1, 2, 0]
    with pytest.raises(WorkbenchError, match="no format 'xls'"):
        found.export(tmp_path / "a.xls")


def test_a_notebook_shows_them_with_their_names_escaped(session):
    assert session.has_predictions
    names = session.dataset.names.astype("U40")
    names[1] = "<img src=x onerror=alert(1)>.png"
    session.dataset = replace(session.dataset, names=names)
    html = session.images.where("correct:no")._repr_html_()
    assert "<img src=x" not in html and "&lt;img src=x" in html
    assert "Ankle boot → Coat" in html and html.count("<figure") == 3
    assert len(html) < 300_000


def test_nothing_found_is_nothing_marked(session):
    none = session.images.where("name:nobody").tag("x").relabel(0)
    assert len(none) == 0 and none.table.empty and session.workspace.last == 0
    assert none.sort("name") == () and "0 images" in none.show()


def test_the_images_of_a_finding_are_a_set_too(session):
    found = session.images_of(Finding("Two.", evidence=ImageSet([6, 1])))
    assert found == (6, 1) and found.title == "Two."
    assert found.where("label:Coat") == (6,)
    assert session.images_of(ImageSet([3])) == (3,) and len(session.images_of("data")) == 12
    assert session.images_of("data").title == ""
    with pytest.raises(Unavailable, match="training images are not known"):
        session.images_of("train")


def test_a_set_is_saved_as_its_query_or_as_its_images_in_their_order(session):
    session.images.where("correct:no").save("errors")
    session.images.where("correct:no").sort("-confidence").save("worst")
    assert {name: (each.query, len(each.keys)) for name, each in session.workspace.sets().items()} == {
        "errors": ("correct:no", 0),
        "worst": ("", 3),
    }
    assert session.images.where("set:errors") == session.images.where("set:worst") == (1, 5, 6)
    assert session.images.saved("worst") == (6, 5, 1) and session.images.saved("Errors") == (1, 5, 6)
    assert session.images.where("set:errors -set:worst") == ()
    session.images[1:2].tag("seen")
    session.images.where("tag:seen").save("seen")
    session.images[7:8].tag("seen")
    assert session.images.where("set:seen") == (1, 7)  # a query finds what is there now
    with pytest.raises(WorkbenchError, match=r"no saved set 'wurst'. Did you mean 'worst'"):
        session.images.saved("wurst")


def test_a_saved_set_that_asks_for_sets_or_for_what_is_not_there_holds_nothing(session):
    session.workspace.save_set("itself", query="set:itself")
    session.workspace.save_set("elsewhere", query="humidity>3")
    session.workspace.save_set("trained", query="label:Coat", part="train")
    assert session.images.where("set:*") == ()
