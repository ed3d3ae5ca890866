"""What holds for every attribution method that is found, the ones added tomorrow included."""

from __future__ import annotations

import threading
import zipfile

import keras
import numpy as np
import pytest
from keras import layers, ops

from workbench.errors import WorkbenchError
from workbench.explainers import explainer, explainers
from workbench.explainers.base import Explainer
from workbench.params import describe, make
from workbench.probe import Probe

SHAPE, CLASSES = (14, 16, 1), 3
METHODS = sorted(explainers())
# A score times a hundred gives maps times a hundred; and of the signed ones, the map of s - s' is the maps' difference.
LINEAR = ["grad-cam", "integrated-gradients", "occlusion", "saliency", "smooth-grad"]
SIGNED = [name for name in LINEAR if explainer(name).signed]
PIXELS = [name for name in METHODS if not explainer(name).needs_layer()]
every_method = pytest.mark.parametrize("name", METHODS)


def stack(last="softmax", classes=CLASSES):
    """Fresh layers of the same small classifier."""
    return [
        layers.Conv2D(4, 3, activation="relu", name="conv1"), layers.MaxPooling2D(name="pool"),
        layers.Conv2D(5, 2, activation="relu", name="conv2"), layers.Flatten(), layers.Dense(classes, activation=last),
    ]  # fmt: skip


def chain(tensor, parts):
    for part in parts:
        tensor = part(tensor)
    return tensor


def functional(shape=SHAPE, last="softmax", classes=CLASSES):
    image = keras.Input(shape)
    return keras.Model(image, chain(image, stack(last, classes)))


def seeded(model, seed=6):
    """Give a model weights from our own generator, so that models of one structure are equal."""
    chance = np.random.default_rng(seed)
    spreads = [(1.5 / np.sqrt(np.prod(w.shape[:-1]) + 4), w.shape) for w in model.get_weights()]
    model.set_weights([chance.normal(0, spread, shape) for spread, shape in spreads])
    return model


def quick(name, **params):
    """The method with as few changed copies of an image as it takes, to be quick."""
    few = {
        each.name: max(int(each.low or 0), 4)
        for each in describe(explainer(name))
        if each.kind is int and isinstance(each.default, int) and each.default > 10
    }
    return make(explainer(name), {**few, **params})


def same(values, expected, share=1e-5):
    """Assert that two sets of maps agree to a share of the largest value."""
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, expected, rtol=0, atol=share * np.abs(expected).max())


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).integers(0, 256, (5, *SHAPE), np.uint8)


@pytest.fixture(scope="module")
def target():
    return np.array([0, 2, 1, 0, 2])


@pytest.fixture(scope="module")
def model():
    return seeded(functional())


@pytest.fixture(scope="module")
def probe(model):
    return Probe(model)


@pytest.fixture(scope="module")
def maps(probe, images, target):
    """The maps of each method, by name, computed once; none of them is flat."""
    found = {name: quick(name).attribute(probe, images, target).values for name in METHODS}
    assert all(values.std() > 0 for values in found.values())
    return found


@every_method
def test_it_says_what_it_is_and_what_each_parameter_does(name):
    kind = explainer(name)
    assert kind.name == name == kind.__module__.rpartition(".")[2].replace("_", "-")
    assert kind.title
    assert kind.paper
    assert kind.summary().endswith(".")
    assert all(len(each.help) > 5 for each in describe(kind))


@every_method
def test_class_zero_is_a_class(name, model, images, maps, target):
    """With the model's classes turned round, class 0 is explained as class 2 was before."""
    turned = functional()
    *rest, kernel, bias = model.get_weights()
    turned.set_weights([*rest, kernel[:, ::-1], bias[::-1]])
    same(quick(name).attribute(Probe(turned), images, 2 - target).values, maps[name])


@every_method
@pytest.mark.parametrize("rows", [1, 2, 7])
def test_one_image_is_many_images(name, model, images, target, maps, rows):
    """Also where fewer rows fit into a call than there are images, or changed copies of an image."""
    narrow = Probe(model)
    narrow.max_rows = rows
    same(quick(name).attribute(narrow, images, target).values, maps[name])
    same(quick(name).attribute(narrow, images[3:4], target[3:4]).values, maps[name][3:4])


@every_method
def test_order_does_not_matter(name, probe, images, target, maps):
    order = np.array([3, 0, 4, 2, 1, 3])
    same(quick(name).attribute(probe, images[order], target[order]).values, maps[name][order])


@every_method
def test_bytes_are_floats_times_255(name, probe, images, target, maps):
    same(quick(name).attribute(probe, (images / 255).astype(np.float32), target).values, maps[name])


@every_method
def test_what_it_returns_says_how_to_get_it_again(name, probe, images, target, maps):
    given = quick(name).attribute(probe, images, target)
    again = make(explainer(given.method), given.params).attribute(probe, images, given.target, score=given.score)
    assert given.image_size == SHAPE[:2]
    assert given.signed == explainer(name).signed or (given.values >= 0).all()
    assert (given.values >= 0).all() or given.signed
    assert given.layer == ("conv2" if explainer(name).needs_layer() else None)
    np.testing.assert_array_equal(again.values, maps[name])


def changed_values(each, probe):
    """Values of one parameter that must each give another map than its default does."""
    if each.choose_from == "layers":
        return [layer for layer in probe.spatial_layers if layer != probe.default_layer]
    if each.options:
        return [option for option in each.options if option != each.default]
    if each.kind is bool:
        return [not each.default]
    low = each.low or 0
    return [low + 2 if each.default is None else low if low != each.default else low + 1]


@pytest.mark.parametrize(
    ("name", "parameter"), [(name, each.name) for name in METHODS for each in describe(explainer(name))]
)
def test_every_parameter_changes_the_output(name, parameter, probe, images, target):
    each = next(each for each in describe(explainer(name)) if each.name == parameter)
    given = [each.default, *changed_values(each, probe)]
    assert len(given) > 1
    # Averages of few copies, so that the default stays quick too.
    found = [quick(name, **{parameter: value}).attribute(probe, images, target).values for value in given]
    for value, values in zip(given[1:], found[1:], strict=True):
        moved = np.inf if values.shape != found[0].shape else np.abs(values - found[0]).max()
        assert moved > 1e-4 * np.abs(found[0]).max(), value


class Failing(Explainer):
    """Fails after it has walked through the model."""

    title = "Failing"

    def formula(self, score, images):
        score.feature_maps_and_gradients(images, "conv")
        raise RuntimeError("planted")


def regularised():
    """A fitted model with everything that a careless call would change: statistics, losses, seeds, optimizer."""
    model = keras.Sequential([
        keras.Input((9, 8, 3)),
        layers.Conv2D(4, 3, name="conv", kernel_regularizer="l2", activity_regularizer="l1"),
        layers.BatchNormalization(momentum=0.5), layers.ReLU(), layers.SpatialDropout2D(0.3),
        layers.GlobalAveragePooling2D(), layers.Dropout(0.5), layers.Dense(3, activation="softmax"),
    ])  # fmt: skip
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    chance = np.random.default_rng(0)
    model.fit(chance.random((8, 9, 8, 3), np.float32), chance.integers(0, 3, 8), verbose=0)
    return model


def state(model, folder):
    """Everything about a model that its owner could see change."""
    path = folder / "model.keras"
    model.save(path)
    with zipfile.ZipFile(path) as file:
        saved = file.read("config.json")
    loaded = keras.models.load_model(path)
    seen = np.random.default_rng(2).random((4, 9, 8, 3), np.float32)
    return {
        "variables": [np.asarray(each) for each in model.variables],
        "trainable": [each.path for each in model.trainable_variables],
        "optimizer": [np.asarray(each) for each in model.optimizer.variables],
        "metrics": model.get_metrics_result(),
        "json": model.to_json(),
        "saved": saved,
        "loaded": loaded.get_weights(),
        "nodes": [(len(each._inbound_nodes), len(each._outbound_nodes)) for each in model.layers],
        "training": [(each.trainable, each.dtype_policy.name, each.name) for each in model.layers],
        "predict": model.predict(seen, verbose=0),
    }


def losses(model):
    """The losses that the model's layers hold from its last call, one list a layer."""
    return [[float(loss) for loss in each.losses] for each in model.layers]


def test_the_model_is_left_unchanged_bit_for_bit_also_after_an_error(tmp_path):
    model = regularised()
    before = state(model, tmp_path)
    images = np.random.default_rng(3).random((2, 9, 8, 3), np.float32)
    target = np.array([0, 1])
    model(images)
    held = losses(model)
    assert len(held[0]) == 2  # of the kernel, and of the activity
    probe = Probe(model)
    probe.embeddings(images)
    for name in METHODS:
        quick(name).attribute(probe, images, target)
        with pytest.raises(WorkbenchError):
            quick(name).attribute(probe, images, np.array([0, 3]))
    with pytest.raises(RuntimeError, match="planted"):
        Failing().attribute(probe, images, target)
    assert losses(model) == held
    after = state(model, tmp_path)
    for what, value in before.items():
        np.testing.assert_equal(after[what], value, err_msg=what)
    model.fit(images, target, verbose=0)  # and it can still be trained
    assert any((a != b).any() for a, b in zip(model.get_weights(), before["loaded"], strict=True))


@pytest.mark.parametrize("name", SIGNED)
def test_the_contrast_is_the_difference_of_two_maps(name, probe, images, target, maps):
    other = (target + 1) % CLASSES
    contrast = quick(name).attribute(probe, images, target, against=other, score="contrast")
    same(contrast.values, maps[name] - quick(name).attribute(probe, images, other).values)
    assert contrast.score == "contrast"
    assert contrast.against.tolist() == other.tolist()


@pytest.mark.parametrize("name", LINEAR)
def test_a_class_against_itself_has_nothing_to_show(name, probe, images, target):
    values = quick(name).attribute(probe, images, target, against=target, score="contrast").values
    assert not values.any()


@every_method
def test_of_two_classes_what_makes_one_probable_makes_the_other_improbable(name):
    model = seeded(functional(classes=2))
    probe, images = Probe(model), np.random.default_rng(4).random((3, *SHAPE), np.float32)
    one, other = (
        quick(name).attribute(probe, images, np.full(3, c), score="probability").values.astype(float) for c in (0, 1)
    )
    if name in SIGNED:
        np.testing.assert_allclose(one, -other, atol=2e-4 * np.abs(one).max())
    elif name == "saliency":
        np.testing.assert_allclose(one, other, atol=2e-4 * one.max())
    elif name == "grad-cam":
        assert (one * other == 0).all()
    logits = quick(name).attribute(probe, images, np.zeros(3, int)).values
    assert np.abs(one).max() < 0.9 * np.abs(logits).max()  # dp/df is at most a quarter


@every_method
def test_a_confident_softmax_does_not_silence_the_logits(name, model, images, target, maps):
    """Logits times a hundred give maps times a hundred, where gradients of the probability would vanish; and no NaN."""
    loud = functional()
    *rest, kernel, bias = model.get_weights()
    loud.set_weights([*rest, 100 * kernel, 100 * bias])
    probe = Probe(loud)
    assert np.abs(probe.logits((images / 255).astype(np.float32))).max() > 89  # exp of it is no float32
    values = quick(name).attribute(probe, images, target).values
    same(values, 100 * maps[name], 1e-4) if name in LINEAR else np.testing.assert_array_less(0, np.abs(values).max())
    assert np.isfinite(quick(name).attribute(probe, images, target, score="probability").values).all()


@every_method
def test_flat_images_give_finite_maps(name, probe):
    flat = np.stack([np.full(SHAPE, value, np.uint8) for value in (0, 128, 255)])
    assert np.isfinite(quick(name).attribute(probe, flat, np.zeros(3, int)).values).all()


@every_method
def test_no_image_is_no_error(name, probe):
    given = quick(name).attribute(probe, np.zeros((0, *SHAPE), np.uint8), np.zeros(0, int))
    assert len(given) == 0
    assert given.at_pixels().shape == (0, *SHAPE[:2])


@every_method
@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"images": np.zeros((2, 8, 8, 1))}, r"`images` must have shape \(N, 14, 16, 1\)\. Got \(2, 8, 8, 1\)"),
        ({"images": np.zeros((2, 14, 16))}, r"`images` must have shape"),
        ({"target": np.zeros(3, int)}, r"`target` must have one class for each of 2 images\. Got shape \(3,\)"),
        ({"target": np.zeros((2, 1), int)}, r"`target` must have one class for each"),
        ({"target": np.array([0, 3])}, r"`target` must lie in 0…2\. Got 0…3"),
        ({"target": np.array([-1, 0])}, r"`target` must lie in 0…2\. Got -1…0"),
        ({"against": np.array([9, 0]), "score": "contrast"}, r"`against` must lie in 0…2\. Got 0…9"),
        ({"against": np.array([1, 0])}, r"`against` names the other class"),
        ({"score": "contrast"}, r"`against` names the other class"),
    ],
)
def test_what_does_not_fit_is_said(name, probe, changes, sentence):
    given = {"images": np.zeros((2, *SHAPE), np.uint8), "target": np.zeros(2, int), **changes}
    with pytest.raises(WorkbenchError, match=sentence):
        quick(name).attribute(probe, given.pop("images"), given.pop("target"), **given)


@pytest.mark.parametrize("name", [name for name in METHODS if name not in PIXELS])
def test_a_wrong_layer_is_said(name, probe, images, target):
    with pytest.raises(WorkbenchError, match=r"no layer 'conv3'.*Did you mean 'conv\d' or 'conv\d'\?.*: conv1, pool"):
        quick(name, layer="conv3").attribute(probe, images, target)
    flat = next(layer for layer in probe.layers if layer.startswith("flatten"))
    with pytest.raises(WorkbenchError, match=r"be one of conv1, pool, conv2\. Got 'flatten.*output is \(N, 150\)"):
        quick(name, layer=flat).attribute(probe, images, target)


def nested():
    image, inner = keras.Input(SHAPE), keras.Input(SHAPE)
    *convolutions, flatten, dense = stack()
    return keras.Model(image, dense(flatten(keras.Model(inner, chain(inner, convolutions), name="backbone")(image))))


def nested_twice():
    *convolutions, flatten, dense = stack()
    backbone = keras.Sequential([keras.Input(SHAPE), *convolutions])
    whole = keras.Sequential([keras.Input(SHAPE), backbone, layers.Dropout(0.2), flatten, layers.Dropout(0.5), dense])
    image = keras.Input(SHAPE)
    return keras.Model(image, layers.Reshape((CLASSES,))(whole(image)))


def reshaped(shape):
    return keras.Sequential([keras.Input(shape), layers.Reshape(SHAPE), *stack()])


def byte_input():
    image = keras.Input(SHAPE, dtype="uint8")
    return keras.Model(image, chain(image, [layers.Rescaling(1 / 255), *stack()]))


class Subclassed(keras.Model):
    """A model that only its own `call` can run."""

    def __init__(self):
        super().__init__()
        self.parts = stack(None)

    def call(self, images):
        return chain(images, self.parts)


def subclassed():
    model = Subclassed()
    model(np.zeros((1, *SHAPE), np.float32))
    return model


FORMS = {
    "sequential": lambda: keras.Sequential([keras.Input(SHAPE), *stack()]),
    "softmax layer": lambda: keras.Sequential([keras.Input(SHAPE), *stack(None), layers.Softmax()]),
    "Activation": lambda: keras.Sequential([keras.Input(SHAPE), *stack(None), layers.Activation("softmax")]),
    "log_softmax": lambda: functional(last="log_softmax"),
    "no softmax": lambda: functional(last=None),
    "keras.ops.softmax": lambda: keras.Model(image := keras.Input(SHAPE), ops.softmax(chain(image, stack(None)))),
    "nested": nested,
    "nested twice": nested_twice,
    "own range of pixels": lambda: keras.Sequential([keras.Input(SHAPE), layers.Rescaling(1 / 255), *stack()]),
    "bytes": byte_input,
    "no channel": lambda: reshaped(SHAPE[:2]),
    "flat": lambda: reshaped((14 * 16,)),
    "any size": lambda: keras.Sequential([keras.Input((None, None, 1)), layers.Resizing(*SHAPE[:2]), *stack()]),
    "subclassed": subclassed,
}


@pytest.mark.parametrize("form", [*FORMS, "loaded"])
def test_however_the_model_is_written_its_maps_are_the_same(form, images, target, maps, tmp_path):
    written = seeded(FORMS["sequential" if form == "loaded" else form]())
    if form == "loaded":
        written.save(tmp_path / "model.keras")
        written = keras.models.load_model(tmp_path / "model.keras")
    probe = Probe(written, SHAPE)
    for name in METHODS:
        if form == "subclassed" and name not in PIXELS:
            with pytest.raises(WorkbenchError, match=r"needs a layer .* shows none: it has a `call` of its own"):
                quick(name).attribute(probe, images, target)
            continue
        same(quick(name).attribute(probe, images, target).values, maps[name], 1e-4)


@every_method
def test_half_precision_inside_gives_float32_maps_near_the_exact_ones(name, images, target, maps):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        *parts, dense = stack(None)
        image = keras.Input(SHAPE)
        half = keras.Model(image, layers.Activation("softmax", dtype="float32")(chain(image, [*parts, dense])))
    finally:
        keras.config.set_dtype_policy("float32")
    same(quick(name).attribute(Probe(seeded(half)), images, target).values, maps[name], 0.05)


@every_method
@pytest.mark.parametrize(
    ("shape", "classes"), [((8, 8, 1), 2), ((8, 11, 3), 1000), ((28, 28, 1), 10), ((64, 64, 3), 2), ((33, 8, 1), 3)]
)
def test_any_size_colour_and_number_of_classes(name, shape, classes):
    """The last class of a linear model has the only kernel that is not zero: its map is known, others are empty."""
    model = keras.Sequential([
        keras.Input(shape), layers.Conv2D(1, 1, use_bias=False), layers.Flatten(), layers.Dense(classes),
    ])  # fmt: skip
    kernel = np.zeros((shape[0] * shape[1], classes), np.float32)
    kernel[:, -1] = 1
    model.set_weights([np.ones((1, 1, shape[2], 1)), kernel, np.zeros(classes)])
    probe = Probe(model)
    few = {"size": 8, "stride": 8} if name == "occlusion" else {}
    white = np.full((2, *shape), 255, np.uint8)
    seen, unseen = quick(name, **few).attribute(probe, white, np.array([classes - 1, 0])).at_pixels()
    assert not unseen.any()
    # One pixel of the score costs 1 a channel; a patch hides all its pixels; saliency takes one channel.
    expected = {"occlusion": 64 * shape[2], "saliency": 1}.get(name, shape[2])
    if name in LINEAR:
        np.testing.assert_allclose(seen, expected, rtol=1e-4)
    assert seen.any()


def test_a_model_without_places_says_so_to_methods_that_need_them(target):
    probe = Probe(keras.Sequential([keras.Input((6,)), layers.Dense(3)]), (2, 3, 1))
    for name in METHODS:
        said = f"{explainer(name).title} needs a layer with (N, h, w, F) output. This model has none."
        assert explainer(name).missing(probe) == (None if name in PIXELS else said)


def test_each_call_of_a_shared_layer_has_its_own_maps():
    image, shared = keras.Input((6, 6, 1)), layers.Conv2D(1, 3, padding="same", activation="relu", name="twice")
    model = seeded(keras.Model(image, layers.Dense(3)(layers.Flatten()(shared(shared(image))))), seed=1)
    probe, images = Probe(model), np.random.default_rng(0).random((2, 6, 6, 1), np.float32)
    assert probe.spatial_layers == ["twice", "twice:2"]
    both = [probe.feature_maps(images, layer) for layer in probe.spatial_layers]
    np.testing.assert_allclose(model.get_layer("twice")(both[0]), both[1], rtol=1e-5)
    np.testing.assert_allclose(model.get_layer("twice")(images), both[0], rtol=1e-5)


def test_four_threads_get_what_one_gets(model, images, target, maps):
    """All methods at once on a probe that has compiled nothing yet."""
    probe, found, start = Probe(model), {}, threading.Barrier(4)

    def work(number):
        start.wait()
        for name in METHODS[number % len(METHODS) :] + METHODS[: number % len(METHODS)]:
            found[number, name] = quick(name).attribute(probe, images, target).values

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(found) == 4 * len(METHODS)
    for (_, name), values in found.items():
        same(values, maps[name])
