"""Pretrained networks: what the backbone is given, where its weights come from, and that it can be explained."""

import socket
from importlib import import_module
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

from workbench.architectures import architectures, pretrained
from workbench.architectures.mobilenet_v3 import MOBILENET_V3
from workbench.architectures.resnet50 import RESNET50
from workbench.architectures.transfer import blue_first, centred, scaled
from workbench.architectures.vgg16 import VGG16
from workbench.errors import Unavailable, WorkbenchError
from workbench.explainers import explainer
from workbench.keras_files import load_model
from workbench.probe import Probe

build = architectures()["mobilenet-v3"]
SHAPE = (20, 28, 1)


def backbone(seed=0):
    keras.utils.set_random_seed(seed)
    model = keras.applications.MobileNetV3Small(
        include_top=False, weights=None, input_shape=(96, 134, 3), include_preprocessing=False
    )
    random = np.random.default_rng(seed)  # also the statistics of BatchNormalization, which start as 0 and 1
    model.set_weights([random.uniform(0.1, 0.5, weights.shape) for weights in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def pretrained_backbone():
    return backbone()


@pytest.fixture(scope="module")
def files(pretrained_backbone, tmp_path_factory):
    """Its weights in each format that is taken."""
    folder = tmp_path_factory.mktemp("weights")
    pretrained_backbone.save_weights(folder / "three.weights.h5")
    with h5py.File(folder / "two.h5", "w") as file:
        save_weights_to_hdf5_group(file, pretrained_backbone)
    images = keras.Input((96, 134, 3))
    pooled = keras.layers.GlobalMaxPooling2D()(pretrained_backbone(images))
    pretrained_backbone.save(folder / "alone.keras")
    pretrained_backbone.name = "backbone"
    keras.Model(images, keras.layers.Dense(7)(pooled)).save(folder / "inside.keras")
    return folder


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).random((3, *SHAPE), np.float32)


@pytest.mark.parametrize("file", ["three.weights.h5", "two.h5", "alone.keras", "inside.keras"])
def test_the_backbone_has_the_weights_of_the_file_and_is_frozen(pretrained_backbone, files, file):
    model = build(SHAPE, 3, weights=str(files / file))
    inner = model.get_layer("backbone")
    for ours, theirs in zip(inner.get_weights(), pretrained_backbone.get_weights(), strict=True):
        assert np.array_equal(ours, theirs)
    assert [weights.path for weights in model.trainable_weights] == ["output/kernel", "output/bias"]
    assert model.count_params() == inner.count_params() + 576 * 3 + 3


def test_a_grey_image_reaches_the_backbone_as_three_channels_in_its_size_and_range(pretrained_backbone, files, images):
    model = build(SHAPE, 3, weights=str(files / "three.weights.h5"))
    resized = keras.ops.image.resize(np.repeat(images, 3, axis=-1), (96, 134), interpolation="bilinear")
    maps = pretrained_backbone(resized * 2 - 1, training=False)
    scores = keras.ops.mean(maps, axis=(1, 2)) @ model.get_layer("output").kernel
    expected = keras.ops.softmax(scores + model.get_layer("output").bias)
    np.testing.assert_allclose(model(images), expected, rtol=1e-4, atol=1e-6)


def test_without_weights_all_of_it_is_trained():
    model = build(SHAPE, 3, weights="none")
    frozen = {each.path for each in model.weights} - {each.path for each in model.trainable_weights}
    assert frozen
    assert all("moving_" in path for path in frozen)


@pytest.mark.parametrize(("name", "size"), [("mobilenet-v3", 3), ("vgg16", 6)])
def test_the_probe_sees_the_model_as_it_is_and_maps_come_from_the_backbone(name, size):
    model = architectures()[name]((28, 28, 3), 4, weights="none")
    probe = Probe(model)
    images = np.random.default_rng(0).random((2, 28, 28, 3), np.float32)
    expected = np.asarray(model(images, training=False))
    scores = np.exp(probe.logits(images))
    np.testing.assert_allclose(scores / scores.sum(axis=1, keepdims=True), expected, rtol=1e-3, atol=1e-6)
    last = model.get_layer("backbone").output.shape[1:]
    attribution = explainer("grad-cam")().attribute(probe, images, np.array([0, 1]))
    assert attribution.layer == probe.default_layer
    assert attribution.layer.startswith("backbone/")
    assert probe.layers[attribution.layer].shape[-1] == last[-1]
    assert attribution.values.shape[1:] == (size, size)


def test_resnet50_is_keras_s_with_a_new_head():
    model = architectures()["resnet50"]((28, 28, 1), 10, weights="none")
    assert model.count_params() == 23_587_712 + 2048 * 10 + 10  # as keras.io has it without top
    assert model.get_layer("backbone").output.shape[1:] == (3, 3, 2048)
    assert [layer.name for layer in model.layers][:3] == ["images", "rgb", "resized"]


def test_a_saved_model_opens_without_code_of_its_own(tmp_path):
    keras.utils.set_random_seed(0)
    images = keras.Input((5, 6, 3))
    model = keras.Model(images, keras.layers.Conv2D(2, 3)(blue_first(images)))
    model.save(tmp_path / "m.keras")
    pixels = np.random.default_rng(0).random((2, 5, 6, 3), np.float32)
    np.testing.assert_array_equal(load_model(tmp_path / "m.keras")(pixels), model(pixels))
    whole = build(SHAPE, 3, weights="none")
    whole.save(tmp_path / "w.keras")
    grey = np.random.default_rng(0).random((2, *SHAPE), np.float32)
    np.testing.assert_allclose(load_model(tmp_path / "w.keras")(grey), whole(grey), rtol=1e-5)


def test_pixels_are_what_keras_s_own_preparation_makes_of_0_to_255():
    pixels = np.random.default_rng(0).random((1, 2, 3, 3), np.float32)
    theirs = keras.applications.vgg16.preprocess_input(255 * pixels)
    np.testing.assert_allclose(blue_first(pixels), theirs, atol=1e-4)
    white = np.ones((1, 1, 1, 3), np.float32)
    np.testing.assert_allclose(np.ravel(blue_first(white)), [255 - 103.939, 255 - 116.779, 255 - 123.68], rtol=1e-6)
    np.testing.assert_allclose(np.ravel(centred(np.array([0, 0.25, 1], np.float32))), [-1, -0.5, 1])


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((28, 28), (96, 96)), ((8, 16), (96, 192)), ((100, 300), (100, 300)), ((224, 224), (224, 224)),
        ((448, 896), (224, 448)), ((1000, 500), (448, 224)),
    ],
)  # fmt: skip
def test_images_are_scaled_in_proportion_and_only_where_they_are_too_small_or_large(size, expected):
    assert scaled(*size) == expected


def test_weights_for_imagenet_are_fetched_by_keras_and_verified(files, pretrained_backbone, monkeypatch):
    asked = []

    def get_file(name, url, *, cache_subdir, file_hash):
        asked.append((name, url, cache_subdir, file_hash, socket.getdefaulttimeout()))
        return str(files / "two.h5")

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    model = build(SHAPE, 3)
    name = "weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5"
    url = f"https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v3/{name}"
    assert asked == [(name, url, "models", "d3e8ec802a04aa4fc771ee12a9a9b836", pretrained.PATIENCE)]
    assert socket.getdefaulttimeout() is None
    assert np.array_equal(model.get_layer("backbone").get_weights()[0], pretrained_backbone.get_weights()[0])


def test_files_and_checksums_are_those_of_keras():
    """A new Keras that publishes other weights is noticed here."""
    theirs = {name: import_module(f"keras.src.applications.{name}") for name in ("mobilenet_v3", "resnet", "vgg16")}
    ours = {"mobilenet_v3": MOBILENET_V3.published, "resnet": RESNET50.published, "vgg16": VGG16.published}
    assert ours["mobilenet_v3"].url.startswith(theirs["mobilenet_v3"].BASE_WEIGHT_PATH)
    assert ours["mobilenet_v3"].md5 == theirs["mobilenet_v3"].WEIGHTS_HASHES["small_224_1.0_float"][1]
    assert ours["resnet"].url.startswith(theirs["resnet"].BASE_WEIGHTS_PATH)
    assert ours["resnet"].md5 == theirs["resnet"].WEIGHTS_HASHES["resnet50"][1]
    assert ours["vgg16"].url == theirs["vgg16"].WEIGHTS_PATH_NO_TOP
    assert ours["vgg16"].md5 in Path(theirs["vgg16"].__file__).read_text()


def test_what_cannot_be_fetched_is_one_sentence_and_how_to_bring_it(monkeypatch):
    def get_file(*arguments, **options):
        raise Exception("URL fetch failure on https://x: None -- no route to host")

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    name = "weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5"
    with pytest.raises(Unavailable) as raised:
        build(SHAPE, 3)
    said = str(raised.value)
    assert said.startswith("The weights of `mobilenet-v3` for ImageNet could not be fetched from https://")
    assert f"{name} (no route to host). Bring that file and name it with `--weights {name}`" in said
    assert "`--weights none`" in said
    assert socket.getdefaulttimeout() is None


def test_files_with_something_else_are_refused_with_a_reason(files, tmp_path):
    (tmp_path / "notes.h5").write_text("no weights")
    other = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, name="conv"), keras.layers.Flatten()])
    other.save_weights(tmp_path / "other.weights.h5")
    with h5py.File(files / "three.weights.h5") as whole, h5py.File(tmp_path / "half.weights.h5", "w") as half:
        for part in whole:
            whole.copy(part, half)
        del half["layers/batch_normalization_3"]
    other.save(tmp_path / "other.keras")
    for name, complaint in (
        ("notes.h5", r"must be a .weights.h5 or .h5 file .*Got notes.h5, which is another kind of file"),
        ("other.weights.h5", r"other.weights.h5 does not hold the weights of the backbone of `mobilenet-v3`"),
        ("half.weights.h5", r"half.weights.h5 does not hold the weights of the backbone"),
        ("other.keras", r"'conv' needs weights of the shapes \[\(3, 3, 3, 16\)\], and the file has \[\(3, 3, 3, 4\)"),
    ):
        with pytest.raises(WorkbenchError, match=complaint):
            build(SHAPE, 3, weights=str(tmp_path / name))
    with pytest.raises(Unavailable, match=r"no file .*gone.h5 with weights .* imagenet, none, or the path"):
        build(SHAPE, 3, weights=str(tmp_path / "gone.h5"))
    renamed = tmp_path / "weights.bin"
    renamed.write_bytes((files / "two.h5").read_bytes())
    with pytest.raises(WorkbenchError, match=r"weights.bin, which is HDF5 with another ending: rename it"):
        build(SHAPE, 3, weights=str(renamed))


def test_images_that_do_not_fit():
    with pytest.raises(WorkbenchError, match=r"1 or 3 channels. Got 4 channels"):
        build((28, 28, 4), 3)
    with pytest.raises(WorkbenchError, match=r"at least two classes to tell apart. Got 1"):
        build((28, 28, 3), 1)
