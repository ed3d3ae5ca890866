from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from workbench.attribution.methods import explainer
from workbench.core.errors import WorkbenchError
from workbench.models.probe import Probe

SHAPE = (8, 8, 1)


def chain(tensor, *parts):
    for part in parts:
        tensor = part(tensor)
    return tensor


def sequential(*parts, shape=SHAPE):
    return keras.Sequential([keras.Input(shape), *parts])


def plain(shape=SHAPE):
    return sequential(layers.Flatten(), layers.Dense(3), shape=shape)


def body():
    return layers.Conv2D(3, 3, activation="relu", name="conv")


def head(activation=None):
    return layers.Conv2D(4, 1, activation=activation, name="head")


class Closed(keras.Model):
    def __init__(self):
        super().__init__()
        self.parts = [body(), layers.Flatten(), layers.Dense(3, activation="softmax")]

    def call(self, images):
        return chain(images, *self.parts)


def closed():
    model = Closed()
    model(np.zeros((1, *SHAPE), np.float32))
    return model


def inside():
    image = keras.Input(SHAPE)
    return keras.Model(image, Closed()(layers.Conv2D(1, 3, padding="same", name="before")(image)))


def squeeze():
    """A MobileNet-like block: depthwise, normalised, squeezed, excited, added, and a convolution as head."""
    image = keras.Input(SHAPE)
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False, name="stem")(layers.ZeroPadding2D(1)(image))
    x = y = ops.relu6(layers.BatchNormalization()(x))
    y = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(y)
    y = layers.SeparableConv2D(8, 3, padding="same", name="separable")(y)
    gate = layers.Conv2D(8, 1, activation="hard_sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(y))
    x = layers.Add(name="add")([x, layers.Multiply()([y, gate])])
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D(keepdims=True)(x))
    return keras.Model(image, layers.Activation("softmax")(layers.Flatten()(layers.Conv2D(4, 1, name="head")(x))))


def attention():
    image = keras.Input(SHAPE)
    x = layers.Reshape((4, 6))(layers.Conv2D(6, 4, strides=4, name="patches")(image))
    x = layers.LayerNormalization(name="attended")(x + layers.MultiHeadAttention(2, 3)(x, x))
    return keras.Model(image, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling1D()(x)))


def quantised():
    model = sequential(body(), layers.Flatten(), layers.Dense(3, activation="softmax"))
    model.quantize("int8")
    return model


def one_of(structure):
    image = keras.Input(SHAPE, name="picture")
    scores = layers.Dense(3)(layers.Flatten()(image))
    return keras.Model(
        {"picture": image} if structure == "dict" else [image], {"s": scores} if structure == "dict" else [scores]
    )


LOGARITHM = "The output is a probability without a separate softmax layer: scores are its logarithm."
MODELS = {
    "depthwise, gates, head of a convolution": (squeeze, "add", "softmax layer"),
    "global maximum": (
        lambda: sequential(body(), layers.GlobalMaxPooling2D(), layers.Dense(3)),
        "conv",
        "ends without a softmax",
    ),
    "mean of softmaxes": (
        lambda: sequential(body(), head("softmax"), layers.GlobalAveragePooling2D()),
        "head",
        LOGARITHM,
    ),
    "softmax of means": (
        lambda: sequential(body(), head(), layers.GlobalAveragePooling2D(), layers.Softmax()),
        "head",
        "softmax layer",
    ),
    "activation that is a layer": (
        lambda: sequential(body(), layers.Flatten(), layers.Dense(3, activation=layers.Softmax())),
        "conv",
        LOGARITHM,
    ),
    "quantised": (quantised, "conv", LOGARITHM),
    "attention": (attention, "attended", "The softmax of layer"),
    "only pooling": (
        lambda: sequential(layers.MaxPooling2D(name="pool"), layers.Flatten(), layers.Dense(3)),
        None,
        "ends without",
    ),
    "augmentation": (
        lambda: sequential(layers.RandomFlip(), layers.RandomRotation(0.2), body(), layers.Flatten(), layers.Dense(3)),
        "conv",
        "ends without a softmax",
    ),
    "no layer at all": (plain, None, "ends without a softmax"),
    "a call of its own": (closed, None, LOGARITHM),
    "a call of its own inside": (inside, "before", LOGARITHM),
    "many labels at once": (
        lambda: sequential(body(), layers.Flatten(), layers.Dense(3, activation="sigmoid", name="end")),
        "conv",
        "The sigmoid of layer 'end' is left out: scores are its inputs. Probabilities are the softmax of",
    ),
    "many labels at once, a layer of its own": (
        lambda: sequential(body(), layers.Flatten(), layers.Dense(3), layers.Activation("sigmoid", name="end")),
        "conv",
        "The sigmoid layer 'end' is left out",
    ),
    "nothing linear at the end": (
        lambda: sequential(body(), layers.Flatten(), layers.Dense(3, activation="tanh", name="end")),
        "conv",
        "The last layer, 'end', is not linear: scores are its outputs.",
    ),
    "lists around it": (lambda: one_of("list"), None, "ends without a softmax"),
    "dictionaries around it": (lambda: one_of("dict"), None, "ends without a softmax"),
}


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(3).random((3, *SHAPE), np.float32)


def softmax(logits):
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")
@pytest.mark.parametrize("name", MODELS)
def test_its_scores_are_the_model_s_and_it_says_where_they_stand(name, images):
    build, layer, said = MODELS[name]
    model = build()
    probe = Probe(model, SHAPE)
    given = model.predict({"picture": images} if "dict" in name else images, verbose=0)
    given = np.asarray(given["s"] if isinstance(given, dict) else given).reshape(3, -1)
    logits = probe.logits(images)
    as_they_are = "ends without a softmax" in probe.note or "is not linear" in probe.note
    outputs = logits if as_they_are else 1 / (1 + np.exp(-logits)) if probe.sigmoid else softmax(logits)
    np.testing.assert_allclose(outputs, given, atol=2e-6)
    assert probe.sigmoid == ("sigmoid" in said)
    assert said in probe.note
    assert probe.default_layer == layer
    assert probe.classes == given.shape[1]
    # Each score moves with the image, and its gradient is the slope of that movement.
    target = np.array([0, 1, 2])
    slope = probe.gradient(images, target)
    ahead, behind = (probe.logits(images + sign * 1e-3 * slope / np.abs(slope).max()) for sign in (1, -1))
    moved = (ahead - behind)[np.arange(3), target] / 2e-3 * np.abs(slope).max()
    if name != "quantised":  # its steps are stairs
        np.testing.assert_allclose(moved, (slope**2).sum(axis=(1, 2, 3)), rtol=0.05)


def test_a_mobile_net_from_keras_applications_nested_in_another_model():
    """It takes pixels of 0…255 and scales them itself; the images here are in [0, 1] all the same."""
    net = keras.applications.MobileNetV3Small(
        weights=None, input_shape=(32, 32, 3), classes=5, alpha=0.35, minimalistic=True
    )
    image = keras.Input((32, 32, 3))
    model = keras.Model(image, net(image))
    images = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
    probe = Probe(model)
    np.testing.assert_allclose(softmax(probe.logits(images)), model.predict(255 * images, verbose=0), atol=1e-5)
    assert probe.note.endswith(
        "is left out: scores are its inputs. The model scales its input itself, so it is given pixels of 0…255."
    )
    assert all(name.startswith(net.name + "/") for name in probe.layers)
    assert probe.layers[probe.default_layer].shape[:2] == (2, 2)


def test_a_model_of_bytes_gets_bytes_and_still_has_gradients(images):
    image = keras.Input(SHAPE, dtype="uint8")
    model = keras.Model(image, chain(image, layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(3)))
    probe, given = Probe(model), np.round(255 * images)
    np.testing.assert_allclose(probe.logits(given / 255), model.predict(given.astype(np.uint8), verbose=0), atol=1e-5)
    kernel = model.get_weights()[0][:, 1].reshape(SHAPE)
    np.testing.assert_allclose(
        probe.gradient(images, np.ones(3, int)), np.broadcast_to(kernel, images.shape), atol=1e-6
    )


class Failing(layers.Layer):
    """What fails while it runs, and not when it is built."""

    def call(self, images):
        return tf.gather(images, tf.fill([1], 98 + tf.shape(images)[-1]), axis=1)

    def compute_output_spec(self, images):
        return keras.KerasTensor((None, 1, *images.shape[2:]))


@pytest.mark.parametrize(
    ("build", "shape", "sentence"),
    [
        (lambda: keras.Sequential([layers.Flatten(), layers.Dense(3)]), SHAPE, r"has not been built: give it an Input"),
        (Closed, SHAPE, r"has not been built"),
        (closed, None, r"must have one image input.*Its input is None. Give `image_shape=\(H, W, C\)`"),
        (
            lambda: sequential(layers.Conv2D(3, 3)),
            None,
            r"of K ≥ 2 classes, \(N, K\), or one for two classes, \(N, 1\)\. Its output is \(N, 6, 6, 3\)",
        ),
        (lambda: sequential(layers.Dense(3), shape=(5,)), None, r"does not fix the image size: give `image_shape"),
        (
            lambda: sequential(layers.Conv2D(3, 3), layers.GlobalMaxPooling2D(), shape=(None, None, 1)),
            None,
            r"does not fix the image size",
        ),
        (plain, (8, 9, 1), r"takes images of shape \(8, 8, 1\) .*has \(8, 9, 1\)"),
        (plain, (8, 8, 3), r"The data has \(8, 8, 3\)"),
        (lambda: plain((8, 8)), (8, 8, 3), r"takes images of shape \(8, 8\)"),
        (lambda: sequential(layers.Dense(3), shape=(63,)), SHAPE, r"takes images of shape \(63,\)"),
        (
            lambda: keras.Model([a := keras.Input(SHAPE), b := keras.Input(SHAPE)], layers.Flatten()(a + b)),
            SHAPE,
            r"must have one image input",
        ),
        (
            lambda: keras.Model(a := keras.Input(SHAPE), [layers.Flatten()(a), layers.GlobalMaxPooling2D()(a)]),
            SHAPE,
            r"must have one output, \(N, K\)\. It has 2",
        ),
        (
            lambda: sequential(layers.Embedding(9, 4), layers.Flatten(), layers.Dense(2), shape=(7, 7, 7, 7)),
            SHAPE,
            r"must have one image input",
        ),
        (
            lambda: sequential(layers.Softmax(axis=50), layers.Flatten(), layers.Dense(3)),
            None,
            r"^The model cannot be run on images of shape \(8, 8, 1\): Softmax.call\(\). .dim. must be in the range",
        ),
        (
            lambda: sequential(Failing(), layers.Flatten(), layers.Dense(3)),
            None,
            r"^The model cannot be run on these images: indices\[0\] = 99 is not in",
        ),
    ],
)
def test_a_model_that_is_no_classifier_of_such_images_is_refused_in_a_sentence(build, shape, sentence):
    with pytest.raises(WorkbenchError, match=sentence):
        Probe(build(), shape)


@pytest.fixture(scope="module")
def probe():
    keras.utils.set_random_seed(1)
    hidden = layers.Dense(5, activation="relu", name="hidden")
    return Probe(
        sequential(
            body(),
            layers.MaxPooling2D(name="pool"),
            layers.Flatten(name="flat"),
            hidden,
            layers.Dense(3, name="scores"),
        )
    )


def test_layers_have_path_kind_shape_and_place(probe):
    found = {name: (info.kind, info.shape, info.spatial) for name, info in probe.layers.items()}
    assert found == {
        "conv": ("Conv2D", (6, 6, 3), True),
        "pool": ("MaxPooling2D", (3, 3, 3), True),
        "flat": ("Flatten", (27,), False),
        "hidden": ("Dense", (5,), False),
        "scores": ("Dense", (3,), False),
    }
    assert probe.spatial_layers == ["conv", "pool"]
    assert probe.default_layer == "conv"
    assert probe.filter_layers == ["conv"]
    assert probe.image_shape == SHAPE


def test_embeddings_and_feature_maps_are_what_the_layers_give(probe, images):
    upto = keras.Model(probe.model.inputs, [probe.model.get_layer(name).output for name in ("conv", "pool", "hidden")])
    conv, pool, hidden = upto.predict(images, verbose=0)
    np.testing.assert_allclose(probe.feature_maps(images, "conv"), conv, atol=1e-6)
    np.testing.assert_allclose(probe.feature_maps(images, "pool"), pool, atol=1e-6)
    np.testing.assert_allclose(probe.embeddings(images), hidden, atol=1e-6)
    logits, embeddings = probe.logits_and_embeddings(images)
    np.testing.assert_allclose(logits, probe.logits(images), atol=1e-6)
    np.testing.assert_allclose(embeddings, probe.embeddings(images), atol=1e-6)


def test_maps_and_their_gradients_move_the_score(probe, images):
    """By hand: back through the hidden ReLU and its kernel."""
    target = np.array([0, 1, 2])
    maps, slopes = probe.feature_maps_and_gradients(images, target, "pool")
    np.testing.assert_allclose(maps, probe.feature_maps(images, "pool"), atol=1e-6)
    kernel, bias, last, _ = probe.model.get_weights()[2:]
    hidden = maps.reshape(3, -1) @ kernel + bias
    expected = [kernel @ ((row > 0) * last[:, c]) for row, c in zip(hidden, target, strict=True)]
    np.testing.assert_allclose(slopes.reshape(3, -1), expected, atol=1e-6)


def test_filters_are_kernels(probe):
    np.testing.assert_array_equal(probe.filters("conv"), probe.model.get_layer("conv").get_weights()[0])
    depthwise = Probe(squeeze())
    assert depthwise.filter_layers[:3] == ["stem", "depthwise", "separable"]
    assert depthwise.filters("depthwise").shape == (3, 3, 8, 1)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda p, x: p.feature_maps(x, "cnov"), r"no layer 'cnov'\. Did you mean 'conv'"),
        (lambda p, x: p.filters("pool"), r"no convolution 'pool'.*Choose one of: conv\."),
        (
            lambda p, x: p.feature_maps_and_gradients(x, np.zeros(3, int), "hidden"),
            r"`layer` must be one of conv, pool\. Got 'hidden'; its output is \(N, 5\)",
        ),
    ],
)
def test_a_wrong_layer_is_said(probe, images, call, sentence):
    with pytest.raises(WorkbenchError, match=sentence):
        call(probe, images)


@pytest.mark.parametrize("rows", [1, 2, 3, 100])
def test_batches_of_any_size_give_the_same(probe, images, rows, monkeypatch):
    monkeypatch.setattr(probe, "max_rows", rows)
    many = np.concatenate([images, images[::-1]])
    np.testing.assert_allclose(
        probe.logits(many), np.concatenate([probe.logits(images), probe.logits(images)[::-1]]), atol=1e-6
    )
    assert probe.logits(images[:0]).shape == (0, 3)
    gradient = probe.gradient(many, np.array([0, 1, 2, 2, 1, 0]))
    np.testing.assert_allclose(gradient[:3], gradient[:2:-1], atol=1e-6)


def test_at_most_256_rows_and_fewer_of_what_is_large():
    assert Probe(sequential(layers.Flatten(), layers.Dense(2))).max_rows == 256
    wide = sequential(
        layers.Conv2D(64, 3, padding="same"), layers.GlobalMaxPooling2D(), layers.Dense(2), shape=(512, 512, 1)
    )
    assert Probe(wide).max_rows == 15  # 2^28 floats over 512 x 512 x 64


def test_the_same_question_is_traced_once(probe, images):
    traces = []

    def count(batch):
        traces.append(1)
        return ops.sum(batch, axis=(1, 2, 3))

    for part in (images, images[:1], images[:0]):
        np.testing.assert_allclose(probe.run("sum", count, part), part.sum(axis=(1, 2, 3)), rtol=1e-5)
    assert len(traces) == 1


def test_of_one_sigmoid_a_class_the_probability_is_refused(images):
    probe = Probe(MODELS["many labels at once"][0]())
    assert probe.sigmoid
    target = np.zeros(3, int)
    said = (
        "The probability cannot be explained: the model ends in one sigmoid per class, so its outputs are not a "
        "distribution over the classes. Explain the logit (the sigmoid's input)."
    )
    with pytest.raises(WorkbenchError) as refused:
        explainer("saliency")().attribute(probe, images, target, score="probability")
    assert str(refused.value) == said
    assert explainer("saliency")().attribute(probe, images, target).values.any()


@pytest.mark.parametrize(
    ("activation", "rectified"),
    [
        (layers.ReLU(), True),
        (layers.ReLU(max_value=6), True),
        (layers.LeakyReLU(), True),
        (layers.Activation("relu6"), True),
        (layers.Activation("gelu"), False),
        (layers.Activation("tanh"), False),
    ],
)
def test_it_knows_whether_a_relu_lies_on_the_way(activation, rectified):
    assert Probe(sequential(layers.Conv2D(2, 3), activation, layers.Flatten(), layers.Dense(2))).rectified == rectified


def test_maps_are_right_when_four_threads_ask_at_once():
    """TensorFlow gave values of 6e11, or crashed, when one compiled function ran in two threads at once."""
    image = keras.Input((8, 8, 1))
    first = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    second = keras.layers.Conv2D(4, 3, padding="same")(first)
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(keras.layers.Add()([first, second])))
    probe = Probe(keras.Model(image, keras.layers.Dense(3)(pooled)))
    images, target = np.random.default_rng(0).random((5, 8, 8, 1), np.float32), np.array([0, 1, 2, 0, 1])
    occlusion = explainer("occlusion")()
    expected = occlusion.attribute(probe, images, target).values
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(occlusion.attribute, probe, images, target) for _ in range(120)]
    for answer in asked:
        np.testing.assert_allclose(answer.result().values, expected, rtol=1e-4, atol=1e-6)
