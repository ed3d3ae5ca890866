"""Files that Keras 2.15 and tf_keras wrote (tests/keras2_files/make.py) against what Keras 2 itself says."""

import json
import shutil
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from workbench.core.errors import WorkbenchError
from workbench.models.files import load_model
from workbench.models.files.keras2 import build, written_by_keras_2
from workbench.models.files.keras2.weights import load_hdf5_weights
from workbench.models.files.keras2.words import hard_sigmoid_of_keras_2
from workbench.models.probe import Probe

FOLDER = Path(__file__).parents[3] / "keras2_files"
READABLE = sorted(
    path
    for path in FOLDER.iterdir()
    if path.suffix in (".h5", ".keras") and not path.name.startswith(("unreadable", "own_classes"))
)


def said(path):
    """Images, and what Keras 2 says of them."""
    with np.load(FOLDER / f"said-{path.stem.partition('-')[2]}.npz") as file:
        return file["images"], file[path.stem.partition("-")[0]]


def test_the_files_are_there():
    assert len(READABLE) == 10 and {path.suffix for path in READABLE} == {".h5", ".keras"}


@pytest.mark.parametrize("path", READABLE, ids=lambda path: path.name)
def test_it_says_what_keras_2_says(path):
    images, expected = said(path)
    model = load_model(path)
    assert model.name == path.stem.partition("-")[0] and not model.compiled
    found = model.predict(images, verbose=0)
    assert np.abs(expected).max() > 0.1 and np.ptp(expected) > 0
    np.testing.assert_allclose(found, expected, atol=(1e-3 if "mixed" in path.name else 1e-5) * np.abs(expected).max())
    probe = Probe(model, given="pixels")
    logits = probe.logits(images / 255)
    if expected.shape[1] == 1:
        np.testing.assert_allclose(1 / (1 + np.exp(-logits[:, 1])), expected[:, 0], rtol=1e-3, atol=1e-6)
    assert np.isfinite(probe.gradient(images / 255, np.zeros(4, int))).all()
    assert keras.Model.from_config(model.get_config()) if not isinstance(model, keras.Sequential) else True
    again = load_model(path)  # names of operations are the file's, not counted on in one process
    assert list(Probe(again).layers) == list(probe.layers)


def test_what_is_not_keras_is_named_and_what_helps_is_said():
    with pytest.raises(WorkbenchError) as caught:
        load_model(FOLDER / "unreadable-2.15.keras")
    assert "was written by Keras 2.15.0 and cannot be built with Keras 3" in str(caught.value)
    assert "the operation 'nn.max_pool2d' of TensorFlow" in str(caught.value)
    assert str(caught.value).endswith(
        "What helps: `model.export('folder')` in Keras 2, a SavedModel (predictions only)."
    )
    # A class of one's own that is called like one of Keras's is not taken for it.
    with pytest.raises(WorkbenchError, match=r"has a layer 'mine>ReLU', which Keras 3 does not have\. One of your own"):
        load_model(FOLDER / "own_classes-tf_keras.keras")


def described(path, change):
    """The description in an `.h5` file with one change."""
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        change({each["config"]["name"]: each for each in config["config"]["layers"]})
        file.attrs["model_config"] = json.dumps(config)
    return path


@pytest.mark.parametrize(
    ("layer", "change", "sentence"),
    [
        ("Conv/1", {"groups": 7}, "7"),
        ("depthwise_conv2d", {"groups": 2}, r"\(DepthwiseConv2D\) has groups=2, which Keras 3 lacks"),
        ("Conv/1", {"dilate": 3}, r"'Conv/1' \(Conv2D\) has dilate=3, which Keras 3 lacks"),
        ("Conv/1", {"activation": "mine"}, "the activation 'mine', a function of its own"),
        ("batch_normalization", {"axis": [1, 3]}, r"over the axes \[1, 3\]; Keras 3 has one over one axis"),
    ],
)
def test_an_argument_that_means_something_is_never_dropped(tmp_path, layer, change, sentence):
    path = Path(shutil.copy(FOLDER / "depthwise-2.15.h5", tmp_path / "m.h5"))
    described(path, lambda layers: layers[layer]["config"].update(change))
    with pytest.raises(WorkbenchError, match=sentence):
        load_model(path)


def test_what_is_for_training_alone_is_dropped(tmp_path):
    path = Path(shutil.copy(FOLDER / "depthwise-2.15.h5", tmp_path / "m.h5"))
    mine = {"class_name": "Mine", "config": {}}
    described(
        path,
        lambda layers: layers["Conv/1"]["config"].update(
            kernel_regularizer=mine, bias_constraint=mine, kernel_initializer=mine
        ),
    )
    with h5py.File(path, "r+") as file:
        file.attrs["training_config"] = json.dumps({"optimizer_config": {"class_name": "Mine", "config": {"lr": 1}}})
    images, expected = said(FOLDER / "depthwise-2.15.h5")
    np.testing.assert_allclose(load_model(path).predict(images, verbose=0), expected, atol=1e-5)


def test_the_lists_and_objects_that_keras_2_wrote_are_read(tmp_path):
    path = Path(shutil.copy(FOLDER / "depthwise-2.15.h5", tmp_path / "m.h5"))

    def change(layers):
        layers["batch_normalization"]["class_name"] = "BatchNormalizationV1"
        layers["batch_normalization"]["config"]["axis"] = {"class_name": "ListWrapper", "items": [3]}
        layers["Conv/1"]["config"]["dtype"] = {"class_name": "Policy", "config": {"name": "float32"}}

    images, expected = said(FOLDER / "depthwise-2.15.h5")
    np.testing.assert_allclose(load_model(described(path, change)).predict(images, verbose=0), expected, atol=1e-5)


def test_weights_that_do_not_belong_to_it_are_refused(tmp_path):
    with h5py.File(FOLDER / "nested-2.15.h5", "r") as file:
        config = json.loads(file.attrs["model_config"])
        model = build(config)
        load_hdf5_weights(model, file["model_weights"])
    path = Path(shutil.copy(FOLDER / "nested-2.15.h5", tmp_path / "m.h5"))
    with h5py.File(path, "r+") as file:
        file["model_weights/backbone"].attrs["weight_names"] = []
    with pytest.raises(WorkbenchError, match="The weights of 'backbone' stand in the file or the model alone"):
        load_model(path)
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(FOLDER / "nested-tf_keras.keras") as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "model.weights.h5":
                (tmp_path / "w.h5").write_bytes(content)
                with h5py.File(tmp_path / "w.h5", "r+") as file:
                    del file["layers/dense"]
                content = (tmp_path / "w.h5").read_bytes()
            new.writestr(name, content)
    with pytest.raises(WorkbenchError, match="no weights for 'dense"):
        load_model(path)


def test_hard_sigmoid_is_that_of_keras_2():
    x = np.array([-3.0, -2.5, -1, 0, 1, 2.5, 3], np.float32)
    np.testing.assert_allclose(hard_sigmoid_of_keras_2(x), np.clip(0.2 * x + 0.5, 0, 1), atol=1e-7)
    assert (
        abs(float(keras.activations.hard_sigmoid(np.float32(1))) - 0.7) > 0.03
    )  # 2/3: the same name, another function


def test_which_keras_wrote_it():
    assert [written_by_keras_2({}, version) for version in ("2.15.0", "2.2.4-tf", "1.2", "3.0.1", "3.15")] == [
        *[True] * 3,
        *[False] * 2,
    ]
    assert written_by_keras_2({"config": {"batch_input_shape": [None, 4]}}, "unknown")
    assert not written_by_keras_2({"config": {"batch_shape": [None, 4]}}, "unknown")


def test_the_oldest_words_are_read():
    dense = {"class_name": "Dense", "config": {"name": "d", "units": 2, "batch_input_shape": [None, 3]}}
    model = build({"class_name": "Sequential", "config": [dense]})  # before Keras 2.2.3 a list
    assert model.output_shape == (None, 2)
    image = {"class_name": "InputLayer", "config": {"name": "i", "batch_input_shape": [None, 3]}, "inbound_nodes": []}
    dense = {**dense, "inbound_nodes": [[["i", 0, 0, {}]]], "name": "d"}
    ends = {"input_layers": [["i", 0, 0]], "output_layers": [["d", 0, 0]], "name": "m"}
    model = build({"class_name": "Model", "config": {"layers": [{**image, "name": "i"}, dense], **ends}})
    assert model.output_shape == (None, 2)


def test_the_end_of_what_keras_says_is_kept(tmp_path):
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2, name="d")])
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["config.json"] = parts["config.json"].replace(b'"units": 2', b'"units": 2, "of_tomorrow": 1')
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    with pytest.raises(WorkbenchError, match=r"Unrecognized keyword arguments .*of_tomorrow"):
        load_model(tmp_path / "m.keras")


@pytest.mark.parametrize("kind", ["keras", "h5"])
@pytest.mark.filterwarnings("ignore")
def test_functions_of_tf_nn_are_keras_own(tmp_path, kind):
    import tensorflow as tf

    for function in (tf.nn.softmax, tf.nn.log_softmax, tf.nn.swish, tf.nn.gelu, tf.nn.relu6, tf.nn.leaky_relu):
        model = keras.Sequential(
            [keras.Input((3, 3, 1)), keras.layers.Flatten(), keras.layers.Dense(2, activation=function)]
        )
        model.save(tmp_path / f"m.{kind}")
        images = np.random.default_rng(0).random((4, 3, 3, 1), np.float32)
        np.testing.assert_allclose(load_model(tmp_path / f"m.{kind}")(images), model(images), atol=1e-6)
