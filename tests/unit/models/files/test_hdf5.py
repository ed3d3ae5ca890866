"""HDF5 files as Keras 3 and Keras 2 write them, and those that are refused before Keras sees them."""

import json
import warnings

import h5py
import keras
import numpy as np
import pytest

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.models.files import hdf5, is_inference_only, load_model

IMAGES = np.random.default_rng(0).random((3, 4, 4, 1), np.float32)


@pytest.fixture
def small():
    parts = [keras.layers.Conv2D(2, 3, name="conv"), keras.layers.Flatten(), keras.layers.Dense(2, name="dense")]
    return keras.Sequential([keras.Input((4, 4, 1)), *parts])


def saved(model, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)
    return path


def described(path, change):
    """Write another description of the model into the file; `change` gets and gives a dict, or gives text."""
    with h5py.File(path, "r+") as file:
        new = change(json.loads(file.attrs["model_config"]))
        file.attrs["model_config"] = new if isinstance(new, str) else json.dumps(new)
    return path


def test_round_trip_without_optimizer_and_with_gradients(tmp_path, small):
    small.compile("adam", "mse")
    for name in ("m.h5", "m.hdf5"):
        loaded = load_model(saved(small, tmp_path / name))
        np.testing.assert_allclose(loaded(IMAGES), small(IMAGES), atol=1e-6)
        assert not loaded.compiled
        assert not is_inference_only(tmp_path / name)


def keras_2(config):
    """The same description in the words of Keras 2: no modules, `batch_input_shape`, and dtypes by name."""

    def older(node):
        if isinstance(node, dict):
            plain = {k: older(v) for k, v in node.items() if k not in ("module", "registered_name", "build_config")}
            if "batch_shape" in plain:
                plain["batch_input_shape"] = plain.pop("batch_shape")
            return "float32" if plain.get("class_name") == "DTypePolicy" else plain
        return [older(each) for each in node] if isinstance(node, list) else node

    return older(config)


def test_what_keras_2_wrote_is_read_too(tmp_path, small):
    path = described(saved(small, tmp_path / "old.h5"), keras_2)
    with h5py.File(path, "r+") as file:
        file.attrs["keras_version"] = "2.15.0"
        assert "module" not in file.attrs["model_config"]
    np.testing.assert_allclose(load_model(path)(IMAGES), small(IMAGES), atol=1e-6)


def planted(config):
    config["config"]["layers"].insert(1, {"class_name": "Lambda", "config": {"name": "evil", "function": ["x"]}})
    return config


def test_code_in_the_file_is_refused_before_anything_runs(tmp_path, small, monkeypatch):
    monkeypatch.setattr(keras.models, "load_model", lambda *_, **__: pytest.fail("it was opened"))
    path = saved(small, tmp_path / "m.h5")
    with pytest.raises(WorkbenchError, match=r"m.h5 has a Lambda layer \('evil'\).*refused"):
        load_model(described(path, planted))
    lambda_ = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Lambda(lambda x: x, name="mine")])
    with pytest.raises(WorkbenchError, match=r"Lambda layer \('mine'\)"):
        load_model(saved(keras.Sequential([keras.Input((4, 4, 1)), lambda_]), tmp_path / "inner.h5"))

    def foreign(config):
        config["config"]["layers"][1]["module"] = "os"
        return config

    with pytest.raises(WorkbenchError, match="needs the custom class 'Conv2D'"):
        load_model(described(saved(small, path), foreign))

    def operation(config):
        config["config"]["layers"][1]["class_name"] = "TFOpLambda"
        return config

    with h5py.File(described(saved(small, path), operation), "r+") as file:
        file.attrs["keras_version"] = "2.15.0"
    with pytest.raises(WorkbenchError, match="has a layer 'TFOpLambda', which Keras 3 does not have"):
        load_model(path)


def test_what_is_no_whole_model(tmp_path, small):
    small.save_weights(tmp_path / "only.weights.h5")
    with pytest.raises(
        WorkbenchError, match=r"only.weights.h5 holds no whole model, only weights or other data. Build"
    ):
        load_model(tmp_path / "only.weights.h5")
    path = saved(small, tmp_path / "m.h5")
    whole = path.read_bytes()
    for content in (b"", whole[:7], b"\x80\x04pickle", b"PK\x03\x04" + bytes(100)):
        path.write_bytes(content)
        with pytest.raises(WorkbenchError, match=r"m.h5 is not an HDF5 file: it is truncated, or of another format"):
            load_model(path)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises((WorkbenchError, Unavailable), match=r"m.h5 "):
        load_model(path)
    for text in ("{", "[]", "null"):
        path.write_bytes(whole)
        with pytest.raises(WorkbenchError, match=r"m.h5 is damaged: the description of the model in it"):
            hdf5.load_model(described(path, lambda _, text=text: text))
    path.write_bytes(whole)
    with h5py.File(path, "r+") as file:
        del file["model_weights"]
    with pytest.raises(WorkbenchError, match=r"m.h5 is not a model that Keras"):
        load_model(path)
