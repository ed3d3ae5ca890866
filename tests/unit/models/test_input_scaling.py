"""What a model does to its pixels before its first weights, in every way in which people write it.

Each model is right on every image that is given to it as it was made for, by plain Keras, and wrong on half of them
else: its first weights are an identity, and behind them it sees brightness only where it should be.
"""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers, ops

from tests.unit.models.test_preprocessing_search import SHAPE, halves
from workbench.models.preprocessing import ASSUMED
from workbench.models.probe import Probe
from workbench.session.session import Session

MEAN, DEVIATION = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)


class Standardised(layers.Layer):
    """Each image by itself, so that any scale is the same to it."""

    def call(self, images):
        mean, deviation = (each(images, (1, 2, 3), keepdims=True) for each in (ops.mean, ops.std))
        return (images - mean) / (deviation + 1e-7)


class Halved(layers.Layer):
    """A layer of somebody's own, without weights."""

    def call(self, images):
        return images / 128.0


def normalised(white, **how):
    layer = layers.Normalization(**how)
    layer.adapt(halves().floats() * np.float32(white))
    return layer


def nested(image):
    """Scaling two models deep, behind an augmentation."""
    inner = keras.Input(SHAPE)
    deep = keras.Model(inner, inner / 255.0)
    middle = keras.Input(SHAPE)
    return keras.Model(middle, layers.RandomFlip()(deep(middle)) * 2 - 1)(image)


def taken_apart(image):
    red, green, blue = ops.split(image, 3, axis=-1)
    return ops.concatenate([blue - 103.939, green - 116.779, red - 123.68], axis=-1)


def of(name):
    return getattr(keras.applications, name).preprocess_input


PIXELS = {
    "x / 255": lambda x: x / 255.0,
    "x * (1 / 255)": lambda x: x * (1 / 255),
    "x / 127.5 - 1": lambda x: x / 127.5 - 1,
    "x / 128": lambda x: x / 128.0,
    "255 - x": lambda x: 255 - x,
    "clipped": lambda x: ops.clip(x / 255.0, 0, 1),
    "cast": lambda x: ops.cast(x, "float32") / 255.0,
    "(x / 255 - mean) / deviation": lambda x: (x / 255.0 - MEAN) / DEVIATION,
    "(x - mean) / deviation": lambda x: (x - 255 * MEAN) / (255 * DEVIATION),
    "blue first": lambda x: x[..., ::-1] / 255.0,
    "channels taken apart": taken_apart,
    "tf": of("mobilenet_v2"),
    "torch": of("densenet"),
    "caffe": of("resnet50"),
    "Rescaling": layers.Rescaling(1 / 255),
    "Rescaling, offset": layers.Rescaling(1 / 127.5, offset=-1),
    "Normalization": normalised(255),
    "Normalization of each pixel": normalised(255, axis=(1, 2, 3)),
    "Normalization of all": normalised(255, axis=None),
    "Rescaling, Normalization": lambda x: normalised(1)(layers.Rescaling(1 / 255)(x)),
    "a layer of one's own": Halved(),
    "augmented": lambda x: layers.RandomContrast(0.2)(layers.RandomRotation(0.1)(layers.Rescaling(1 / 255)(x))),
    "padded, resized": lambda x: layers.Resizing(4, 4)(layers.ZeroPadding2D(1)(layers.Rescaling(1 / 255)(x))),
    "two models deep": nested,
}
UNIT = {
    "2 x - 1": lambda x: x * 2 - 1,
    "1 - x": lambda x: 1 - x,
    "x - 0.5": lambda x: x - 0.5,
    "x * 255": lambda x: x * 255.0,
    "(x - mean) / deviation": lambda x: (x - MEAN) / DEVIATION,
    "Rescaling": layers.Rescaling(2.0, -1),
    "Normalization": normalised(1),
}
UNKNOWN = {
    "nothing": (lambda x: x, 1),
    "blue first": (lambda x: x[..., ::-1], 255),
    "negative": (lambda x: -x, 255),
    "augmented": (layers.RandomFlip(), 255),
    "identity of an application": (of("efficientnet"), 255),
    "logarithm": (ops.log1p, 255),
    "root": (lambda x: ops.sqrt(x / 255.0), 255),
    "twice": (lambda x: x / 255.0 / 255.0, 255),
    "from -1…1 to 0…1": (lambda x: (x + 1) / 2, 1),
    "BatchNormalization": (layers.BatchNormalization(), 255),
    "LayerNormalization": (layers.LayerNormalization(), 255),
}


def knowing(scaled, white=1.0, dtype=None):
    """A model that tells a bright left half from a bright right one, behind `scaled` of pixels of 0…white."""
    image = keras.Input(SHAPE, dtype=dtype)
    same = layers.Conv2D(3, 1, name="same")
    seen = same(scaled(image))
    same.set_weights([np.eye(3)[None, None], np.zeros(3)])
    looked = np.asarray(keras.Model(image, seen)(halves().floats() * np.float32(white), training=False))
    bright, dark = looked[0, :, :2].mean(), looked[0, :, 2:].mean()
    left, whole = (ops.mean(each, axis=(1, 2, 3), keepdims=True)[:, 0, 0] for each in (seen[:, :, :2], seen))
    near = ops.cast(ops.abs(whole - (bright + dark) / 2) < 0.3 * abs(bright - dark), "float32")
    more = near * (left - whole) * float(np.sign(bright - dark))
    return keras.Model(image, ops.concatenate([more + (1 - near), -more], axis=-1))


def accuracy(model, white):
    """By plain Keras."""
    data = halves()
    return (np.asarray(model(data.floats() * np.float32(white), training=False)).argmax(axis=1) == data.labels).mean()


@pytest.mark.parametrize(
    ("scaled", "name"),
    [*((each, "pixels") for each in PIXELS.values()), *((each, "unit") for each in UNIT.values())],
    ids=[*(f"pixels: {name}" for name in PIXELS), *(f"unit: {name}" for name in UNIT)],
)
def test_what_the_model_shows_is_what_it_is_given(scaled, name):
    white = {"pixels": 255, "unit": 1}[name]
    model = knowing(scaled, white)
    assert (accuracy(model, white), accuracy(model, 256 - white)) == (1.0, 0.5)
    probe = Probe(model)
    assert (probe.preprocessing.name, probe.assumption) == (name, "")
    assert ("it is given pixels of 0…255" in probe.note) == (name == "pixels")
    assert (probe.logits(halves().floats()).argmax(axis=1) == halves().labels).all()


def test_a_session_says_nothing_where_the_model_shows_it():
    session = Session(knowing(PIXELS["x / 255"], 255), halves(), cache=False)
    assert session.predictions.correct.all()
    assert (session.preprocessing, session.found, session.assumed) == ("auto", "", "")
    assert "preprocessing" not in session.context


@pytest.mark.parametrize("name", UNKNOWN)
def test_where_it_shows_nothing_that_is_said_and_no_knowledge(name):
    scaled, white = UNKNOWN[name]
    model = knowing(scaled, white)
    probe = Probe(model)
    assert (probe.preprocessing.name, probe.assumption) == ("unit", ASSUMED)
    assert probe.note.endswith(ASSUMED)
    assert Probe(model, given="pixels").assumption == ""


@pytest.mark.parametrize("policy", ["mixed_float16", "float16", "mixed_bfloat16", "bfloat16"])
@pytest.mark.parametrize("name", ["x / 127.5 - 1", "caffe", "(x / 255 - mean) / deviation"])
def test_half_a_precision_hides_nothing(policy, name):
    image = keras.Input(SHAPE, dtype="float32" if policy.startswith("mixed") else policy)
    flat = layers.Flatten(dtype=policy)(PIXELS[name](image))
    probe = Probe(keras.Model(image, layers.Dense(2, dtype=policy)(flat)))
    assert (probe.preprocessing.name, probe.assumption) == ("pixels", "")


def branches(one, other):
    image = keras.Input(SHAPE)
    met = layers.Concatenate()([layers.Conv2D(2, 1)(each(image)) for each in (one, other)])
    return keras.Model(image, layers.Dense(2)(layers.GlobalMaxPooling2D()(met)))


@pytest.mark.parametrize(
    ("one", "other", "name"),
    [
        (PIXELS["x / 255"], PIXELS["caffe"], "pixels"),
        (PIXELS["x / 255"], lambda x: x, "pixels"),
        (UNIT["2 x - 1"], UNIT["1 - x"], "unit"),
        (PIXELS["x / 255"], UNIT["2 x - 1"], None),
    ],
)
def test_branches_have_to_agree(one, other, name):
    probe = Probe(branches(one, other))
    assert (None if probe.assumption else probe.preprocessing.name) == name


class Hidden(keras.Model):
    """A model with a `call` of its own, whose scaling stands in no list of layers."""

    def __init__(self, scale):
        super().__init__()
        self.scaled, self.seen, self.scores = layers.Rescaling(scale), layers.Conv2D(2, 3), layers.Dense(2)

    def call(self, images):
        return self.scores(ops.mean(self.seen(self.scaled(images)), axis=(1, 2)))


@pytest.mark.parametrize(("scale", "name"), [(1 / 255, "pixels"), (255.0, "unit"), (2.0, None), (1.0, None)])
def test_a_call_of_its_own_is_followed_too(scale, name):
    model = Hidden(scale)
    model(np.zeros((1, *SHAPE), np.float32))
    probe = Probe(model, SHAPE)
    assert (None if probe.assumption else probe.preprocessing.name) == name


@pytest.mark.parametrize(("dtype", "name"), [("uint8", "pixels"), ("int32", "pixels"), ("int8", None)])
def test_whole_numbers_are_pixels_if_they_can_be(dtype, name):
    image = keras.Input(SHAPE, dtype=dtype)
    probe = Probe(keras.Model(image, layers.Dense(2)(layers.Flatten()(ops.cast(image, "float32") / 255.0))))
    assert (None if probe.assumption else probe.preprocessing.name) == name


def test_rows_that_a_recurrent_layer_takes_and_what_any_scale_is_the_same_to():
    rows = keras.Sequential([keras.Input((4, 12)), layers.Rescaling(1 / 255), layers.LSTM(3), layers.Dense(2)])
    assert Probe(rows, (4, 12, 1)).preprocessing.name == "pixels"
    image = keras.Input(SHAPE)
    free = Probe(keras.Model(image, layers.Dense(2)(layers.Flatten()(Standardised()(image)))))
    assert (free.preprocessing.name, free.assumption) == ("unit", "")


def test_a_network_that_scales_inside_is_given_pixels():
    net = keras.applications.MobileNetV3Small(weights=None, include_top=False, input_shape=(32, 32, 3), alpha=0.25)
    image = keras.Input((32, 32, 3))
    given = keras.applications.mobilenet_v3.preprocess_input(layers.RandomFlip()(image))
    probe = Probe(keras.Model(image, layers.Dense(2)(layers.GlobalAveragePooling2D()(net(given)))))
    assert (probe.preprocessing.name, probe.assumption) == ("pixels", "")


def test_looking_changes_neither_the_model_nor_its_seeds():
    image = keras.Input(SHAPE)
    moved = layers.RandomFlip(seed=1)(image, training=True) / 255.0
    model = keras.Model(image, layers.Dense(2)(layers.Flatten()(moved)))
    before = [np.array(each) for each in model.get_weights()]
    Probe(model)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


MEAN_BGR = np.array([103.939, 116.779, 123.68], np.float32)
UNDONE = {
    "-1…1, caffe": lambda x: of("vgg16")((x + 1) * 127.5),
    "-1…1, torch": lambda x: ((x + 1) / 2 - MEAN) / DEVIATION,
    "-1…1, Rescaling twice, Normalization": lambda x: layers.Normalization(mean=MEAN, variance=DEVIATION**2)(
        layers.Rescaling(1 / 255)(layers.Rescaling(127.5, offset=127.5)(x))
    ),
    "-1…1, caffe, divided": lambda x: of("vgg16")((x + 1) * 127.5) / 64,
    "-1…1, Rescaling": layers.Rescaling(2.0),
    "-1…1, made darker": lambda x: x * 3 + 0.4,
    "caffe, to -1…1": lambda x: ((x + MEAN_BGR) / 127.5 - 1)[..., ::-1],
    "caffe, to 0…1": lambda x: (x + MEAN_BGR) / 255,
    "torch, to -1…1": lambda x: (x * DEVIATION + MEAN) * 2 - 1,
}


@pytest.mark.parametrize("name", UNDONE)
def test_what_undoes_another_convention_is_no_knowledge_of_0_to_1(name):
    probe = Probe(knowing(UNDONE[name], 1))
    assert (probe.preprocessing.name, probe.assumption) == ("unit", ASSUMED)


def dense(image):
    return layers.Dense(2)(layers.Flatten()(layers.Dense(4)(image)))


def patches(image):
    """Places put together before anything is scaled, as a vision transformer does."""
    tiles = layers.Permute((1, 3, 2, 4, 5))(layers.Reshape((2, 2, 2, 2, 3))(image))
    return dense(layers.Reshape((4, 12))(tiles) / 127.5 - 1)


def patches_in_the_batch(image):
    tiles = ops.reshape(layers.Rescaling(1 / 255)(image), (-1, 2, 2, 2, 2, 3))
    seen = layers.Conv2D(2, 1)(ops.reshape(ops.transpose(tiles, (0, 1, 3, 2, 4, 5)), (-1, 2, 2, 3)))
    return layers.Dense(2)(ops.reshape(seen, (-1, 32)))


def other_colours(image):
    """Brightness and two differences of colours, which are 0 for any grey."""
    mixed = np.array([[0.299, -0.147, 0.615], [0.587, -0.289, -0.515], [0.114, 0.436, -0.1]], np.float32)
    return dense(ops.matmul(layers.Rescaling(1 / 255)(image), mixed))


@pytest.mark.parametrize("seen", [patches, patches_in_the_batch, other_colours, dense])
def test_pixels_that_are_moved_or_mixed_are_followed(seen):
    image = keras.Input(SHAPE)
    probe = Probe(keras.Model(image, seen(image)))
    assert (None if probe.assumption else probe.preprocessing.name) == (None if seen is dense else "pixels")


@pytest.mark.parametrize(("span", "name"), [((0, 1), "unit"), ((0, 255), None)])
def test_an_augmentation_names_its_range_unless_it_is_the_default(span, name):
    image = keras.Input(SHAPE)
    probe = Probe(keras.Model(image, dense(layers.RandomBrightness(0.1, value_range=span)(image))))
    assert (None if probe.assumption else probe.preprocessing.name) == name
