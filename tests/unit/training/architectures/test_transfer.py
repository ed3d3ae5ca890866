"""Pretrained networks: what the backbone is given, where its weights come from, and that it can be explained."""

import socket
from importlib import import_module
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

from workbench.attribution.methods import explainer
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.models.files.keras import load_model
from workbench.models.probe import Probe
from workbench.training import fitting, trainer
from workbench.training.architectures import architectures, pretrained
from workbench.training.architectures.mobilenet_v3 import MOBILENET_V3
from workbench.training.architectures.pretrained import Published
from workbench.training.architectures.resnet50 import RESNET50
from workbench.training.architectures.transfer import Backbone, backbone_size, blue_first, build_transfer, centre_pixels
from workbench.training.architectures.vgg16 import VGG16
from workbench.training.checkpoint import Checkpoint
from workbench.training.recipes import TrainingJob
from workbench.training.trainer import train

SHAPE = (20, 28, 1)
SMALL = Backbone(
    architecture="small",
    application="SmallNet",
    prepare=centre_pixels,
    published=Published("small_notop.h5", "small", "0"),
)


def small_net(include_top, weights, input_shape, name="small"):
    """As the networks of keras.applications are made, and traced in no time."""
    image = keras.Input(input_shape)
    maps = keras.layers.Conv2D(8, 3, strides=4, name="conv1")(image)
    maps = keras.layers.Activation("relu")(keras.layers.BatchNormalization(momentum=0.9, name="norm1")(maps))
    return keras.Model(image, keras.layers.Conv2D(16, 3, strides=4, activation="relu", name="conv2")(maps), name=name)


def build(image_shape, classes, weights="imagenet"):
    return build_transfer(SMALL, image_shape, classes, weights)


@pytest.fixture(scope="module", autouse=True)
def _one_network_more():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.applications, "SmallNet", small_net, raising=False)
        yield


@pytest.fixture(scope="module")
def backbone():
    return drawn(small_net(False, None, (96, 134, 3)))


def drawn(model):
    """Give a model other weights, the statistics of BatchNormalization included: they start as 0 and 1."""
    random = np.random.default_rng(0)
    model.set_weights([weights + random.uniform(0, 0.1, weights.shape) for weights in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def files(backbone, tmp_path_factory):
    """Its weights in each format that is taken."""
    folder = tmp_path_factory.mktemp("weights")
    backbone.save_weights(folder / "three.weights.h5")
    with h5py.File(folder / "two.h5", "w") as file:
        save_weights_to_hdf5_group(file, backbone)
    images = keras.Input((96, 134, 3))
    pooled = keras.layers.GlobalMaxPooling2D()(backbone(images))
    backbone.save(folder / "alone.keras")
    backbone.name = "backbone"
    keras.Model(images, keras.layers.Dense(7)(pooled)).save(folder / "inside.keras")
    return folder


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).random((3, *SHAPE), np.float32)


@pytest.mark.parametrize("file", ["three.weights.h5", "two.h5", "alone.keras", "inside.keras"])
def test_the_backbone_has_the_weights_of_the_file_and_is_frozen(backbone, files, file):
    model = build(SHAPE, 3, weights=str(files / file))
    for ours, theirs in zip(model.get_layer("backbone").get_weights(), backbone.get_weights(), strict=True):
        assert np.array_equal(ours, theirs)
    assert [weights.path for weights in model.trainable_weights] == ["output/kernel", "output/bias"]


def test_a_grey_image_reaches_the_backbone_as_three_channels_in_its_size_and_range(backbone, files, images):
    model = build(SHAPE, 3, weights=str(files / "three.weights.h5"))
    resized = keras.ops.image.resize(np.repeat(images, 3, axis=-1), (96, 134), interpolation="bilinear")
    maps = backbone(resized * 2 - 1, training=False)
    scores = keras.ops.mean(maps, axis=(1, 2)) @ model.get_layer("output").kernel
    expected = keras.ops.softmax(scores + model.get_layer("output").bias)
    np.testing.assert_allclose(model(images), expected, rtol=1e-4, atol=1e-6)


def test_without_weights_all_of_it_is_trained():
    model = build(SHAPE, 3, weights="none")
    frozen = {each.path for each in model.weights} - {each.path for each in model.trainable_weights}
    assert len(frozen) == 2
    assert all("moving_" in path for path in frozen)


def test_a_transfer_changes_the_backbone_only_once_it_is_unfrozen(tmp_path, monkeypatch):
    """Learned on three colours, it tells the same colours with other labels, from its pretrained maps alone."""
    random = np.random.default_rng(0)
    labels = np.arange(60) % 3
    images = random.integers(0, 120, (60, 12, 16, 3), dtype=np.uint8)
    images[np.arange(60), :, :, labels] += 130
    keras.utils.set_random_seed(0)
    before = build((12, 16, 3), 3, weights="none")
    before.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    before.fit(images / np.float32(255), labels, batch_size=15, epochs=6, verbose=0)
    file = tmp_path / "colours.weights.h5"
    before.get_layer("backbone").save_weights(file)
    other = (labels + 1) % 3
    np.savez(tmp_path / "c.npz", x_train=images[:45], y_train=other[:45], x_test=images[45:], y_test=other[45:])

    for module in (trainer, fitting):
        monkeypatch.setattr(module, "architectures", lambda: {"small": build})
    kept = {}

    def look(row):
        checkpoint = Checkpoint(tmp_path, "t")
        inner = checkpoint.load_model(checkpoint.read()).get_layer("backbone")
        kept[row["epoch"]] = {weights.name: weights.numpy() for weights in inner.layers[1].weights}

    changes = {"epochs": 6, "frozen_epochs": 5, "batch_size": 5, "learning_rate": 0.05, "weight_decay": 0.0}
    job = TrainingJob.plan(
        "transfer", changes, architecture="small", dataset=str(tmp_path / "c.npz"), weights=str(file)
    )
    run = train("t", job=job, folder=tmp_path, on_epoch=look)
    first = before.get_layer("backbone").layers[1].kernel.numpy()
    assert np.array_equal(kept[1]["kernel"], first)
    assert np.array_equal(kept[5]["kernel"], first)
    assert not np.array_equal(kept[6]["kernel"], first)
    assert run.history.accuracy.iloc[4] > 0.9
    assert run.manifest.metrics["test"]["accuracy"] > 0.9


def test_the_probe_sees_the_model_as_it_is_and_maps_come_from_the_backbone():
    model = architectures()["vgg16"]((28, 28, 3), 4, weights="none")
    probe = Probe(model)
    images = np.random.default_rng(0).random((2, 28, 28, 3), np.float32)
    expected = np.asarray(model(images, training=False))
    scores = np.exp(probe.logits(images))
    np.testing.assert_allclose(scores / scores.sum(axis=1, keepdims=True), expected, rtol=1e-3, atol=1e-6)
    attribution = explainer("grad-cam")().attribute(probe, images, np.array([0, 1]))
    assert attribution.layer == probe.default_layer == "backbone/block5_conv3"
    assert attribution.values.shape[1:] == (6, 6)


def test_resnet50_is_keras_s_with_a_new_head():
    model = architectures()["resnet50"]((28, 28, 1), 10, weights="none")
    assert model.count_params() == 23_587_712 + 2048 * 10 + 10  # as keras.io has it without top
    assert model.get_layer("backbone").output.shape[1:] == (3, 3, 2048)
    assert [layer.name for layer in model.layers][:3] == ["images", "rgb", "resized"]


def test_a_saved_model_opens_without_code_of_its_own(images, tmp_path):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((5, 6, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(2, 3)(blue_first(inputs)))
    model.save(tmp_path / "m.keras")
    pixels = np.random.default_rng(0).random((2, 5, 6, 3), np.float32)
    np.testing.assert_allclose(load_model(tmp_path / "m.keras")(pixels), model(pixels), rtol=1e-5, atol=1e-4)
    whole = build(SHAPE, 3, weights="none")
    whole.save(tmp_path / "w.keras")
    np.testing.assert_allclose(load_model(tmp_path / "w.keras")(images), whole(images), rtol=1e-5)


def test_pixels_are_what_keras_s_own_preparation_makes_of_0_to_255():
    pixels = np.random.default_rng(0).random((1, 2, 3, 3), np.float32)
    theirs = keras.applications.vgg16.preprocess_input(255 * pixels)
    np.testing.assert_allclose(blue_first(pixels), theirs, atol=1e-4)
    white = np.ones((1, 1, 1, 3), np.float32)
    np.testing.assert_allclose(np.ravel(blue_first(white)), [255 - 103.939, 255 - 116.779, 255 - 123.68], rtol=1e-6)
    np.testing.assert_allclose(np.ravel(centre_pixels(np.array([0, 0.25, 1], np.float32))), [-1, -0.5, 1])


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((28, 28), (96, 96)),
        ((8, 16), (96, 192)),
        ((100, 300), (100, 300)),
        ((224, 224), (224, 224)),
        ((448, 896), (224, 448)),
        ((1000, 500), (448, 224)),
    ],
)
def test_images_are_scaled_in_proportion_and_only_where_they_are_too_small_or_large(size, expected):
    assert backbone_size(*size) == expected


def test_weights_for_imagenet_are_fetched_by_keras_verified_and_loaded(monkeypatch, tmp_path):
    theirs = drawn(
        keras.applications.MobileNetV3Small(include_top=False, weights=None, input_shape=(224, 224, 3))
    )  # with its own preparation, as in the file that Keras publishes
    with h5py.File(tmp_path / "fetched.h5", "w") as file:
        save_weights_to_hdf5_group(file, theirs)
    asked = []

    def get_file(name, url, *, cache_subdir, file_hash):
        asked.append((name, url, cache_subdir, file_hash, socket.getdefaulttimeout()))
        return str(tmp_path / "fetched.h5")

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    model = architectures()["mobilenet-v3"](SHAPE, 3)
    name = "weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5"
    url = f"https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v3/{name}"
    assert asked == [(name, url, "models", "d3e8ec802a04aa4fc771ee12a9a9b836", pretrained.PATIENCE)]
    assert socket.getdefaulttimeout() is None
    for ours, given in zip(model.get_layer("backbone").get_weights(), theirs.get_weights(), strict=True):
        assert np.array_equal(ours, given)


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
    with pytest.raises(Unavailable) as raised:
        build(SHAPE, 3)
    assert str(raised.value) == (
        "The weights of `small` for ImageNet could not be fetched from https://storage.googleapis.com/tensorflow/"
        "keras-applications/small/small_notop.h5 (no route to host). Bring that file and name it with "
        "`--weights small_notop.h5`, or start from random weights with `--weights none`."
    )
    assert socket.getdefaulttimeout() is None


def test_files_with_something_else_are_refused_with_a_reason(files, tmp_path):
    (tmp_path / "notes.h5").write_text("no weights")
    other = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, name="conv1"), keras.layers.Flatten()])
    other.save_weights(tmp_path / "other.weights.h5")
    other.save(tmp_path / "other.keras")
    with h5py.File(files / "three.weights.h5") as whole, h5py.File(tmp_path / "half.weights.h5", "w") as half:
        for part in whole:
            whole.copy(part, half)
        del half["layers/batch_normalization"]
    (tmp_path / "renamed.bin").write_bytes((files / "two.h5").read_bytes())
    for name, complaint in (
        ("notes.h5", r"must be a .weights.h5 or .h5 file .*Got notes.h5, which is another kind of file"),
        ("other.weights.h5", r"other.weights.h5 does not hold the weights of the backbone of `small` without its"),
        ("half.weights.h5", r"half.weights.h5 does not hold the weights of the backbone"),
        ("other.keras", r"'conv1' needs weights of the shapes \[\(3, 3, 3, 8\), \(8,\)\], and the file has \[\(3, 3"),
        ("renamed.bin", r"renamed.bin, which is HDF5 with another ending: rename it"),
    ):
        with pytest.raises(WorkbenchError, match=complaint):
            build(SHAPE, 3, weights=str(tmp_path / name))
    with pytest.raises(Unavailable, match=r"no file .*gone.h5 with weights .* imagenet, none, or the path"):
        build(SHAPE, 3, weights=str(tmp_path / "gone.h5"))


def test_images_that_do_not_fit():
    with pytest.raises(WorkbenchError, match=r"1 or 3 channels. Got 4 channels"):
        build((28, 28, 4), 3)
    with pytest.raises(WorkbenchError, match=r"at least two classes. Got 1"):
        build((28, 28, 3), 1)
