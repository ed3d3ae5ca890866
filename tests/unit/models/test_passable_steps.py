"""Which steps of a walk a pass from the scores to the pixels goes through, and what it says of the others."""

from __future__ import annotations

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from workbench.attribution.methods import explainer
from workbench.core.errors import WorkbenchError
from workbench.models.graph import head_of, walk
from workbench.models.passable_steps import passable_steps
from workbench.models.probe import Probe

SHAPE = (6, 6, 2)


def seen(model, shape=SHAPE):
    """The steps of a model by name."""
    found = {}

    @tf.function(autograph=False)
    def run(given):
        steps = walk(model, given)
        found.update({each.step.name: each for each in passable_steps(steps, head_of(steps), given)})
        return head_of(steps).logits

    run(tf.zeros((2, *shape)))
    return found


def ended(x, **how):
    """Two scores of whatever shape."""
    return layers.Dense(2, **{"activation": "softmax", **how})(layers.Flatten()(x))


def test_each_step_has_its_kind():
    image = keras.Input(SHAPE)
    x = layers.Rescaling(2.0, offset=-1, name="scaled")(image)
    x = layers.ZeroPadding2D(name="padded")(x)
    x = layers.Conv2D(3, 3, name="conv")(x)
    norm = layers.BatchNormalization(name="norm")(x)
    x = layers.Activation("relu", name="relu")(norm)
    y = layers.MaxPooling2D(1, name="pool")(x)
    x = layers.Add(name="add")([layers.Dropout(0.5, name="drop")(x), y])
    x = ops.multiply(ops.maximum(x, 0.1), 3.0)
    model = keras.Model(image, ended(layers.GlobalAveragePooling2D(name="mean")(x), name="scores"))
    found = seen(model)
    found = {re.sub(r"_\d+$", "", name): each for name, each in found.items()}
    assert {name: each.kind for name, each in found.items()} == {
        **dict.fromkeys(("scaled", "norm", "relu", "maximum", "multiply"), "elementwise"),
        **dict.fromkeys(("conv", "scores"), "weighted"),
        **dict.fromkeys(("add", "mean"), "mixing"),
        **dict.fromkeys(("padded", "flatten"), "selecting"),
        "pool": "winning",
    }  # what hands on the very tensor that it was given is no step
    assert {name for name, each in found.items() if each.first} == {"scaled", "padded", "conv"}
    assert found["conv"].norm is model.get_layer("norm") and found["norm"].folded
    assert found["scores"].scores and not found["conv"].scores
    assert {name for name, each in found.items() if each.positive} == {"pool", "add", "maximum"}  # 3.0 is not looked at


def test_batch_normalisation_is_folded_only_into_a_bare_layer_that_it_alone_follows():
    def model(activation="linear", axis=-1, also=False):
        image = keras.Input(SHAPE)
        x = layers.Conv2D(6, 3, padding="same", activation=activation, name="conv")(image)
        y = layers.BatchNormalization(axis=axis, name="norm")(x)
        return keras.Model(image, ended(layers.Add()([x, y]) if also else y))

    assert seen(model())["norm"].folded
    for other in (model("relu"), model(axis=1), model(also=True)):
        assert not seen(other)["norm"].folded


def branch(make):
    """A model with something between a convolution and its scores."""

    def made():
        image = keras.Input(SHAPE)
        return keras.Model(image, ended(make(layers.Conv2D(4, 3, activation="relu", name="conv")(image))))

    return made


class Own(layers.Layer):
    def call(self, x):
        return ops.relu(x)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__(name="mine")
        self.parts = [layers.Conv2D(3, 3), layers.Flatten(), layers.Dense(2)]

    def call(self, x):
        for part in self.parts:
            x = part(x)
        return x


def subclassed():
    model = Subclassed()
    model(np.zeros((1, *SHAPE), np.float32))
    return model


def squeezed(x, activation="sigmoid"):
    """Squeeze and excitation: how much of each channel is let through."""
    return layers.Multiply(name="gate")([x, layers.Dense(4, activation=activation)(layers.GlobalAveragePooling2D()(x))])


def lit(x):
    """A gate of its own for each place, from a sigmoid, named first."""
    return layers.Multiply(name="gate")([layers.Activation("sigmoid")(layers.Conv2D(4, 1)(x)), x])


def product(x):
    return layers.Multiply(name="product")([x, layers.Conv2D(4, 1, activation="tanh")(x)])


BLOCKED = {
    "product": (
        branch(product),
        "'product' (Multiply): more than one of what it multiplies or divides comes from the image",
    ),
    "two sigmoids": (
        branch(lambda x: lit(layers.Activation("sigmoid")(x))),
        "'gate' (Multiply): more than one of what it multiplies or divides comes from the image",
    ),
    "recurrent": (
        branch(lambda x: layers.GRU(3, name="gru")(layers.Reshape((16, 4))(x))),
        "'gru' (GRU): there is no rule for such a layer",
    ),
    "attention to something else": (
        branch(
            lambda x: layers.MultiHeadAttention(1, 2, name="look")(
                layers.Reshape((16, 4))(x), layers.Reshape((8, 8))(x)
            )
        ),
        "'look' (MultiHeadAttention): it attends to more than one tensor, or not to all tokens",
    ),
    "attention with a mask": (
        branch(
            lambda x: layers.MultiHeadAttention(1, 2, name="look")(
                *[layers.Reshape((16, 4))(x)] * 2, use_causal_mask=True
            )
        ),
        "'look' (MultiHeadAttention): it attends to more than one tensor, or not to all tokens",
    ),
    "inner softmax": (
        branch(layers.Dense(3, activation="softmax", name="inner")),
        "'inner' (Dense): there is no rule for its activation 'softmax'",
    ),
    "own activation": (
        branch(layers.Dense(3, activation=lambda x: x * ops.tanh(x), name="inner")),
        "'inner' (Dense): there is no rule for its activation '<lambda>'",
    ),
    "own layer": (branch(Own(name="own")), "'own' (Own): what its own `call` does is not known"),
    "own model": (subclassed, "'mine' (Subclassed): it hides its layers in a custom `call`"),
    "one of two outputs": (
        branch(lambda x: ops.relu(ops.split(x, 2, axis=-1)[0])),
        "'relu' (Relu): it receives one of several outputs of a layer",
    ),
}


@pytest.mark.parametrize("name", BLOCKED)
def test_what_there_is_no_way_through_is_named_with_the_reason(name):
    make, reason = BLOCKED[name]
    probe = Probe(make(), SHAPE)
    assert re.sub(r"_\d+'", "'", probe.impassable) == reason
    reason = probe.impassable
    for method in ("lrp", "deep-lift"):
        said = f"{explainer(method).title} goes back layer by layer. This model has no way through {reason}."
        assert explainer(method).missing(probe) == said
        with pytest.raises(WorkbenchError) as raised:
            explainer(method)().attribute(probe, np.zeros((1, *SHAPE), np.float32), np.zeros(1, int))
        assert str(raised.value) == said


def test_what_the_scores_do_not_depend_on_is_no_hindrance():
    image = keras.Input(SHAPE)
    flat = layers.Flatten()(image)
    aside = layers.GRU(2)(layers.Reshape((36, 2))(image))
    both = keras.Model(image, [layers.Dense(3)(flat), aside])
    outer = keras.Input(SHAPE)
    assert Probe(keras.Model(outer, both(outer)[0]), SHAPE).impassable == ""


@pytest.mark.parametrize(("join", "factor"), [(layers.Add, 2.0), (layers.Maximum, 1.0), (layers.Average, 1.0)])
def test_a_tensor_that_is_joined_with_itself_is_passed_like_any_other(join, factor):
    image = keras.Input(SHAPE)
    x = layers.Conv2D(3, 3, use_bias=False, name="conv")(image)
    scores = layers.Dense(2, use_bias=False)(layers.Flatten()(join()([x, x])))
    alone = keras.Model(image, scores)
    images = np.random.default_rng(0).random((3, *SHAPE)).astype(np.float32)
    probe = Probe(alone, given="unit")
    target = np.array([0, 1, 0])
    for name, values in (("lrp", {"composite": "epsilon", "epsilon": 1e-6}), ("deep-lift", {"reference": "black"})):
        kind = explainer(name)
        maps = kind(**{key: value for key, value in values.items() if key in kind.model_fields})
        found = maps.attribute(probe, images, target).values
        expected = (images * probe.gradient(images, target)).sum(axis=-1)
        np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
    kernel = alone.layers[-1].get_weights()[0].reshape(4, 4, 3, 2)
    maps = probe.feature_maps(images, "conv")
    np.testing.assert_allclose(probe.logits(images), factor * np.einsum("nhwf,hwfk->nk", maps, kernel), atol=1e-4)


@pytest.mark.parametrize("make", [squeezed, lit, lambda x: squeezed(x, "tanh")], ids=["squeezed", "lit", "of any sign"])
def test_of_what_is_gated_the_signal_takes_all_and_differences_add_up(make):
    model = branch(make)()
    probe, images, target = (
        Probe(model, given="unit"),
        np.random.default_rng(0).random((3, *SHAPE)),
        np.array([0, 1, 0]),
    )
    images = images.astype(np.float32)
    assert seen(model)["gate"].kind == "gating"
    found = explainer("lrp")(composite="epsilon", epsilon=0.0).attribute(probe, images, target).values
    upto, after = model.get_layer("conv").output, keras.Input(model.get_layer("gate").output.shape[1:])
    inside, gates = (
        np.asarray(each) for each in keras.Model(model.inputs[0], [upto, model.get_layer("gate").output])(images)
    )
    gates = np.divide(gates, inside, out=np.zeros_like(gates), where=inside != 0)
    for number, (image, gate) in enumerate(zip(images, gates, strict=True)):  # its gates as they are, taken for weights
        x = after
        for layer in model.layers[model.layers.index(model.get_layer("gate")) + 1 :]:
            x = layer(x)
        rest, given = keras.Model(after, x), keras.Input(SHAPE)
        alone = keras.Model(given, rest(layers.Rescaling(gate)(model.get_layer("conv")(given))))
        fixed = Probe(alone, given="unit")
        expected = (
            image * fixed.gradient(image[None], target[number : number + 1])[0]
        )  # what ε = 0 is of a ReLU network
        np.testing.assert_allclose(found[number], expected.sum(axis=-1), atol=1e-5 * np.abs(found[number]).max())
    lifted = explainer("deep-lift")().attribute(probe, images, target)
    assert np.abs(lifted.details["completeness gap"]).max() < 1e-4


@pytest.mark.parametrize(
    "norm", [layers.LayerNormalization, layers.RMSNormalization, lambda: layers.GroupNormalization(2)]
)
def test_a_normalisation_over_several_values_hands_on_what_it_gets(norm):
    image = keras.Input(SHAPE)
    x = layers.Dense(4, activation="relu", name="inner")(layers.Flatten()(image))
    x = norm()(x)
    model = keras.Model(image, layers.Dense(2, name="scores")(x))
    images = np.random.default_rng(0).random((3, *SHAPE)).astype(np.float32)
    found = explainer("lrp")(composite="epsilon", epsilon=0.0).attribute(Probe(model, given="unit"), images, [0, 1, 0])
    weights, bias = (np.asarray(each, np.float64) for each in model.get_layer("inner").get_weights())
    flat = images.reshape(3, -1).astype(np.float64)
    z = flat @ weights + bias
    normed = np.asarray(keras.Model(model.inputs[0], x)(images), np.float64)
    arriving = normed * model.get_layer("scores").get_weights()[0][:, [0, 1, 0]].T  # shares of the score
    expected = flat * ((arriving / z) @ weights.T)  # a ReLU that is closed hands on, too: here it is no zero behind it
    np.testing.assert_allclose(
        found.values, expected.reshape(3, *SHAPE).sum(axis=-1), atol=1e-5 * np.abs(expected).max()
    )
    said = explainer("deep-lift").missing(Probe(model, given="unit"))
    assert said.endswith("Normalization): differences do not add up there.")


def test_of_attention_the_tokens_take_what_they_gave_and_the_weights_nothing():
    image = keras.Input((4, 3, 1))
    look = layers.MultiHeadAttention(2, 5, name="look")
    attended = look(*[layers.Reshape((4, 3))(image)] * 2)
    model = keras.Model(image, layers.Dense(2, name="scores")(layers.Flatten()(attended)))
    for weight in model.get_layer("look").weights:  # biases, too
        weight.assign(np.random.default_rng(len(weight.shape)).normal(0, 0.5, weight.shape))
    images = np.random.default_rng(0).random((3, 4, 3, 1)).astype(np.float32)
    probe = Probe(model, (4, 3, 1), given="unit")
    found = explainer("lrp")(composite="epsilon", epsilon=0.0).attribute(probe, images, [0, 1, 0]).values
    x = images[..., 0].astype(np.float64)
    named = {each.path.removeprefix("look/"): np.asarray(each, np.float64) for each in look.weights}
    query, key, value = (
        np.einsum("bsi,ihd->bshd", x, named[f"{what}/kernel"]) + named[f"{what}/bias"]
        for what in ("query", "key", "value")
    )
    weights = np.exp(np.einsum("bthd,bshd->bhts", query, key) / np.sqrt(5))
    weights /= weights.sum(axis=-1, keepdims=True)
    out = np.einsum("bhts,bshd,hdj->btj", weights, value, named["attention_output/kernel"])
    out += named["attention_output/bias"]
    share = out.reshape(3, -1) * np.asarray(model.get_layer("scores").get_weights()[0], np.float64)[:, [0, 1, 0]].T
    quotient = share.reshape(out.shape) / out
    mixed = np.einsum("ihd,hdj->hij", named["value/kernel"], named["attention_output/kernel"])
    expected = x * np.einsum("bhts,hij,btj->bsi", weights, mixed, quotient)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
    assert "'look' (MultiHeadAttention): differences do not add up there" in explainer("deep-lift").missing(probe)


def test_a_square_is_refused_with_its_reason():
    image = keras.Input(SHAPE)
    x = layers.Conv2D(3, 3)(image)
    with pytest.raises(WorkbenchError, match="more than one of what it multiplies"):
        seen(keras.Model(image, ended(layers.Multiply()([x, x]))))


def test_a_layer_that_is_not_understood_does_not_keep_a_model_from_being_opened(monkeypatch):
    def fail(*_, **__):
        raise AttributeError("no such thing")

    monkeypatch.setattr("workbench.models.passable_steps._kind", fail)
    image = keras.Input(SHAPE)
    probe = Probe(keras.Model(image, ended(layers.Conv2D(3, 3)(image))), given="unit")
    assert "cannot be followed" in explainer("lrp").missing(probe)
    assert explainer("saliency").missing(probe) is None
