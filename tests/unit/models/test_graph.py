"""The walk stands on a few private things of Keras: these tests say first when a version of Keras changes them."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers, ops
from keras.src.models.functional import Functional

from workbench.core.errors import WorkbenchError
from workbench.models.graph import head_of, walk

IMAGES = np.random.default_rng(0).random((2, 6, 6, 1), np.float32)


def branches():
    """A nested model, a shared layer, an operation without a layer, and a join."""
    inner = keras.Input((6, 6, 1))
    backbone = keras.Model(inner, layers.Conv2D(2, 3, name="deep", padding="same")(inner), name="backbone")
    image = keras.Input((6, 6, 1))
    shared = layers.Conv2D(1, 1, name="shared")
    one, two = backbone(image), shared(image)
    both = layers.Concatenate(name="both")([one, ops.relu(shared(two))])
    drop = layers.Dropout(0.9, name="drop")(layers.Flatten(name="flat")(both))
    return keras.Model(image, layers.Dense(3, name="scores")(drop))


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (Functional, "_run_through_graph"),
        (Functional, "_standardize_inputs"),
        (keras.Model, "_flatten_layers"),
        (layers.Dense(2), "_losses"),
        (layers.Dropout(0.5), "_call_context_args"),
        (layers.Conv2D(1, 1), "convolution_op"),
    ],
)
def test_keras_still_has_what_the_walk_uses(owner, name):
    assert hasattr(owner, name), f"Keras {keras.__version__} has no {name}: workbench/models/graph.py needs another way"


def test_the_walk_names_every_step_and_ends_in_the_model_s_output():
    model = branches()
    steps = walk(model, ops.convert_to_tensor(IMAGES))
    names = [step.name for step in steps]
    assert set(names) >= {"backbone/deep", "shared", "shared:2", "both", "flat", "drop", "scores"}
    assert len(names) == len(set(names)) == 8
    assert names[-4:] == ["both", "flat", "drop", "scores"]
    np.testing.assert_allclose(steps[-1].output, model(IMAGES), atol=1e-6)
    deep = next(step for step in steps if step.name == "backbone/deep")
    np.testing.assert_array_equal(deep.received, IMAGES)


def residual():
    """A skip connection around a layer, another from it, and a second input to the join that does not pass it."""
    image = keras.Input((6, 6, 1))
    stem = layers.Conv2D(3, 3, padding="same", name="stem")(image)
    deep = layers.Conv2D(3, 3, padding="same", activation="relu", name="deep")(stem)
    later = layers.Conv2D(3, 1, name="later")(deep)
    both = layers.Add(name="add")([stem, later, deep])
    return keras.Model(image, layers.Dense(2, name="scores")(layers.Flatten(name="flat")(both)))


def found(steps):
    return {step.name: np.asarray(step.output) for step in steps}


def test_a_known_output_goes_on_by_every_way_that_leaves_the_layer():
    model, images = residual(), ops.convert_to_tensor(IMAGES)
    before = found(walk(model, images))
    given = np.random.default_rng(3).normal(size=before["deep"].shape).astype(np.float32)
    after = found(walk(model, images, {"deep": ops.convert_to_tensor(given)}))
    assert [*after] == [*before]
    np.testing.assert_array_equal(after["deep"], given)
    np.testing.assert_allclose(after["stem"], before["stem"], atol=1e-6)  # what lies before it is as it was
    later = model.get_layer("later")(given)
    np.testing.assert_allclose(after["add"], before["stem"] + later + given, atol=1e-5)
    np.testing.assert_allclose(after["scores"], model.get_layer("scores")(after["add"].reshape(2, -1)), atol=1e-5)


def test_what_is_known_is_not_computed_and_need_not_fit_what_was_received():
    """Of changed feature maps there may be more than images, where all that lies before is known too."""
    calls = []

    class Counting(layers.Conv2D):
        def call(self, inputs):
            calls.append(self.name)
            return super().call(inputs)

    image = keras.Input((6, 6, 1))
    one = Counting(3, 3, padding="same", name="one")(image)
    joined = layers.Add(name="add")([one, Counting(3, 1, name="two")(one)])
    model = keras.Model(image, layers.Dense(2)(layers.GlobalAveragePooling2D()(joined)))
    steps = walk(model, ops.convert_to_tensor(IMAGES))
    calls.clear()
    known = {step.name: ops.repeat(step.output, 3, axis=0) for step in steps if step.name in ("one", "two")}
    many = walk(model, ops.convert_to_tensor(IMAGES), known)
    assert calls == []
    np.testing.assert_allclose(many[-1].output, np.repeat(steps[-1].output, 3, axis=0), atol=1e-6)


def test_known_outputs_inside_a_nested_model_and_of_a_second_call():
    model, images = branches(), ops.convert_to_tensor(IMAGES)
    before = found(walk(model, images))
    after = found(walk(model, images, {"backbone/deep": ops.zeros((2, 6, 6, 2))}))
    np.testing.assert_array_equal(after["both"][..., :2], 0)
    np.testing.assert_allclose(after["both"][..., 2:], before["both"][..., 2:], atol=1e-6)
    after = found(walk(model, images, {"shared:2": ops.ones((2, 6, 6, 1))}))
    np.testing.assert_allclose(after["shared"], before["shared"], atol=1e-6)
    np.testing.assert_array_equal(after["both"][..., 2:], 1)


def test_the_walk_is_in_inference_mode():
    """Dropout lets everything through, and BatchNormalization uses its moving statistics and keeps them."""
    model = keras.Sequential(
        [keras.Input((6, 6, 1)), layers.BatchNormalization(), layers.Dropout(0.9), layers.Flatten()]
    )
    model.set_weights([np.array([2.0]), np.array([1.0]), np.array([0.5]), np.array([4.0 - 1e-3])])
    steps = walk(model, ops.convert_to_tensor(IMAGES))
    np.testing.assert_allclose(steps[-1].output, (2 * (IMAGES - 0.5) / 2 + 1).reshape(2, -1), rtol=1e-5)
    np.testing.assert_array_equal(np.ravel(model.get_weights()), np.array([2, 1, 0.5, 4.0 - 1e-3], np.float32))


def test_steps_that_the_output_does_not_need_are_no_steps():
    inner = keras.Input((6, 6, 1))
    flat = layers.Flatten()(inner)
    two = keras.Model(
        inner, [layers.Dense(3, name="wanted")(flat), layers.Dense(4, name="other")(layers.Dense(5)(flat))]
    )
    image = keras.Input((6, 6, 1))
    for number, name in ((0, "wanted"), (1, "other")):
        steps = walk(keras.Model(image, two(image)[number]), ops.convert_to_tensor(IMAGES))
        assert steps[-1].name.endswith(name)


def test_several_outputs_are_refused():
    image = keras.Input((6, 6, 1))
    flat = layers.Flatten()(image)
    model = keras.Model(image, {"a": layers.Dense(2)(flat), "b": layers.Dense(3)(flat)})
    with pytest.raises(WorkbenchError, match=r"must have one output, \(N, K\)\. It has 2"):
        walk(model, ops.convert_to_tensor(IMAGES))


def ends(*tail):
    return keras.Sequential([keras.Input((6, 6, 1)), layers.Flatten(name="flat"), *tail])


def dense(**changes):
    return layers.Dense(3, **{"name": "scores", **changes})


@pytest.mark.parametrize(
    ("tail", "said"),
    [
        ([dense(activation="softmax")], "The softmax of layer 'scores' is left out"),
        ([dense(activation="log_softmax")], "The log_softmax of layer 'scores' is left out"),
        ([dense(), layers.Softmax(name="end")], "The softmax layer 'end' is left out"),
        ([dense(), layers.Activation("softmax", name="end", dtype="float32")], "The softmax layer 'end' is left out"),
        ([dense(), layers.Activation("log_softmax", name="end")], "The log_softmax layer 'end' is left out"),
        ([dense(activation="softmax"), layers.Reshape((3,))], "The softmax of layer 'scores' is left out"),
        ([dense(activation="softmax"), layers.Dropout(0.5), layers.Activation("linear")], "softmax of layer 'scores'"),
        ([dense(), layers.Dropout(0.5), layers.Softmax(name="end")], "The softmax layer 'end' is left out"),
        ([dense()], "ends without a softmax"),
        ([dense(activation="sigmoid")], "The sigmoid of layer 'scores' is left out"),
        ([dense(), layers.Activation("sigmoid", name="end")], "The sigmoid layer 'end' is left out"),
        ([dense(), layers.Dropout(0.5), layers.Activation("sigmoid", name="end")], "The sigmoid layer 'end' is"),
        (
            [layers.Reshape((1, 1, 36)), layers.Conv2D(3, 1, activation="softmax", name="scores"), layers.Flatten()],
            "The softmax of layer 'scores' is left out",
        ),
        (
            [
                layers.Reshape((1, 1, 36)),
                layers.Conv2D(3, 1, name="scores"),
                layers.Flatten(),
                layers.Softmax(name="end"),
            ],
            "The softmax layer 'end' is left out",
        ),
    ],
)
def test_the_logits_are_kernel_times_embeddings_plus_bias_wherever_softmax_or_sigmoid_stand(tail, said):
    model = ends(*tail)
    chance = np.random.default_rng(1)
    model.set_weights([chance.normal(size=weights.shape) for weights in model.get_weights()])
    head = head_of(walk(model, ops.convert_to_tensor(IMAGES)))
    kernel, bias = model.get_weights()
    flat = IMAGES.reshape(2, -1)
    np.testing.assert_allclose(np.reshape(head.embeddings, (2, -1)), flat, rtol=1e-6)
    np.testing.assert_allclose(
        np.reshape(head.logits, (2, -1)), flat @ kernel.reshape(36, 3) + bias, rtol=1e-4, atol=1e-5
    )
    assert said in head.note
    assert head.sigmoid == ("sigmoid" in said)
    assert head.note.endswith("Probabilities are the softmax of these scores, not the sigmoids.") == head.sigmoid


def test_an_operation_of_keras_ops_is_left_out_as_a_layer_is():
    image = keras.Input((6, 6, 1))
    scores = dense()(layers.Flatten()(image))
    for function, sigmoid in ((ops.softmax, False), (ops.sigmoid, True)):
        model = keras.Model(image, function(scores))
        head = head_of(walk(model, ops.convert_to_tensor(IMAGES)))
        kernel, bias = model.get_weights()
        np.testing.assert_allclose(head.logits, IMAGES.reshape(2, -1) @ kernel + bias, rtol=1e-4, atol=1e-5)
        assert head.sigmoid == sigmoid


@pytest.mark.parametrize("activation", ["relu", "tanh", layers.Softmax()], ids=["relu", "tanh", "layer"])
def test_where_nothing_linear_ends_the_model_the_output_is_the_score(activation):
    model = ends(dense(activation=activation))
    head = head_of(walk(model, ops.convert_to_tensor(IMAGES)))
    np.testing.assert_allclose(head.logits, model(IMAGES), atol=1e-6)
    np.testing.assert_allclose(head.embeddings, IMAGES.reshape(2, -1))
    assert head.note == "" and not head.sigmoid


def test_a_layer_that_is_more_than_kernel_and_bias_is_not_taken_apart():
    class Scaled(layers.Dense):
        def call(self, inputs):
            return super().call(2.0 * inputs)

    model = ends(Scaled(3, activation="softmax", name="scores"))
    head = head_of(walk(model, ops.convert_to_tensor(IMAGES)))
    assert head.note == ""
    np.testing.assert_allclose(head.logits, model(IMAGES), atol=1e-6)


def test_what_an_operation_receives_is_its_tensor_and_not_a_number_before_it():
    image = keras.Input((6, 6, 1))
    model = keras.Model(image, dense()(layers.Flatten()(ops.subtract(1.0, image))))
    steps = {type(each.layer).__name__: each for each in walk(model, ops.convert_to_tensor(IMAGES))}
    np.testing.assert_array_equal(steps["Subtract"].received, IMAGES)
    np.testing.assert_allclose(steps["Subtract"].output, 1 - IMAGES)


def test_a_layer_around_a_softmax_is_not_taken_for_a_linear_one():
    model = ends(layers.SpectralNormalization(dense(activation="softmax")))
    head = head_of(walk(model, ops.convert_to_tensor(IMAGES)))
    assert head.note == ""
    np.testing.assert_allclose(np.sum(head.logits, axis=1), 1, atol=1e-6)
