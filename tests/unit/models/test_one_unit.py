"""One output unit in every form that it has: what it is read as, the numbers of Keras beside, and what is refused."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops
from scipy.special import expit, logit

from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.core.predictions import scores_of
from workbench.models.double_precision import double_probe
from workbench.models.files import load_model
from workbench.models.one_unit import judge_values, log_odds, slope_of_log_odds
from workbench.models.probe import Probe
from workbench.session.session import Session

SHAPE = (8, 8, 1)
IMAGES = np.random.default_rng(1).random((6, *SHAPE), np.float32)


def network(head):
    """A small convolutional network that ends in `head`, which takes (N, 72)."""
    keras.utils.set_random_seed(2)
    image = keras.Input(SHAPE)
    return keras.Model(image, head(layers.Flatten()(layers.Conv2D(2, 3, activation="relu")(image))))


def dense(activation=None, units=1, **given):
    return layers.Dense(units, activation, name="end", **given)


class Closed(keras.Model):
    """A model with a `call` of its own."""

    def __init__(self, end):
        super().__init__(name="closed")
        self.inner, self.end = layers.Dense(1), end

    def call(self, images):
        return self.end(self.inner(ops.reshape(images, (-1, 64))))


def closed(end):
    model = Closed(end)
    model(IMAGES)
    return model


def in_half():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        return network(lambda x: layers.Activation("sigmoid", dtype="float32", name="last")(dense()(x)))
    finally:
        keras.config.set_dtype_policy("float32")


def nested():
    inner = keras.Input((72,))
    return network(keras.Model(inner, dense("sigmoid")(inner), name="head"))


def of_places(first, then):
    image = keras.Input(SHAPE)
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(1, 3, activation=first)(image))
    return keras.Model(image, layers.Activation(then)(x))


EXACT = "its input is the logit z of class 1"
PROBABILITY = "a probability p of class 1"
BY_VALUES = "cannot be seen in the model: of 18 images it lies in 0.*taken as the probability"
FORMS = {
    "sigmoid": (lambda: network(dense("sigmoid")), "The sigmoid of layer 'end' is left out"),
    "tf.nn.sigmoid": (lambda: network(dense(tf.nn.sigmoid)), "The sigmoid of layer 'end' is left out"),
    "Activation": (lambda: network(lambda x: layers.Activation("sigmoid")(dense()(x))), "sigmoid layer 'activation"),
    "ops.sigmoid": (lambda: network(lambda x: ops.sigmoid(dense()(x))), "The sigmoid layer 'sigmoid"),
    "(N,)": (lambda: network(lambda x: layers.Reshape(())(dense("sigmoid")(x))), "The sigmoid of layer 'end'"),
    "(N,) by index": (lambda: network(lambda x: dense("sigmoid")(x)[:, 0]), "The sigmoid of layer 'end'"),
    "(N, 1, 1, 1)": (
        lambda: network(lambda x: layers.Conv2D(1, 1, activation="sigmoid", name="end")(x[:, None, None])),
        "The sigmoid of layer 'end'",
    ),
    "flattened": (
        lambda: network(lambda x: layers.Activation("sigmoid", name="s")(layers.Flatten()(dense()(x[:, None, None])))),
        "The sigmoid layer 's'",
    ),
    "nested": (nested, "The sigmoid of layer 'head/end'"),
    "mixed precision": (in_half, "The sigmoid layer 'last'"),
    "pooled": (lambda: of_places(None, "sigmoid"), "The sigmoid layer"),
    "mean of sigmoids": (lambda: of_places("sigmoid", "linear"), PROBABILITY),
    "layer as activation": (lambda: network(dense(layers.Activation("sigmoid"))), EXACT),
    "wrapped": (lambda: network(layers.SpectralNormalization(dense("sigmoid"))), EXACT),
    "sub-classed": (lambda: closed(ops.sigmoid), EXACT),
    "sub-classed, (N,)": (lambda: closed(lambda x: ops.sigmoid(x)[:, 0]), EXACT),
    "second of two": (lambda: network(lambda x: dense("softmax", 2)(x)[:, 1:]), PROBABILITY),
    "hard_sigmoid": (lambda: network(dense("hard_sigmoid")), r"\(hard_sigmoid\) is read as a probability"),
    "own function": (lambda: network(dense(lambda x: 1 / (1 + ops.exp(-x)))), BY_VALUES),
    "mean of models": (
        lambda: network(lambda x: layers.Average()([layers.Dense(1, "sigmoid")(x) for _ in range(2)])),
        BY_VALUES,
    ),
}
LOGITS = {
    "no activation": (lambda: network(dense()), "without an activation, 'end', which is read as the logit z"),
    "sub-classed logit": (lambda: closed(lambda x: x), "without a sigmoid: its output is read as the logit z"),
    "scaled": (lambda: network(lambda x: layers.Rescaling(0.5)(dense()(x))), "without a sigmoid"),
    "by its values": (lambda: network(lambda x: ops.arctan(9 * dense()(x))), "lies in .*taken as the logit z"),
}


@pytest.mark.parametrize("form", [*FORMS, *LOGITS])
def test_a_unit_is_two_classes_whose_probability_is_that_of_keras(form):
    build, said = (FORMS | LOGITS)[form]
    model = build()
    probe, output = Probe(model, SHAPE), np.asarray(model(IMAGES), np.float64).ravel()
    z = output if form in LOGITS else logit(output)
    found = probe.logits(IMAGES)
    assert found.shape == (6, 2) and not found[:, 0].any()
    half = form == "mixed precision"
    np.testing.assert_allclose(found[:, 1], z, rtol=1e-5, atol=2e-3 if half else 2e-6)
    assert (probe.classes, probe.units, probe.one_unit, probe.sigmoid) == (2, 1, True, False)
    assert keras.ops.any(ops.convert_to_tensor(probe.gradient(IMAGES, np.ones(6, int))))
    np.testing.assert_allclose(
        probe.gradient(IMAGES, np.zeros(6, int)), -probe.gradient(IMAGES, np.ones(6, int)), atol=1e-7
    )
    np.testing.assert_array_equal(found, Probe(model, SHAPE).logits(IMAGES))
    assert re.search(said, probe.note), probe.note
    assert "class 1 is the second class name, and the logits are (0, z)." in probe.note


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: network(dense("tanh")), r"one output ends in tanh \('end'\).* as in a regression, is neither"),
        (lambda: network(dense("relu")), r"ends in relu \('end'\)"),
        (lambda: network(lambda x: layers.ReLU(name="cut")(dense()(x))), r"ends in relu \('cut'\)"),
        (lambda: network(lambda x: ops.tanh(dense()(x))), "ends in tanh"),
        (lambda: closed(ops.tanh), r"ends in tanh \('closed'\)"),
        (lambda: closed(ops.relu), r"ends in relu \('closed'\)"),
        (lambda: network(dense("softmax")), r"a softmax over one unit \('end'\), which is 1 for every image"),
    ],
)
@pytest.mark.filterwarnings("ignore:You are using a softmax")
def test_what_is_neither_a_probability_nor_a_logit_is_refused(build, sentence):
    with pytest.raises(WorkbenchError, match=sentence):
        Probe(build(), SHAPE)


def test_in_files_the_last_operation_says_what_the_output_is(tmp_path):
    import tf2onnx

    tf2onnx.logging.getLogger("tf2onnx").setLevel("CRITICAL")
    for head, act, said in ((expit, "sigmoid", "ends in a sigmoid"), (None, None, "ends without a sigmoid")):
        model = network(dense(act))
        output = np.asarray(model(IMAGES), np.float64).ravel()
        saved, lite, onnx = tmp_path / "m", tmp_path / "m.tflite", tmp_path / "m.onnx"
        model.export(saved, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(str(saved))
        lite.write_bytes(converter.convert())
        signature = [tf.TensorSpec((None, *SHAPE), tf.float32, name="images")]
        function = tf.function(lambda x, model=model: model(x)[:, 0], input_signature=signature, autograph=False)
        tf2onnx.convert.from_function(function, input_signature=signature, opset=17, output_path=str(onnx))
        for path in (saved, lite, onnx):
            probe = Probe(load_model(path, classes=2))
            z = logit(output) if head else output
            np.testing.assert_allclose(probe.logits(IMAGES)[:, 1], z, rtol=1e-4, atol=1e-5)
            assert said in probe.note and probe.inference_only


def test_of_a_quantized_probability_0_and_1_are_half_a_step_away(tmp_path):
    model = network(dense("sigmoid", kernel_initializer=keras.initializers.RandomNormal(stddev=20)))
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([IMAGES[n : n + 1]] for n in range(6))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    (tmp_path / "m.tflite").write_bytes(converter.convert())
    probe = Probe(load_model(tmp_path / "m.tflite"))
    z = probe.logits(IMAGES)[:, 1]
    assert np.abs(z).max() == pytest.approx(np.log(511), rel=1e-3)  # p = 1 / 512


def test_log_odds_are_finite_and_have_the_slope_of_their_formula():
    p = np.array([0.0, 1e-20, 1e-3, 0.5, 0.999, 1.0], np.float32)
    z = np.asarray(log_odds(tf.constant(p)), np.float64)
    np.testing.assert_allclose(z[1:5], logit(p[1:5].astype(np.float64)), rtol=1e-5, atol=1e-7)
    assert np.isfinite(z).all() and z[0] < z[1] and z[5] > 16
    given = tf.constant(p)
    with tf.GradientTape() as tape:
        tape.watch(given)
        odds = log_odds(given, 0.01)
    np.testing.assert_allclose(slope_of_log_odds(given, 0.01), tape.gradient(odds, given), rtol=1e-5)


def test_what_the_model_does_not_show_is_told_by_its_values():
    assert judge_values(np.array([0.0, 0.4, 1.0]), "m")[0] == "probability"
    kind, said = judge_values(np.array([0.0, 0.4, 1.01]), "m")
    assert kind == "logit" and "of 3 images it lies in 0…1.01, so it is taken as the logit z of class 1" in said
    model = network(lambda x: ops.arctan(dense()(x)))
    weights = model.get_weights()
    model.set_weights([*weights[:-1], np.array([0.6], np.float32)])  # on noise it stays within 0…1, on the data not
    model.get_layer("end").kernel.assign(model.get_layer("end").kernel * 0.05)
    dark = Probe(model, SHAPE)
    assert "taken as the probability" in dark.note
    seen = Probe(model, SHAPE, examples=lambda: 90 * IMAGES - 45)
    assert "of 24 images" in seen.note and "taken as the logit" in seen.note


def test_class_0_is_explained_by_what_speaks_against_class_1():
    logits = np.array([[0, 2.0], [0, -1]])
    np.testing.assert_array_equal(scores_of(logits, one_unit=True), [[-2, 2], [1, -1]])
    np.testing.assert_array_equal(scores_of(logits, one_unit=False), logits)


def test_its_float64_copy_reads_it_alike():
    probe = Probe(network(dense(lambda x: 1 / (1 + ops.exp(-x)))))
    probe.model.layers[-1].activation = keras.activations.hard_sigmoid  # what can be written down
    checked = double_probe(Probe(probe.model))
    np.testing.assert_allclose(checked.logits(IMAGES), Probe(probe.model).logits(IMAGES), atol=1e-4)


def test_a_session_says_which_class_the_unit_is_also_when_its_predictions_are_cached(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path))
    images = (IMAGES * 255).astype(np.uint8)
    data = Dataset(images, np.arange(6) % 2, class_names=("cat", "dog"), indices=np.arange(6), name="pets/test")
    network(dense()).save(tmp_path / "m.keras")
    first, again = (Session(tmp_path / "m.keras", data) for _ in range(2))
    assert re.fullmatch(
        r"One output unit gives the score of 'dog', class 1, the second name in Keras' order \(text order of folders, "
        r"label 1 of arrays\); that of 'cat' is 0\. The model ends in one unit without an activation, 'end', which .*",
        first.reading,
    )
    assert again.reading == first.reading and not again.ready
    three = Dataset(images, np.arange(6) % 3, class_names=("a", "b", "c"), indices=np.arange(6), name="three/test")
    with pytest.raises(WorkbenchError, match=r"one output unit, which tells two classes apart\. 'three/test' has 3"):
        _ = Session(tmp_path / "m.keras", three).predictions
