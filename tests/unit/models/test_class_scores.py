"""K outputs in every form: probabilities up to a factor, sigmoids, logits, decisions; the numbers of Keras beside."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from workbench.core.errors import WorkbenchError
from workbench.models.class_scores import judge_class_scores
from workbench.models.files import load_model
from workbench.models.probe import Probe
from workbench.models.training_loss import loss_name, regression_loss

SHAPE = (8, 8, 1)
IMAGES = np.random.default_rng(1).random((40, *SHAPE), np.float32)


def network(head, classes=4):
    """A small network that ends in `head`, which takes `(N, K)` logits that differ from image to image."""
    keras.utils.set_random_seed(2)
    image = keras.Input(SHAPE)
    kernel = keras.initializers.RandomNormal(stddev=0.4)
    hidden = layers.Flatten()(layers.Conv2D(2, 3, activation="relu")(image))
    return keras.Model(image, head(layers.Dense(classes, kernel_initializer=kernel, name="end")(hidden)))


def softmax(x):
    return layers.Softmax()(x)


def exponential(x):
    return ops.exp(x) / ops.sum(ops.exp(x), axis=-1, keepdims=True)


PROBABILITIES = {
    "percent": (lambda x: softmax(x) * 100, "come from a softmax, and add up to 100: they are divided by that"),
    "of 255": (lambda x: ops.cast(255, "float32") * softmax(x), "add up to 255"),
    "clipped": (lambda x: ops.clip(softmax(x), 0.05, 0.95), ""),
    "weighted": (lambda x: softmax(x) * np.float32([1, 2, 3, 4]), "they are divided by that"),
    "mean of two": (lambda x: layers.Average()([softmax(x), softmax(2 * x)]), ""),
    "sum of two": (lambda x: layers.Add()([softmax(x), softmax(2 * x)]), "add up to 2: "),
    "smoothed": (lambda x: softmax(x) * 0.9 + 0.025, "at least 0 and add up to 1, so they are taken as probabilities"),
    "by hand": (exponential, "add up to 1, so they are taken as probabilities."),
    "by hand, percent": (lambda x: exponential(x) * 100, "add up to 100, so they are taken as probabilities, divided"),
    "by hand, of 7": (lambda x: exponential(x) * 7, "add up to 7, so they are taken as probabilities, divided by 7"),
    "without the last": (lambda x: softmax(x)[:, :3], "come from a softmax"),
    "a decision": (lambda x: ops.one_hot(ops.argmax(x, -1), 4), "a decision without a confidence"),
}


@pytest.mark.parametrize("name", PROBABILITIES)
def test_what_adds_up_to_a_constant_is_a_probability_divided_by_it(name):
    head, said = PROBABILITIES[name]
    model = network(head)
    probe, output = Probe(model, SHAPE), np.asarray(model(IMAGES), np.float64)
    found = np.asarray(tf.nn.softmax(probe.logits(IMAGES)), np.float64)
    np.testing.assert_allclose(found, output / output.sum(axis=1, keepdims=True), atol=2e-6)
    assert said in probe.reading and bool(said) == bool(probe.reading)
    assert "a probability without a separate softmax layer" in probe.note


SCORES = {
    "mean of logits": (lambda x: layers.Average()([x, 2 * x]), ""),
    "minus and plus": (lambda x: ops.concatenate([-x, x], axis=-1), ""),
    "logarithm by hand": (lambda x: ops.log(softmax(x)), "taken as logarithms of probabilities"),
    "capped": (lambda x: ops.tanh(x / 5) * 5, "are taken as scores. The largest wins; confidences and loss are those"),
    "relu": (ops.relu, "are taken as scores"),
    "one row for all": (lambda x: ops.relu(x * 0 + np.float32([1, 2, 3, 4])), "are taken as scores"),
}


@pytest.mark.parametrize("name", SCORES)
def test_other_outputs_are_scores_as_they_are_and_it_is_said_where_they_may_be_none(name):
    head, said = SCORES[name]
    model = network(head)
    probe = Probe(model, SHAPE)
    np.testing.assert_allclose(probe.logits(IMAGES), np.asarray(model(IMAGES)), rtol=1e-5, atol=1e-5)
    assert said in probe.reading and bool(said) == bool(probe.reading)


def quantized(model, path):
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([IMAGES[n : n + 1]] for n in range(40))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    path.write_bytes(converter.convert())
    return load_model(path)


@pytest.mark.filterwarnings("ignore:Statistics for quantized inputs")
@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_quantized_rows_that_miss_1_are_told_by_the_operation_that_ends_the_file(tmp_path, activation):
    model = network(layers.Activation(activation), classes=60)
    read = quantized(model, tmp_path / "m.tflite")
    probe, output = Probe(read, SHAPE), np.asarray(read(IMAGES), np.float64)
    assert np.abs(output.sum(axis=1) - 1).max() > 5e-3
    half = 1 / 512 / (60 if activation == "softmax" else 1)  # what rounds to 0; 60 of these are half a step
    inside = np.clip(output, half, 1 - half) if activation == "sigmoid" else np.maximum(output, half)
    z = np.log(inside) - (np.log1p(-inside) if activation == "sigmoid" else 0)
    np.testing.assert_allclose(probe.logits(IMAGES), z, atol=1e-5)
    assert not probe.reading and probe.sigmoid == (activation == "sigmoid")


def test_where_only_values_tell_a_quantized_row_may_miss_1_by_a_step_a_class():
    p = np.random.default_rng(0).dirichlet(np.ones(10), 50)
    rounded = np.round(p * 256) / 256
    assert np.abs(rounded.sum(axis=1) - 1).max() > 5e-3
    assert judge_class_scores(rounded, "m", step=1 / 256).kind == "probability"
    assert judge_class_scores(rounded, "m").kind == "score"
    assert judge_class_scores(p.astype(np.float16), "m", dtype="float16").kind == "probability"


def test_the_number_of_a_class_is_refused_with_the_way_to_its_scores(tmp_path):
    for head in (lambda x: ops.argmax(softmax(x), -1), lambda x: ops.cast(ops.argmax(softmax(x), -1), "float32")):
        for classes in (2, 4):
            model = network(head, classes)
            with pytest.raises(WorkbenchError, match=r"of a class .*model.get_layer\('softmax\w*'\).output\)`\."):
                Probe(model, SHAPE)
    inner, image = network(softmax), keras.Input(SHAPE)
    nested = keras.Model(image, ops.argmax(inner(image), -1))
    with pytest.raises(WorkbenchError) as caught:
        Probe(nested, SHAPE)
    assert "`keras.Model(model.input, model.operations[2].input)`" in str(caught.value)
    scores = keras.Model(nested.input, nested.operations[2].input)
    np.testing.assert_allclose(scores(IMAGES), inner(IMAGES), atol=1e-6)
    model.export(tmp_path / "m", verbose=False)
    with pytest.raises(WorkbenchError, match=r"number of a class .*: export the model without it"):
        Probe(load_model(tmp_path / "m"), SHAPE)


def test_several_outputs_are_named():
    for given, names in (
        (lambda x: {"class": softmax(x), "box": x}, "'box' (N, 4), 'class' (N, 4)"),
        (lambda x: {"a": [x], "b": x}, "'a/0' (N, 4), 'b' (N, 4)"),
        (lambda x: [x, layers.Softmax(name="main")(x)], "'end' (N, 4), 'main' (N, 4)"),
    ):
        with pytest.raises(WorkbenchError) as caught:
            Probe(network(given), SHAPE)
        assert f"It has 2: {names}. Give" in str(caught.value)


@pytest.mark.parametrize("end", [".keras", ".h5"])
def test_the_loss_in_the_file_tells_what_linear_units_are(tmp_path, end):
    for loss, words in (("mse", "a squared error"), (keras.losses.Huber(), "the Huber loss")):
        model = network(lambda x: x)
        model.compile(loss=loss)
        model.save(tmp_path / f"m{end}")
        probe = Probe(load_model(tmp_path / f"m{end}"), SHAPE)
        assert probe.reading.startswith(f"The model was trained with {words}: its outputs are no logits.")
        np.testing.assert_allclose(probe.logits(IMAGES), np.asarray(model(IMAGES)), rtol=1e-5, atol=1e-5)
        assert Probe(model, SHAPE).reading == probe.reading  # compiled, and not from a file
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.save(tmp_path / f"m{end}")
    assert not Probe(load_model(tmp_path / f"m{end}"), SHAPE).reading


def test_one_linear_unit_of_a_regression_is_a_probability_or_lies_around_0(tmp_path):
    model = network(lambda x: 0.5 + 0.05 * x, classes=1)
    end = layers.Dense(1, kernel_initializer="ones", name="last")
    model = keras.Model(model.input, end(model.output))
    model.compile(loss="mean_squared_error")
    probe, output = Probe(model, SHAPE), np.asarray(model(IMAGES))[:, 0]
    p = np.clip(output, 1e-7, 1 - 1e-7)
    np.testing.assert_allclose(probe.logits(IMAGES)[:, 1], np.log(p / (1 - p)), rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(probe.logits(IMAGES).argmax(axis=1), output > 0.5)
    assert "trained with a squared error" in probe.reading and "targets are taken as 0 and 1" in probe.reading
    end.set_weights([np.float32([[20]]), np.float32([-12])])
    around = Probe(model, SHAPE, examples=lambda: IMAGES)
    np.testing.assert_allclose(around.logits(IMAGES)[:, 1], np.asarray(model(IMAGES))[:, 0], rtol=1e-4, atol=1e-4)
    assert "targets are taken as -1 and 1" in around.reading


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("mean_squared_error", "meansquarederror"),
        ({"class_name": "MeanSquaredError", "config": {"reduction": "sum"}}, "meansquarederror"),
        ({"class_name": "function", "config": "mean_absolute_error"}, "meanabsoluteerror"),
        (["mse"], "mse"),
        ({"end": "mse", "other": None}, "mse"),
        ({"a": "mse", "b": "mae"}, ""),
        (keras.losses.mean_squared_error, "meansquarederror"),
        (keras.losses.LogCosh(), "logcosh"),
        ({"class_name": ["mse", "mae"]}, ""),
        (None, ""),
        (7, "int"),
    ],
)
def test_a_loss_has_one_name_however_it_is_written(given, name):
    assert loss_name(given) == name


def test_a_model_without_a_loss_was_trained_with_none():
    assert regression_loss(network(lambda x: x)) == ""
