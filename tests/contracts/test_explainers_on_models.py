"""Attribution methods on models of every make: equal maps however a model is written, and the model left as it was."""

from __future__ import annotations

import re
import threading
import zipfile
from functools import cache

import keras
import numpy as np
import pytest
from keras import layers, ops

from workbench.attribution.explainer import Explainer
from workbench.attribution.methods import explainer, explainers
from workbench.core.errors import WorkbenchError
from workbench.models.probe import Probe

SHAPE, CLASSES = (14, 16, 1), 3
METHODS = sorted(explainers())
OF_TOKENS = [name for name in METHODS if explainer(name).kin() == "attention"]
OF_MAPS = [name for name in METHODS if name not in OF_TOKENS]
PIXELS = [name for name in OF_MAPS if not explainer(name).needs_layer()]
# One method for each way in which a scorer is asked: gradient, ReLUs' rules, maps, channels, copies; and the control.
WAYS = ["saliency", "guided-backprop", "grad-cam", "ablation-cam", "occlusion", "random"]
every_method = pytest.mark.parametrize("name", METHODS)


def nested(kit):
    image, inner = keras.Input(SHAPE), keras.Input(SHAPE)
    *convolutions, flatten, dense = kit.stack()
    return keras.Model(
        image, dense(flatten(keras.Model(inner, kit.chain(inner, convolutions), name="backbone")(image)))
    )


def nested_twice(kit):
    *convolutions, flatten, dense = kit.stack()
    backbone = keras.Sequential([keras.Input(SHAPE), *convolutions])
    whole = keras.Sequential([keras.Input(SHAPE), backbone, layers.Dropout(0.2), flatten, layers.Dropout(0.5), dense])
    image = keras.Input(SHAPE)
    return keras.Model(image, layers.Reshape((CLASSES,))(whole(image)))


def reshaped(kit, shape):
    return keras.Sequential([keras.Input(shape), layers.Reshape(SHAPE), *kit.stack()])


def byte_input(kit):
    image = keras.Input(SHAPE, dtype="uint8")
    return keras.Model(image, kit.chain(image, [layers.Rescaling(1 / 255), *kit.stack()]))


class Subclassed(keras.Model):
    """A model that only its own `call` can run."""

    def __init__(self, kit):
        super().__init__()
        self.parts = kit.stack(None)

    def call(self, images):
        for part in self.parts:
            images = part(images)
        return images


def subclassed(kit):
    model = Subclassed(kit)
    model(np.zeros((1, *SHAPE), np.float32))
    return model


FORMS = {
    "sequential": lambda kit: keras.Sequential([keras.Input(SHAPE), *kit.stack()]),
    "softmax layer": lambda kit: keras.Sequential([keras.Input(SHAPE), *kit.stack(None), layers.Softmax()]),
    "Activation": lambda kit: keras.Sequential([keras.Input(SHAPE), *kit.stack(None), layers.Activation("softmax")]),
    "log_softmax": lambda kit: kit.functional(last="log_softmax"),
    "no softmax": lambda kit: kit.functional(last=None),
    "keras.ops.softmax": lambda kit: keras.Model(
        image := keras.Input(SHAPE), ops.softmax(kit.chain(image, kit.stack(None)))
    ),
    "nested": nested,
    "nested twice": nested_twice,
    "own range of pixels": lambda kit: keras.Sequential([keras.Input(SHAPE), layers.Rescaling(1 / 255), *kit.stack()]),
    "bytes": byte_input,
    "no channel": lambda kit: reshaped(kit, SHAPE[:2]),
    "flat": lambda kit: reshaped(kit, (14 * 16,)),
    "any size": lambda kit: keras.Sequential([keras.Input((None, None, 1)), layers.Resizing(*SHAPE[:2]), *kit.stack()]),
    "subclassed": subclassed,
}


@pytest.mark.parametrize("form", [*FORMS, "loaded"])
def test_however_the_model_is_written_its_maps_are_the_same(kit, form, images, target, made, tmp_path):
    written = kit.seeded(FORMS["sequential" if form == "loaded" else form](kit))
    if form == "loaded":
        written.save(tmp_path / "model.keras")
        written = keras.models.load_model(tmp_path / "model.keras")
    probe = Probe(written, SHAPE)
    for name in OF_MAPS if form == "nested twice" else WAYS[:4]:
        if form == "subclassed" and name not in PIXELS:
            with pytest.raises(WorkbenchError, match=r"needs a layer .* hides its layers in a custom `call`"):
                kit.quick(name).attribute(probe, images, target)
            continue
        kit.same(kit.quick(name).attribute(probe, images, target).values, made[name].values, 1e-4)


def as_in(kit, policy, name, **how):
    """A probe of the model that a method is tried on, in another precision."""
    build = kit.attentive if name in OF_TOKENS else kit.functional
    keras.config.set_dtype_policy(policy)
    try:
        whole = build(last=None)
        end = layers.Activation("softmax", dtype=None if policy == "float64" else "float32")(whole.output)
        model = keras.Model(whole.input, end)
    finally:
        keras.config.set_dtype_policy("float32")
    return Probe(kit.seeded(model), **how)


@pytest.fixture(scope="module")
def half(kit):
    """Probes of the same models with half precision inside, by the method that is tried on them."""
    made = cache(lambda of_tokens: as_in(kit, "mixed_float16", OF_TOKENS[0] if of_tokens else ""))
    return lambda name: made(name in OF_TOKENS)


@pytest.fixture(scope="module")
def double(kit):
    """Probes of the same models in double precision, by the method that is tried on them."""
    made = cache(lambda of_tokens: as_in(kit, "float64", OF_TOKENS[0] if of_tokens else "", floats="float64"))
    return lambda name: made(name in OF_TOKENS)


# Between nearly equal values half precision pools others: of few points on a path, some have other gradients.
POINTS = {"blur-ig": {"steps": 50}, "gradient-shap": {"samples": 50}}


@every_method
def test_half_precision_inside_gives_float32_maps_near_the_exact_ones(kit, name, half, images, target, made, probe):
    method = kit.quick(name, **POINTS.get(name, {}))
    exact = method.attribute(probe, images, target) if name in POINTS else made[name]
    kit.same(method.attribute(half(name), images, target).values, exact.values, 0.05)


@every_method
def test_single_precision_is_enough(kit, name, double, images, target, made):
    """Random draws are the same in both, so that the maps of a float64 copy of the model tell how exact these are."""
    exact, values = kit.quick(name).attribute(double(name), images, target), made[name].values
    np.testing.assert_allclose(values, exact.values, rtol=0, atol=1e-4 * np.abs(exact.values).max())
    for what, numbers in exact.details.items():
        np.testing.assert_allclose(made[name].details[what], numbers, rtol=0, atol=1e-4)


# Every pixel's value under a score that is the sum of C channels + 1 over P places, for white images.
KNOWN = {
    "ablation-cam": lambda C, P: P * (C + 1) ** 2,
    "deconvnet": lambda C, P: C,
    "deep-lift": lambda C, P: C,
    "eigen-cam": lambda C, P: C + 1,
    "full-grad": lambda C, P: C + 1,
    "grad-cam": lambda C, P: C + 1,
    "grad-cam-plus-plus": lambda C, P: P * (C + 1) / (2 + P * (C + 1)),
    "guided-backprop": lambda C, P: C,
    "guided-grad-cam": lambda C, P: C * (C + 1),
    "hires-cam": lambda C, P: C + 1,
    "input-x-gradient": lambda C, P: C,
    "integrated-gradients": lambda C, P: C,
    "layer-cam": lambda C, P: C + 1,
    "lrp": lambda C, P: C + 1,  # the bias takes none
    "occlusion": lambda C, P: 64 * C,  # a patch hides all its pixels
    "saliency": lambda C, P: 1,  # of all channels the one that reacts most
    "score-cam": lambda C, P: 0,  # a map without differences is skipped
    "smooth-grad": lambda C, P: C,
    "square-grad": lambda C, P: C,
    "var-grad": lambda C, P: 0,
    "x-grad-cam": lambda C, P: C + 1,
}


@pytest.mark.parametrize(
    ("shape", "classes"), [((8, 8, 1), 2), ((8, 11, 3), 1000), ((28, 28, 1), 10), ((64, 64, 3), 2), ((33, 8, 1), 3)]
)
def test_any_size_colour_and_number_of_classes(kit, shape, classes):
    """Only the kernel of the last class is not zero: its map is known, the others are empty."""
    model = keras.Sequential(
        [keras.Input(shape), layers.Conv2D(1, 1, activation="relu"), layers.Flatten(), layers.Dense(classes)]
    )
    kernel = np.zeros((shape[0] * shape[1], classes), np.float32)
    kernel[:, -1] = 1
    model.set_weights([np.ones((1, 1, shape[2], 1)), np.ones(1), kernel, np.zeros(classes)])
    probe, white = Probe(model), np.full((2, *shape), 255, np.uint8)
    for name in {(8, 11, 3): OF_MAPS, (33, 8, 1): PIXELS}.get(shape, WAYS):
        few = {"size": 8, "stride": 8} if name == "occlusion" else {}
        given = kit.quick(name, **few).attribute(probe, white, np.array([classes - 1, 0]))
        assert given.at_pixels().shape == (2, *shape[:2]), name
        seen, unseen = given.at_pixels()
        assert unseen.any() == (not explainer(name).of_class), name
        if name in KNOWN:
            expected = KNOWN[name](shape[2], shape[0] * shape[1])
            np.testing.assert_allclose(seen, expected, rtol=1e-4, atol=1e-6, err_msg=name)
        else:
            assert seen.any(), name


def sentence(name, probe):
    """Why a method does not apply, as it is said when it is asked all the same."""
    reason, shape = explainer(name).missing(probe), (1, *probe.image_shape)
    if reason is not None:
        with pytest.raises(WorkbenchError, match=re.escape(reason)):
            explainer(name)().attribute(probe, np.zeros(shape, np.uint8), np.zeros(1, int))
    return reason


NO_ATTENTION = (
    "needs attention of all tokens of the image to all others, from the first layer to the last. "
    "This model has no attention that can be seen."
)
RECTIFIED = {"deconvnet", "guided-backprop", "guided-grad-cam"}


def test_a_model_without_convolution_is_explained_by_its_pixels(kit, images, target):
    whole = [layers.Flatten(), layers.Dense(6, activation="relu"), layers.Dense(CLASSES, activation="softmax")]
    probe = Probe(kit.seeded(keras.Sequential([keras.Input(SHAPE), *whole])))
    for name in METHODS:
        needs = "a layer that computes (N, h, w, F) feature maps from the image. This model has none: its weights are"
        said = f"{explainer(name).title} needs {needs} in Dense (2)."
        if name in OF_TOKENS:
            said = f"{explainer(name).title} {NO_ATTENTION}"
        assert sentence(name, probe) == (None if name in PIXELS else said)
        if name in PIXELS:
            given = kit.quick(name).attribute(probe, images, target)
            assert given.values.shape == (5, *SHAPE[:2]), name
            assert given.values.std() > 0, name


def test_a_model_without_relu_says_so_to_methods_that_change_relus():
    smooth = [layers.Conv2D(2, 3, activation="tanh"), layers.Flatten(), layers.Dense(CLASSES)]
    probe = Probe(keras.Sequential([keras.Input(SHAPE), *smooth]))
    for name in METHODS:
        said = f"{explainer(name).title} changes the backward pass of ReLUs. This model has none."
        said = f"{explainer(name).title} {NO_ATTENTION}" if name in OF_TOKENS else said
        assert sentence(name, probe) == (said if name in (*RECTIFIED, *OF_TOKENS) else None)


def test_one_sigmoid_a_class_has_logits_and_no_probability(kit, images, target, made):
    probe = Probe(kit.seeded(kit.functional(last="sigmoid")))
    for name in OF_MAPS:
        with pytest.raises(WorkbenchError, match=r"^The probability cannot be explained: .* one sigmoid per class"):
            kit.quick(name).attribute(probe, images, target, score="probability")
    for name in WAYS:
        kit.same(kit.quick(name).attribute(probe, images, target).values, made[name].values)


def test_each_call_of_a_shared_layer_has_its_own_maps(kit):
    image, shared = keras.Input((6, 6, 1)), layers.Conv2D(1, 3, padding="same", activation="relu", name="twice")
    model = kit.seeded(keras.Model(image, layers.Dense(3)(layers.Flatten()(shared(shared(image))))), seed=1)
    probe, images = Probe(model), np.random.default_rng(0).random((2, 6, 6, 1), np.float32)
    assert probe.spatial_layers == ["twice", "twice:2"]
    both = [probe.feature_maps(images, layer) for layer in probe.spatial_layers]
    np.testing.assert_allclose(model.get_layer("twice")(both[0]), both[1], rtol=1e-5)
    np.testing.assert_allclose(model.get_layer("twice")(images), both[0], rtol=1e-5)


class Failing(Explainer):
    """Fails after it has walked through the model."""

    title = "Failing"

    def formula(self, score, images):
        score.feature_maps_and_gradients(images, "conv")
        raise RuntimeError("planted")


def regularised():
    """A fitted model with everything that a careless call would change: statistics, losses, seeds, optimizer."""
    model = keras.Sequential(
        [
            keras.Input((9, 8, 3)),
            layers.Conv2D(4, 3, name="conv", kernel_regularizer="l2", activity_regularizer="l1"),
            layers.BatchNormalization(momentum=0.5),
            layers.ReLU(),
            layers.SpatialDropout2D(0.3),
            layers.GlobalAveragePooling2D(),
            layers.Dropout(0.5),
            layers.Dense(3, activation="softmax"),
        ]
    )
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


def test_the_model_is_left_unchanged_bit_for_bit_also_after_an_error(kit, tmp_path):
    model = regularised()
    before = state(model, tmp_path)
    images = np.random.default_rng(3).random((2, 9, 8, 3), np.float32)
    target = np.array([0, 1])
    model(images)
    held = losses(model)
    assert len(held[0]) == 2  # of the kernel, and of the activity
    probe = Probe(model)
    probe.embeddings(images)
    for name in OF_MAPS:
        kit.quick(name).attribute(probe, images, target)
        with pytest.raises(WorkbenchError):
            kit.quick(name).attribute(probe, images, np.array([0, 3]))
    with pytest.raises(RuntimeError, match="planted"):
        Failing().attribute(probe, images, target)
    assert losses(model) == held
    after = state(model, tmp_path)
    for what, value in before.items():
        np.testing.assert_equal(after[what], value, err_msg=what)
    model.fit(images, target, verbose=0)  # and it can still be trained
    assert any((a != b).any() for a, b in zip(model.get_weights(), before["loaded"], strict=True))


def test_four_threads_get_what_one_gets(kit, model, images, target, made):
    """Methods at once on a probe that has compiled nothing yet."""
    expected = {name: made[name].values for name in [*WAYS, "integrated-gradients", "smooth-grad"]}
    probe, found, start = Probe(model), {}, threading.Barrier(4)

    def work(number):
        start.wait()
        for name in [*expected][number:] + [*expected][:number]:
            found[number, name] = kit.quick(name).attribute(probe, images, target).values

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600)
    assert len(found) == 4 * len(expected)
    for (_, name), values in found.items():
        kit.same(values, expected[name])
