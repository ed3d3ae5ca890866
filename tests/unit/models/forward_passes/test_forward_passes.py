"""Engines for forward passes: the same numbers as TensorFlow, or TensorFlow."""

from __future__ import annotations

import json
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import workbench as wb
from tests.patience import PATIENCE
from workbench.attribution.methods import explainer
from workbench.core.cache import load_arrays
from workbench.core.dataset import Dataset
from workbench.core.errors import Unavailable
from workbench.core.params import make
from workbench.models.forward_passes import converted_model, forward_passes
from workbench.models.forward_passes.engine_names import version_of
from workbench.models.probe import Probe

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install 'classifier-workbench[export]'")
SHAPE = (12, 14, 3)
CLOSE = converted_model.CLOSE


def convolutional(end="softmax", units=4):
    image = keras.Input(SHAPE)
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.Activation("relu")(layers.BatchNormalization(name="normal")(x))
    x = layers.SeparableConv2D(6, 3, padding="same", activation="swish", name="separable")(x)
    x = layers.Concatenate()([layers.MaxPooling2D(2)(x), layers.AveragePooling2D(2)(x)])
    x = layers.Dense(9, activation="relu")(layers.Dropout(0.5)(layers.GlobalAveragePooling2D()(x)))
    return keras.Model(image, layers.Dense(units, activation=end)(x))


def transformer():
    image = keras.Input(SHAPE)
    x = layers.Reshape((4, 16))(layers.Conv2D(16, 5, strides=5, name="patches")(image))
    x = layers.Dense(12, activation="gelu")(x)
    y = layers.LayerNormalization()(x)
    x = layers.Add()([x, layers.MultiHeadAttention(2, 6, name="attention")(y, y)])
    return keras.Model(image, layers.Dense(3)(layers.GlobalAveragePooling1D()(x)))


def nested():
    image = keras.Input(SHAPE)
    return keras.Model(image, layers.Dense(3, name="last")(convolutional(None)(image)))


BUILDS = {
    "convolutional": convolutional,
    "logits": lambda: convolutional(None),
    "one sigmoid": lambda: convolutional("sigmoid", 1),
    "sigmoids": lambda: convolutional("sigmoid", 3),
    "transformer": transformer,
    "nested": nested,
}


def trained(model):
    """Give every weight a value of its own, statistics of batches too."""
    chance = np.random.default_rng(3)
    for weight in model.weights:
        value = chance.normal(0, 0.4, weight.shape)
        weight.assign(np.abs(value) + 0.5 if "variance" in weight.path else value)
    return model


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((30, *SHAPE), np.float32)


def both(model, **given):
    plain, other = Probe(model, **given), Probe(model, **given)
    other.pass_forward_by("onnxruntime")
    return plain, other


def near(one, two):
    assert one.shape == two.shape and one.dtype == two.dtype == np.float32
    assert np.abs(one - two).max() <= CLOSE * np.abs(two).max()


@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS.keys())
def test_logits_embeddings_and_masked_maps_are_those_of_tensorflow(build, images, monkeypatch):
    plain, other = both(trained(build()))
    assert other.forward.choice.engine == "onnxruntime" and 0 <= other.forward.choice.difference <= CLOSE
    monkeypatch.setattr(other, "run", None)  # nothing goes through TensorFlow
    near(other.logits(images), plain.logits(images))
    near(other.embeddings(images), plain.embeddings(images))
    for one, two in zip(other.logits_and_embeddings(images), plain.logits_and_embeddings(images), strict=True):
        near(one, two)
    target = plain.logits(images[:3]).argmax(axis=1)
    occlusion = make(explainer("occlusion"), {"size": 4, "stride": 4})
    for score in ("logit",) if plain.sigmoid else ("logit", "probability"):
        one, two = (occlusion.attribute(each, images[:3], target, score=score).values for each in (other, plain))
        assert np.abs(one - two).max() <= 2 * CLOSE * np.abs(plain.logits(images)).max()
        assert np.ptp(two) > 1e-3  # so that it says something


def test_gradients_stay_with_tensorflow_to_the_last_bit(images):
    plain, other = both(trained(convolutional()))
    target = np.arange(5) % 4
    assert np.array_equal(other.gradient(images[:5], target), plain.gradient(images[:5], target))
    one, two = (make(explainer("grad-cam"), {}).attribute(each, images[:5], target).values for each in (other, plain))
    assert np.array_equal(one, two)


def test_a_layer_that_much_is_asked_of_has_a_converted_model_of_its_own(images, monkeypatch):
    plain, other = both(trained(convolutional()))
    near(other.feature_maps(images, "separable"), plain.feature_maps(images, "separable"))
    monkeypatch.setattr(forward_passes, "WORTH", 1.0)
    monkeypatch.setattr(other, "run", None)
    near(other.feature_maps(images, "separable"), plain.feature_maps(images, "separable"))
    assert len(other.forward._of_layers) == 1 and other.forward.used


def test_a_probe_with_other_weights_uses_these(images):
    model = trained(convolutional())
    _, other = both(model)
    weights = [tf.Variable(-weight.numpy() if "kernel" in weight.path else weight.numpy()) for weight in model.weights]
    changed = other.with_weights(weights)
    assert np.abs(changed.logits(images) - other.logits(images)).max() > 0.1
    assert np.array_equal(changed.logits(images), Probe(model).with_weights(weights).logits(images))


def test_models_that_share_compiled_functions_have_each_its_own_converted_model(images):
    model = trained(convolutional())
    target, occlusion = np.arange(3), make(explainer("occlusion"), {"size": 4, "stride": 4})
    _, first = both(model)
    occlusion.attribute(first, images[:3], target)
    model.set_weights([weight * 0.7 for weight in model.get_weights()])
    plain, second = both(model)
    second.engine = first.engine
    one, two = (occlusion.attribute(each, images[:3], target).values for each in (second, plain))
    assert np.abs(one - two).max() <= 2 * CLOSE * np.abs(plain.logits(images)).max()


class Noisy(layers.Layer):
    """Says something else at every call."""

    def call(self, x):
        return x + tf.random.normal(tf.shape(x), 0.0, 0.01)


class Foreign(layers.Layer):
    """Computes in Python, which no ONNX model holds."""

    def call(self, x):
        return tf.ensure_shape(tf.numpy_function(lambda a: a * 2, [x], tf.float32), x.shape)


@pytest.mark.parametrize(("layer", "says"), [(Noisy, "differs"), (Foreign, "cannot be converted")])
def test_what_onnxruntime_does_not_compute_the_same_stays_with_tensorflow_and_says_why(layer, says, images):
    image = keras.Input(SHAPE)
    model = keras.Model(image, layers.Dense(3)(layers.Flatten()(layer()(image))))
    probe = Probe(model)
    probe.pass_forward_by("auto")
    probe.expect(10**9)
    assert probe.forward.choice.engine == "tensorflow" and says in probe.forward.choice.reason
    assert probe.forward.session is None and probe.logits(images).shape == (30, 3)
    with pytest.raises(wb.WorkbenchError, match=says):
        Probe(model).pass_forward_by("onnxruntime")


def test_a_slower_engine_is_not_taken_and_one_that_is_asked_for_is(monkeypatch):
    monkeypatch.setattr(forward_passes, "measure", lambda *_: 0.5)
    model = trained(convolutional())
    asked, left = Probe(model), Probe(model)
    left.pass_forward_by("auto")
    left.expect(10**9)
    assert left.forward.choice.engine == "tensorflow" and "0.5 ×" in left.forward.choice.reason
    asked.pass_forward_by("onnxruntime")
    assert asked.forward.session is not None


def test_how_fast_is_a_ratio_of_medians_of_runs_in_turn():
    log, clock = [], [0.0]

    class Fake:
        image_shape, rows, values = SHAPE, 8, 1

        def some_images(self):
            return np.zeros((0, *SHAPE), np.float32)

        def by_tensorflow(self, images, outputs):
            log.append("tensorflow")
            clock[0] += 0.06 if len(log) != 4 else 9.0  # one outlier

    class Session:
        def tried(self, images):
            assert images.shape == (8, *SHAPE)
            log.append("onnxruntime")
            clock[0] += 0.02

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(converted_model.time, "perf_counter", lambda: clock[0])
        assert converted_model.measure(Fake(), Session(), "scores") == pytest.approx(3.0)
    assert log == ["onnxruntime", "tensorflow"] * (len(log) // 2)


def test_it_is_chosen_once_there_is_much_to_do_and_kept(tmp_path, monkeypatch, images):
    monkeypatch.setattr(forward_passes, "measure", lambda *_: 2.0)
    model, kept = trained(convolutional()), tmp_path / "engine.npz"
    probe = Probe(model)
    monkeypatch.setattr(forward_passes, "WORTH", 40.0 * probe.values)
    probe.pass_forward_by("auto", kept)
    probe.logits(images)
    assert probe.forward.choice is None and probe.forward.name.startswith("tensorflow ") and not kept.exists()
    before = probe.logits(images[:5])
    probe.logits(images)
    assert probe.forward.choice.engine == "onnxruntime" and probe.forward.name.startswith("onnxruntime ")
    near(probe.logits(images[:5]), before)

    again = Probe(model)
    with monkeypatch.context() as patched:
        patched.setattr(forward_passes, "convert", None)  # it is not converted anew
        again.pass_forward_by("auto", kept)
    assert again.forward.choice == probe.forward.choice
    assert np.array_equal(again.logits(images), probe.logits(images))


def test_a_choice_made_with_other_libraries_or_damaged_is_made_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(forward_passes, "measure", lambda *_: 2.0)
    model, kept = trained(convolutional()), tmp_path / "engine.npz"
    Probe(model).pass_forward_by("onnxruntime", kept)
    arrays = load_arrays(kept)
    made = []
    real = forward_passes.convert
    monkeypatch.setattr(forward_passes, "convert", lambda *given: made.append(1) or real(*given))
    Probe(model).pass_forward_by("onnxruntime", kept)
    assert made == []
    forward_passes.save_arrays(kept, {**arrays, "made_with": np.array("onnxruntime 0.1")})
    Probe(model).pass_forward_by("onnxruntime", kept)
    assert made == [1]
    kept.write_bytes(kept.read_bytes()[:-100])
    Probe(model).pass_forward_by("onnxruntime", kept)
    assert made == [1, 1]
    slow = Probe(model)
    slow.pass_forward_by("auto", kept)  # what was asked for is not what was measured
    assert slow.forward.choice is None


def test_without_its_libraries_tensorflow_does_it_and_asking_says_what_to_install(monkeypatch):
    monkeypatch.setattr(forward_passes, "version_of", lambda name: "" if name == "tf2onnx" else "1.0")
    probe = Probe(convolutional())
    probe.pass_forward_by("auto")
    probe.expect(10**9)
    assert probe.forward.choice.engine == "tensorflow" and "classifier-workbench[export]" in probe.forward.choice.reason
    monkeypatch.setattr("workbench.core.extras.find_spec", lambda name: None if name == "tf2onnx" else object())
    with pytest.raises(Unavailable, match="tf2onnx"):
        Probe(convolutional()).pass_forward_by("onnxruntime")


def made(model, *, wanted="auto", labels=None, cache=False):
    chance = np.random.default_rng(1)
    pixels = chance.integers(0, 256, (20, *SHAPE), np.uint8)
    labels = np.arange(20) % 4 if labels is None else labels
    data = Dataset(pixels, labels, class_names=tuple("abcd"), indices=np.arange(20), name="made/test")
    return wb.Session(model, data, cache=cache, engine=wanted)


def test_a_session_names_the_engine_that_has_computed_what_it_says():
    model = trained(convolutional(None))
    session = made(model, wanted="onnxruntime")
    assert "engine" not in session.context  # nothing is computed yet
    session.probe  # noqa: B018 - loads it
    assert "engine" not in session.context
    session.predictions  # noqa: B018 - computes them
    assert session.context["engine"].startswith("onnxruntime ")
    plain = made(model, wanted="tensorflow")
    near(session.predictions.logits, plain.predictions.logits)
    assert "engine" not in plain.context
    with pytest.raises(wb.WorkbenchError, match="engine"):
        made(model, wanted="torch")


def test_predictions_of_another_engine_are_not_taken_for_those_that_were_asked_for(monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(forward_passes, "measure", lambda *_: 2.0)
    monkeypatch.setattr(forward_passes, "WORTH", 1.0)
    model = trained(convolutional(None))
    first = made(model, cache=True)
    first.predictions  # noqa: B018 - computes them
    again, asked = made(model, cache=True), made(model, wanted="tensorflow", cache=True)
    assert again.has_predictions and again.context["engine"] == first.context["engine"] != ""
    assert not asked.has_predictions and "engine" not in asked.context
    assert np.array_equal(asked.predictions.logits, Probe(model).logits(asked.dataset.floats()))


def test_another_size_of_image_or_another_reading_of_the_output_has_a_converted_model_of_its_own(tmp_path, images):
    image = keras.Input((None, None, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(5, 3, activation="relu")(image))
    model, kept = trained(keras.Model(image, layers.Dense(1)(x))), tmp_path / "engine.npz"
    for shape, read in (((8, 8, 3), False), ((10, 10, 3), False), ((10, 10, 3), True)):
        plain, other = Probe(model, shape), Probe(model, shape)
        plain.scores.logarithm = other.scores.logarithm = read  # as data tell it of one linear unit
        other.pass_forward_by("onnxruntime", kept)
        near(other.logits(images[:, : shape[0], : shape[1]]), plain.logits(images[:, : shape[0], : shape[1]]))


class Relative(layers.Layer):
    """Says of an image how it differs from the others of its batch."""

    def call(self, x):
        return x - tf.reduce_mean(x, axis=0, keepdims=True)


def test_what_depends_on_the_batch_stays_with_tensorflow():
    image = keras.Input(SHAPE)
    probe = Probe(trained(keras.Model(image, layers.Dense(3)(layers.Flatten()(Relative()(image))))))
    probe.pass_forward_by("auto")
    probe.expect(10**9)
    assert probe.forward.choice.engine == "tensorflow" and "differs" in probe.forward.choice.reason


def test_who_differentiates_a_score_of_another_engine_is_told(images):
    _, other = both(trained(convolutional(None)))

    def slope(batch):
        with tf.GradientTape() as tape:
            tape.watch(batch)
            scores = other.scored(batch).logits
        return tape.gradient(scores, batch)

    with pytest.raises(TypeError, match="cannot be differentiated"):
        other.compile("slope", slope, (other.images,))


def test_what_fails_while_it_runs_is_a_sentence(images, monkeypatch):
    _, other = both(trained(convolutional(None)))
    session = other.forward.session

    class Broken:
        def run(self, *given):
            raise RuntimeError("Failed to allocate memory")

    monkeypatch.setattr(session, "_session", Broken())
    with pytest.raises(wb.WorkbenchError, match=r"allocate memory.*--engine tensorflow"):
        other.logits(images)
    with pytest.raises(wb.WorkbenchError, match=r"allocate memory.*--engine tensorflow"):
        make(explainer("occlusion"), {"size": 4, "stride": 4}).attribute(other, images[:2], np.zeros(2, int))


def test_who_comes_while_an_engine_is_chosen_goes_on_with_tensorflow(images, monkeypatch):
    probe = Probe(trained(convolutional(None)))
    probe.pass_forward_by("auto")
    monkeypatch.setattr(forward_passes, "WORTH", 1.0)
    chosen, begun = threading.Event(), threading.Event()

    def slowly(*_):
        begun.set()
        assert chosen.wait(PATIENCE)
        return forward_passes.Choice("tensorflow", "It is a test."), converted_model.ConvertedModel()

    monkeypatch.setattr(probe.forward, "_compared", slowly)
    choosing = threading.Thread(target=probe.logits, args=(images,))
    choosing.start()
    assert begun.wait(PATIENCE)
    assert probe.logits(images).shape == (30, 4) and probe.forward.choice is None
    chosen.set()
    choosing.join(PATIENCE)
    assert probe.forward.choice.reason == "It is a test."


def test_an_engine_is_refused_where_there_is_no_keras_model():
    scores = wb.Predictions(4.0 * np.eye(3)[np.arange(12) % 3], np.arange(12) % 3)
    with pytest.raises(wb.WorkbenchError, match="--engine"):
        wb.Session(predictions=scores, engine="onnxruntime")


def test_a_library_in_a_package_of_another_name_has_a_version():
    assert version_of("onnxruntime") and version_of("no_such_library") == ""
    assert version_of("json") == json.__version__  # a module that no package of its name brings
