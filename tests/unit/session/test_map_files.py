"""Maps of many images in a file: whole, stopped, gone on with."""

from __future__ import annotations

import json

import numpy as np
import pytest

from workbench.core.errors import WorkbenchError
from workbench.core.progress import reporting
from workbench.diagnosis.opening import open_session
from workbench.session import map_files
from workbench.session.map_files import stream_maps


@pytest.fixture(scope="module")
def session(tiny_run):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_RUNS", str(tiny_run.folder))
        session = open_session("tiny", data=tiny_run.data)
        session.probe.max_rows = 7  # eighty images are twelve batches
        yield session


class Stop(Exception):
    """Somebody pressed Ctrl-C."""


def stop_after(images):
    def listen(what, done, total):
        if what.startswith("Grad-CAM") and done >= images:
            raise Stop

    return listen


def test_all_maps_are_those_of_attribute(session, tmp_path):
    path = stream_maps(session, "grad-cam", tmp_path / "maps.npy", target="label", layer="conv2")
    maps = session.attribute("grad-cam", slice(None), target="label", layer="conv2")
    np.testing.assert_allclose(np.load(path), maps.values, atol=1e-6)
    note = json.loads(path.with_suffix(".json").read_text())
    assert (note["method"], note["params"], note["done"]) == ("grad-cam", {"layer": "conv2"}, 80)


def test_stopped_it_goes_on_where_it_was(session, tmp_path):
    path = tmp_path / "deep" / "maps.npy"
    with reporting(stop_after(30)), pytest.raises(Stop):
        stream_maps(session, "grad-cam", path)
    assert json.loads(path.with_suffix(".json").read_text())["done"] == 35
    assert np.load(path)[:35].any()
    assert not np.load(path)[35:].any()
    seen = []
    with reporting(lambda what, done, total: seen.append(done)):
        stream_maps(session, "grad-cam", path)
    assert min(seen) == 42
    np.testing.assert_allclose(np.load(path), session.attribute("grad-cam", slice(None)).values, atol=1e-6)
    with reporting(stop_after(0)):
        stream_maps(session, "grad-cam", path)  # all is there: nothing is computed


def test_details_and_contrasts_are_kept_too(session, tmp_path):
    how = {"contrast": ("label", 0), "steps": 3}
    path = stream_maps(session, "integrated-gradients", tmp_path / "ig", rows=range(20), **how)
    maps = session.attribute("integrated-gradients", range(20), **how)
    details = np.load(path.with_suffix(".details.npy"))
    np.testing.assert_allclose(details[:, 0], maps.details["completeness gap"], atol=1e-5)
    assert json.loads(path.with_suffix(".json").read_text())["details"] == ["completeness gap"]


def test_a_file_of_other_maps_is_left_alone(session, tmp_path):
    path = stream_maps(session, "grad-cam", tmp_path / "maps", rows=range(8))
    before = path.read_bytes()
    with pytest.raises(WorkbenchError, match=r"holds other maps: its params differ .* or overwrite it"):
        stream_maps(session, "grad-cam", path, rows=range(8), layer="conv1")
    with pytest.raises(WorkbenchError, match="holds other maps: its rows, which differ"):
        stream_maps(session, "grad-cam", path, rows=range(9))
    assert path.read_bytes() == before
    stream_maps(session, "grad-cam", path, rows=range(9), overwrite=True)
    assert len(np.load(path)) == 9
    foreign = tmp_path / "foreign.npy"
    np.save(foreign, np.zeros(3))
    with pytest.raises(WorkbenchError, match="was not written by the workbench"):
        stream_maps(session, "grad-cam", foreign)
    with pytest.raises(WorkbenchError, match="Did you mean 'grad-cam'"):
        stream_maps(session, "gradcam", tmp_path / "other")


@pytest.fixture
def stopped(session, tmp_path):
    """Integrated gradients of 80 images, of which 35 are there."""
    path = tmp_path / "maps.npy"

    def listen(what, done, total):
        if done >= 30 and total == 80:
            raise Stop

    with reporting(listen), pytest.raises(Stop):
        stream_maps(session, "integrated-gradients", path, steps=2)
    return path


def test_a_note_that_says_another_number_is_not_believed(session, stopped):
    """One flipped digit would leave images out, whose maps then are 0."""
    note = stopped.with_suffix(".json")
    text = note.read_text()
    done = json.loads(text)["done"]
    assert 30 <= done < 40
    note.write_text(text.replace(f'"done": {done}', '"done": 75'))
    with pytest.raises(
        WorkbenchError, match=r"maps\.json was changed since .* or else write maps\.npy anew \(--overwrite"
    ):
        stream_maps(session, "integrated-gradients", stopped, steps=2)
    record = json.loads(text)
    del record["checksum"]  # as an older version wrote it
    note.write_text(json.dumps({**record, "done": 81}))
    with pytest.raises(WorkbenchError, match="unreadable"):
        stream_maps(session, "integrated-gradients", stopped, steps=2)
    note.write_text(json.dumps(record))
    stream_maps(session, "integrated-gradients", stopped, steps=2)
    assert np.load(stopped).any(axis=(1, 2)).all()


@pytest.mark.parametrize("file", ["maps.npy", "maps.details.npy"])
@pytest.mark.parametrize("done", [35, 80])
def test_a_file_that_lost_its_end_is_neither_gone_on_with_nor_called_whole(session, stopped, file, done):
    if done == 80:
        stream_maps(session, "integrated-gradients", stopped, steps=2)
    path = stopped.with_name(file)
    content = path.read_bytes()
    for damaged in (content[:-1], content[:90], b"", content + b"\0", content.replace(b"(80,", b"(81,")):
        path.write_bytes(damaged)
        with pytest.raises(WorkbenchError, match=rf"{file} is damaged: .* Write it anew \(--overwrite\)"):
            stream_maps(session, "integrated-gradients", stopped, steps=2)


def test_killed_while_old_maps_are_overwritten_nothing_calls_the_rest_whole(session, tmp_path, monkeypatch):
    """The note of the old maps said that all are there, while their file was emptied already."""
    path = stream_maps(session, "grad-cam", tmp_path / "maps", layer="conv1")

    def killed(*_):
        raise Stop

    monkeypatch.setattr(map_files._Rows, "put", killed)
    with pytest.raises(Stop):
        stream_maps(session, "grad-cam", path, layer="conv2", overwrite=True)
    monkeypatch.undo()
    with pytest.raises(WorkbenchError, match="holds other maps"):
        stream_maps(session, "grad-cam", path, layer="conv1")
    stream_maps(session, "grad-cam", path, layer="conv2")
    maps = session.attribute("grad-cam", slice(None), layer="conv2")
    np.testing.assert_allclose(np.load(path), maps.values, atol=1e-6)
