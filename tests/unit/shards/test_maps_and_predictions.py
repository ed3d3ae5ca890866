"""Maps and predictions by shards: what one process gives, to the bit."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest

from tests.tiny import HOSTILE, made_images
from workbench.core.errors import WorkbenchError
from workbench.core.locks import Taken, holding
from workbench.core.progress import reporting
from workbench.diagnosis.opening import open_session
from workbench.session.map_files import stream_maps
from workbench.shards import maps, opening, plan, predictions
from workbench.shards.crew import Here
from workbench.shards.local import Local
from workbench.shards.maps import stream_by_shards
from workbench.shards.opening import known_of
from workbench.shards.predictions import predict
from workbench.shards.store import Store


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Six hundred made images."""
    path = tmp_path_factory.mktemp("many") / "many.npz"
    images, labels = made_images(600, 5)
    np.savez(path, x_test=images, y_test=labels, class_names=np.array(HOSTILE))
    return path


@pytest.fixture
def opener(tiny_run, many, monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBENCH_RUNS", str(tiny_run.folder))
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(plan, "IMAGES", 256)
    monkeypatch.setattr(opening, "_opened", type(opening._opened)(2))
    return partial(open_session, str(tiny_run.model), model=tiny_run.model, data=many)


def one_process(opener, tmp_path, method, **how):
    """Return the maps and details that one process writes."""
    path = stream_maps(opener(), method, tmp_path / "one.npy", **how)
    details = path.with_suffix(".details.npy")
    return np.load(path), np.load(details) if details.exists() else None


@pytest.mark.parametrize(
    ("method", "how"),
    [
        ("grad-cam", {}),
        ("integrated-gradients", {"steps": 3, "rows": range(590, 0, -1), "contrast": ("label", "predicted")}),
        ("occlusion", {"rows": slice(300), "target": "label"}),
    ],
)
def test_maps_by_shards_are_those_of_one_process_to_the_bit(opener, tmp_path, method, how):
    with Here() as crew:
        path, without = stream_by_shards(opener(), opener, crew, method, tmp_path / "shards", **how)
    maps, details = one_process(opener, tmp_path, method, **how)
    assert without == {}
    np.testing.assert_array_equal(np.load(path), maps)
    if details is not None:
        np.testing.assert_array_equal(np.load(path.with_suffix(".details.npy")), details)
    for kind in (".json", ".names.json"):
        assert json.loads(path.with_suffix(kind).read_text()) == json.loads(
            (tmp_path / "one.npy").with_suffix(kind).read_text()
        )
    assert [each.name for each in tmp_path.glob(".*")] == []  # no shards are left


def test_either_goes_on_with_what_the_other_one_began(opener, tmp_path):
    def stop(what, done, total):
        if what.startswith("Grad-CAM to") and done >= 300:
            raise Stop

    with reporting(stop), pytest.raises(Stop):
        stream_maps(opener(), "grad-cam", tmp_path / "maps")
    done = json.loads((tmp_path / "maps.json").read_text())["done"]
    assert 300 <= done < 600
    with Here() as crew:
        path, _ = stream_by_shards(opener(), opener, crew, "grad-cam", tmp_path / "maps")
    np.testing.assert_array_equal(np.load(path), one_process(opener, tmp_path, "grad-cam")[0])
    with Here() as crew, pytest.raises(WorkbenchError, match=r"holds other maps: its params differ"):
        stream_by_shards(opener(), opener, crew, "grad-cam", path, layer="conv1")


@pytest.mark.parametrize("ask", ["predict", "maps"])
@pytest.mark.parametrize("changed", ["model", "data", "code", "versions"])
def test_a_worker_that_has_something_else_before_it_is_not_believed(opener, tmp_path, monkeypatch, ask, changed):
    session = opener()

    def known(of):
        return {**known_of(of), changed: "of old"} if of is session else known_of(of)

    for module in (predictions, maps):
        monkeypatch.setattr(module, "known_of", known)

    def work(crew):
        if ask == "predict":
            predict(session, opener, crew)
        else:
            stream_by_shards(session, opener, crew, "saliency", tmp_path / "maps", target="label")

    with Here() as crew, pytest.raises(WorkbenchError, match=f"A worker has another {changed} than this process"):
        work(crew)
    assert not (tmp_path / "maps.npy").exists() and not opener().has_predictions


def test_a_worker_with_an_older_copy_of_the_data_is_not_believed(opener, tmp_path, many):
    other = tmp_path / "older.npz"
    images, labels = made_images(600, 6)
    np.savez(other, x_test=images, y_test=labels, class_names=np.array(HOSTILE))
    older = partial(opener.func, *opener.args, **{**opener.keywords, "data": other})
    with Here() as crew, pytest.raises(WorkbenchError, match="A worker has another data than this process"):
        predict(opener(), older, crew)


@pytest.mark.slow
def test_local_processes_give_the_same_maps_and_predictions(opener, tmp_path):
    session = opener()
    with Local(2) as crew:
        predicted, without = predict(session, opener, crew)
        path, _ = stream_by_shards(opener(), opener, crew, "saliency", tmp_path / "shards")
    assert without == {}
    assert predicted is session
    np.testing.assert_array_equal(np.load(path), one_process(opener, tmp_path, "saliency")[0])
    alone = open_session(str(opener.args[0]), **opener.keywords)
    alone.cache = False
    np.testing.assert_array_equal(predicted.predictions.logits, alone.predictions.logits)
    np.testing.assert_array_equal(predicted.embeddings, alone.embeddings)
    assert opener().has_embeddings  # they are kept for whoever asks next


@contextmanager
def broken(session, rows):
    """Have images of a session's data that cannot be read."""
    from workbench.core.dataset import Dataset
    from workbench.data.lazy_images import Some

    floats, some = Dataset.floats, Some.__getitem__
    bad = {each.tobytes() for each in np.asarray(session.dataset.images)[rows]}
    session.settled or session.probe  # noqa: B018 - its scale is measured on some images, before they are broken

    def refuse(images):
        if any(each.tobytes() in bad for each in images):
            raise WorkbenchError("its file is cut off")

    def read(self, rows=slice(None)):
        refuse(np.asarray(self.images)[rows])
        return floats(self, rows)

    def read_some(self, part):
        found = some(self, part)
        refuse(found)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Dataset, "floats", read)
        patch.setattr(Some, "__getitem__", read_some)
        yield


@pytest.mark.parametrize("row", [0, 301, 599])
def test_an_unreadable_image_has_no_map_and_no_prediction_and_is_named(opener, tmp_path, row):
    session = opener()
    with broken(session, [row]), Here() as crew:
        predicted, without = predict(session, opener, crew)
        path, left_out = stream_by_shards(opener(), opener, crew, "saliency", tmp_path / "maps")
    assert without == {row: "its file is cut off"}
    assert left_out == {f"test/{row}": "its file is cut off"}
    assert json.loads((tmp_path / "maps.left-out.json").read_text()) == left_out
    assert len(predicted.predictions) == 599
    maps = np.load(path)
    assert np.isnan(maps[row]).all()
    assert np.isfinite(np.delete(maps, row, axis=0)).all()


def test_shards_are_removed_before_another_process_can_begin_with_the_file(opener, tmp_path, monkeypatch):
    path, remove, removed = tmp_path / "maps.npy", Store.remove, []

    def see(store):
        if store.folder.name == ".maps.npy.shards":
            with pytest.raises(Taken), holding(path, "The file"):
                pass
            removed.append(store.folder)
        remove(store)

    monkeypatch.setattr(Store, "remove", see)
    with Here() as crew:
        stream_by_shards(opener(), opener, crew, "saliency", path, rows=slice(9), target="label")
    assert removed == [tmp_path / ".maps.npy.shards"]


class Stop(Exception):
    pass


def begin(opener, path, images):
    """Write maps of so many images, or a few more, and stop."""

    def stop(what, done, total):
        if " to maps.npy" in what and done >= images:
            raise Stop

    with reporting(stop), Here() as crew, pytest.raises(Stop):
        stream_by_shards(opener(), opener, crew, "saliency", path, target="label")


def test_who_has_no_map_is_named_as_long_as_it_has_none(opener, tmp_path):
    path, why = tmp_path / "maps.npy", {"test/5": "its file is cut off"}
    with broken(opener(), [5]):
        begin(opener, path, 1)
    assert json.loads((tmp_path / "maps.left-out.json").read_text()) == why
    with Here() as crew:
        for again in range(2):  # the second time nothing is to do
            (tmp_path / ".maps.npy.shards").mkdir(exist_ok=True)
            assert stream_by_shards(opener(), opener, crew, "saliency", path, target="label")[1] == why, again
            assert json.loads((tmp_path / "maps.left-out.json").read_text()) == why
            assert [each.name for each in tmp_path.glob(".*")] == []
        assert np.flatnonzero(np.isnan(np.load(path)).any(axis=(1, 2))).tolist() == [5]
        found = stream_by_shards(opener(), opener, crew, "saliency", path, target="label", overwrite=True)[1]
    assert found == {} and not (tmp_path / "maps.left-out.json").exists()
    assert np.isfinite(np.load(path)).all()


def test_one_process_that_writes_maps_anew_names_nobody_of_old(opener, tmp_path):
    with broken(opener(), [5]), Here() as crew:
        path, _ = stream_by_shards(opener(), opener, crew, "saliency", tmp_path / "maps", target="label")
    stream_maps(opener(), "saliency", path, target="label", overwrite=True)
    assert not (tmp_path / "maps.left-out.json").exists()


def test_what_is_left_may_be_unreadable_altogether(opener, tmp_path):
    path = tmp_path / "maps.npy"
    begin(opener, path, 512)
    shutil.rmtree(tmp_path / ".maps.npy.shards")
    with broken(opener(), slice(512, None)), Here() as crew:
        _, without = stream_by_shards(opener(), opener, crew, "saliency", path, target="label")
    assert without == {f"test/{row}": "its file is cut off" for row in range(512, 600)}
    assert np.flatnonzero(np.isnan(np.load(path)).any(axis=(1, 2))).tolist() == list(range(512, 600))


def test_an_image_that_is_asked_for_twice_and_has_no_prediction_is_not_explained_twice(opener, tmp_path):
    with broken(opener(), [5]), Here() as crew:
        path, without = stream_by_shards(opener(), opener, crew, "saliency", tmp_path / "maps", rows=[5, 4, 5, 6])
    assert without == {"test/5": "its file is cut off"}
    assert np.isnan(np.load(path)).any(axis=(1, 2)).tolist() == [True, False, True, False]


def test_no_image_is_refused_in_a_sentence(opener, tmp_path):
    with Here() as crew, pytest.raises(WorkbenchError, match="There is no image to explain: `rows` chooses none"):
        stream_by_shards(opener(), opener, crew, "saliency", tmp_path / "maps", rows=[])
