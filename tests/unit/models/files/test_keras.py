import json
import zipfile

import keras
import numpy as np
import pytest

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.models.files.keras import load_model


@pytest.fixture
def small():
    return keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])


@keras.saving.register_keras_serializable(package="elsewhere")
class Doubled(keras.layers.Layer):
    def call(self, inputs):
        return 2 * inputs


def rewritten(path, name, change):
    """Write the zip again with one member changed."""
    with zipfile.ZipFile(path) as archive:
        parts = {part: archive.read(part) for part in archive.namelist()}
    parts[name] = change(parts[name])
    with zipfile.ZipFile(path, "w") as archive:
        for part, content in parts.items():
            if content is not None:
                archive.writestr(part, content)


def test_round_trip_without_optimizer(tmp_path, small):
    small.compile("adam", "mse")
    small.save(tmp_path / "m.keras")
    loaded = load_model(tmp_path / "m.keras")
    images = np.random.default_rng(0).random((3, 4, 4, 1), np.float32)
    np.testing.assert_allclose(loaded(images), small(images), atol=1e-6)
    assert not loaded.compiled


def test_an_unknown_loss_or_optimizer_does_not_matter(tmp_path, small):
    small.compile("adam", "mse")
    path = tmp_path / "m.keras"
    small.save(path)

    def change(content):
        config = json.loads(content)
        config["compile_config"]["optimizer"] = {"class_name": "Mine", "module": "mine", "registered_name": "Mine"}
        return json.dumps(config)

    rewritten(path, "config.json", change)
    assert load_model(path).count_params() == 34


@pytest.mark.parametrize("nested", [False, True])
def test_lambda_is_refused_before_anything_runs(tmp_path, nested):
    layer = keras.layers.Lambda(lambda images: images * 2, name="twice")
    inner = keras.Sequential([keras.Input((4, 4, 1)), layer, keras.layers.Flatten()])
    model = keras.Sequential([keras.Input((4, 4, 1)), inner, keras.layers.Dense(2)]) if nested else inner
    model.save(tmp_path / "m.keras")
    with pytest.raises(WorkbenchError, match=r"m.keras has a Lambda layer \('twice'\).*refused") as caught:
        load_model(tmp_path / "m.keras")
    assert "\n" not in str(caught.value)


def test_custom_class_is_named_and_may_be_registered(tmp_path):
    model = keras.Sequential([keras.Input((4, 4, 1)), Doubled(), keras.layers.Flatten()])
    model.save(tmp_path / "m.keras")
    assert load_model(tmp_path / "m.keras").layers[0].__class__ is Doubled
    rewritten(
        tmp_path / "m.keras", "config.json", lambda content: content.replace(b"elsewhere>Doubled", b"foreign>Doubled")
    )
    with pytest.raises(WorkbenchError, match=r"m.keras needs the custom class 'foreign>Doubled'"):
        load_model(tmp_path / "m.keras")


def test_a_module_that_was_planted_is_not_imported(tmp_path, small, monkeypatch):
    (tmp_path / "planted.py").write_text("raise SystemExit('code of the file ran')")
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / "m.keras"
    small.save(path)

    def change(content):
        config = json.loads(content)
        config["config"]["layers"].append(
            {"class_name": "X", "module": "planted", "config": {}, "registered_name": None}
        )
        return json.dumps(config)

    rewritten(path, "config.json", change)
    with pytest.raises(WorkbenchError, match="custom class 'X'"):
        load_model(path)


def test_missing_offers_the_nearest(tmp_path, small):
    small.save(tmp_path / "model.keras")
    with pytest.raises(Unavailable, match=r"There is no model file 'modle.keras'. Did you mean 'model.keras'"):
        load_model(tmp_path / "modle.keras")
    with pytest.raises(Unavailable, match="none to choose from"):
        load_model(tmp_path / "no" / "model.keras")
    with pytest.raises(WorkbenchError, match="is a folder"):
        load_model(tmp_path)


def test_foreign_and_damaged_files(tmp_path, small):
    path = tmp_path / "m.keras"
    small.save(path)
    whole = path.read_bytes()

    def refused(words, content):
        path.write_bytes(content)
        with pytest.raises(WorkbenchError, match=words) as caught:
            load_model(path)
        assert "\n" not in str(caught.value)
        assert "m.keras" in str(caught.value)

    refused("is not a Keras model file", b"")
    refused("is not a Keras model file", b"\x89HDF\r\n\x1a\n" + bytes(100))
    for share in (0.1, 0.5, 0.99):
        refused("is not a Keras model file: it is truncated", whole[: int(len(whole) * share)])
    weights = whole.index(b"\x89HDF") + 40
    refused("does not match its checksum", whole[:weights] + bytes([whole[weights] ^ 255]) + whole[weights + 1 :])
    for name, words in (("config.json", "zip without a model"), ("model.weights.h5", "zip without a model")):
        path.write_bytes(whole)
        rewritten(path, name, lambda content: None)
        refused(words, path.read_bytes())
    for content, words in ((b"{", "cannot be read"), (b"[]", "describes no model"), (b"[" * 100_000, "cannot be read")):
        path.write_bytes(whole)
        rewritten(path, "config.json", lambda old, content=content: content)
        refused(words, path.read_bytes())
    path.write_bytes(whole)
    rewritten(path, "model.weights.h5", lambda content: content[:2000])
    refused(r"is damaged: the weights in it cannot be read \(.*truncated file", path.read_bytes())
    path.write_bytes(whole)
    rewritten(path, "config.json", lambda content: content.replace(b'"Dense"', b'"Densest"'))
    refused("is not a model that Keras", path.read_bytes())


def test_other_formats_are_told_what_is_taken(tmp_path):
    (tmp_path / "m.h5").touch()
    with pytest.raises(WorkbenchError, match=r"must be a .keras file .*Got 'm.h5'"):
        load_model(tmp_path / "m.h5")
