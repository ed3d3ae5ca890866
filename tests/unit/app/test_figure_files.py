import errno
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from workbench.app import figure_files
from workbench.app.figure_files import write_figures
from workbench.app.markdown import markdown
from workbench.core.dataset import Dataset
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.predictions import Predictions
from workbench.core.result import Result
from workbench.diagnosis import registry
from workbench.session.session import Session

NAMES = ("<b>ant</b>", "be|e_[x](http://example.org)", "$c$")
LABELS = np.array([0, 0, 1, 1, 2, 2])


@pytest.fixture
def session(tmp_path):
    """Six images, of which row 1 is taken for the wrong class; the model file is never opened."""
    images = np.arange(6 * 4 * 4, dtype=np.uint8).reshape(6, 4, 4, 1)
    file = tmp_path / "model.keras"
    file.write_bytes(b"not opened")
    made = Session(
        file,
        Dataset(images, LABELS, class_names=NAMES, indices=np.arange(6), name="hand/test"),
        name="one",
        preprocessing="unit",
        cache=False,
    )
    logits = 3 * np.eye(3, dtype=np.float32)[[0, 1, 1, 1, 2, 2]]
    made._predictions = Predictions(logits, LABELS)
    return made


def test_its_json_and_the_gallery_name_images(session, tmp_path):
    names = np.array([f"own/<img src=x> {n}|'.png" for n in range(6)])
    session.dataset = replace(session.dataset, names=names, named=True)
    (written,) = write_figures(session, tmp_path / "figures", only=["top-losses"])
    record = json.loads(written.json.read_text())
    assert record["table"]["columns"][:2] == ["image", "true"]
    assert record["table"]["rows"][0][0] == names[1]  # the one that is wrong
    assert [each["images"] for each in record["findings"]] == [
        names[each["indices"]].tolist() for each in record["findings"]
    ]
    assert markdown(names[1]) in (tmp_path / "figures/index.md").read_text()


def test_a_figure_its_json_and_the_gallery(session, tmp_path):
    out = tmp_path / "deep" / "figures"
    (written,) = write_figures(session, out, only=["class-balance"])
    assert sorted(path.name for path in out.iterdir()) == ["class-balance.json", "class-balance.png", "index.md"]
    assert written.png.read_bytes().startswith(b"\x89PNG")
    assert (written.skipped, written.failed) == ("", "")
    record = json.loads(written.json.read_text())
    assert record["question"] == "Are the classes balanced?"
    assert record["params"] == {"serious": 5.0}
    assert record["context"]["images"] == 6
    assert record["context"]["model"] == session.model_fingerprint
    assert record["context"]["data"] == session.dataset.fingerprint
    assert record["findings"][0]["claim"] == "hand/test: all 3 classes have 2 images each."
    assert record["table"]["rows"][0] == [NAMES[0], 2, pytest.approx(1 / 3, abs=1e-6)]
    assert "matplotlib" in record["versions"]
    spots = [spot for spot in record["hot_spots"] if spot["title"] == f"{NAMES[0]}: 2 of 6 images, 33.3 %"]
    assert [len(session.images.where(spot["address"]["query"])) for spot in spots] == [2]
    assert record["context"]["seconds"] >= 0
    gallery = (out / "index.md").read_text()
    assert "# Figures of one" in gallery
    assert "## Are the classes balanced?" in gallery
    assert "![Are the classes balanced?](class-balance.png)" in gallery


def test_the_spots_of_a_figure_s_json_name_images_and_classes(session, tmp_path):
    (written,) = write_figures(session, tmp_path, only=["most-confused"])
    spots = json.loads(written.json.read_text())["hot_spots"]
    named = [spot["address"] for spot in spots]
    assert {"image": "test/1"} in named
    assert {"true": NAMES[0], "predicted": NAMES[1]} in named
    assert all(0 <= side <= 1 for spot in spots for side in spot["box"])


def test_class_names_are_text_in_the_gallery(session, tmp_path):
    write_figures(session, tmp_path / "out", only=["class-balance"])
    gallery = (tmp_path / "out" / "index.md").read_text()
    assert "<b>" not in gallery
    assert "| &lt;b&gt;ant&lt;/b&gt; |" in gallery
    assert r"be\|e\_\[x\](http&#58;//example.org)" in gallery
    assert r"\$c\$" in gallery


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a\nb", "a b"),
        ("1. one", "&#49;. one"),
        ("- a", "&#45; a"),
        ("# a", "&#35; a"),
        ("a `b` *c*", r"a \`b\` \*c\*"),
        ("@all", "&#64;all"),
        ("\x1b[31m", r"\[31m"),
        ("fine – text", "fine – text"),
    ],
)
def test_markdown_shows_text_as_it_is(text, written):
    assert markdown(text) == written


def test_what_is_missing_is_listed_with_its_reason(session, tmp_path):
    (written,) = write_figures(session, tmp_path / "out", only=["learning-curves"])
    assert "Learning curves need the history of a run." in written.skipped
    assert written.png is None
    gallery = (tmp_path / "out" / "index.md").read_text()
    assert "## Skipped" in gallery
    assert "- **learning-curves**: Learning curves need the history of a run." in gallery


def test_one_failing_analysis_does_not_stop_the_rest(session, tmp_path, monkeypatch):
    real = registry.compute

    def fail(session, name, values=None):
        if name == "per-class":
            raise ZeroDivisionError("planted")
        return real(session, name, values)

    monkeypatch.setattr(registry, "compute", fail)
    first, second = write_figures(session, tmp_path / "out", only=["per-class", "class-balance"])
    assert (first.name, first.failed) == ("class-balance", "")
    assert (second.name, second.failed, second.skipped) == ("per-class", "ZeroDivisionError: planted", "")
    assert "**per-class**: failed with ZeroDivisionError: planted" in (tmp_path / "out" / "index.md").read_text()


def test_limit_looks_at_the_first_images_only(session, tmp_path):
    (written,) = write_figures(session, tmp_path, only=["class-balance"], limit=3)
    record = json.loads(written.json.read_text())
    assert record["context"]["images"] == 3
    assert [row[1] for row in record["table"]["rows"]] == [2, 1, 0]
    assert write_figures(session, tmp_path, only=["class-balance"], limit=99)[0].png


def test_a_second_call_keeps_what_the_gallery_showed(session, tmp_path):
    write_figures(session, tmp_path, only=["class-balance"])
    write_figures(session, tmp_path, only=["per-class"])
    gallery = (tmp_path / "index.md").read_text()
    assert "(class-balance.png)" in gallery
    assert "(per-class.png)" in gallery
    write_figures(session, tmp_path, only=["per-class"], limit=4)  # other data: the older figure is not of them
    assert "(class-balance.png)" not in (tmp_path / "index.md").read_text()


def test_a_mistyped_name_is_refused_before_anything_is_written(session, tmp_path):
    with pytest.raises(WorkbenchError, match="Did you mean 'class-balance'"):
        write_figures(session, tmp_path / "out", only=["per-class", "clas-balance"])
    with pytest.raises(WorkbenchError, match="at least 1 image"):
        write_figures(session, tmp_path / "out", limit=0)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_takes_no_file_is_one_sentence(session, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Unavailable, match=r"cannot be written in .*file: File exists\. .*--out"):
        write_figures(session, tmp_path / "file", only=["class-balance"])


def test_a_full_disk_is_one_sentence_and_leaves_no_half_file(session, tmp_path, monkeypatch):
    def full(self, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(Unavailable, match=r"Cannot write to .*: No space left on device\. Free some space"):
        write_figures(session, tmp_path / "out", only=["class-balance"])
    assert not (tmp_path / "out").exists()


def test_progress_counts_the_analyses(session, tmp_path):
    told = []
    write_figures(session, tmp_path, only=["class-balance", "per-class"], progress=lambda *step: told.append(step))
    assert told == [("Figures", 0, 2), ("Figures", 1, 2), ("Figures", 2, 2)]


def test_json_lines_read_well_and_keep_every_character():
    record = {"a": {"b": [1, 2]}, "rows": [["[ x ]", 1], []], "empty": {}}
    written = figure_files._as_json(record)
    assert json.loads(written) == record
    assert '"b": [1, 2]' in written
    assert len(written.splitlines()) == 10


def test_a_place_of_a_scatter_names_some_of_its_images_and_counts_them():
    spot = {"title": "at this place", "address": {"rows": "4,1,3,0", "part": "train"}}
    named = figure_files._named(Result(), spot)
    assert named["address"] == {"part": "train", "images": ["row 4", "row 1", "row 3"], "count": 4}
    assert spot["address"]["rows"] == "4,1,3,0"
