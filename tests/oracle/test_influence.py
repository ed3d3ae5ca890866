"""Last-layer influence against real gradients in float64, and against what a step of training really does."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.session.influence import TrainingInfluence, extremes, image_influence
from workbench.session.session import Session
from workbench.statistics.influence import LastLayer, influence, residuals, self_influence, traced
from workbench.training.corrections import Corrections, ImageChange
from workbench.training.kept_weights import KeptWeights

CHANCE = np.random.default_rng(0)
D, K, N = 5, 4, 12
WEIGHTS, BIAS = CHANCE.normal(size=(D, K)), CHANCE.normal(size=K)
EMBEDDINGS, LABELS = CHANCE.normal(size=(N, D)), CHANCE.integers(0, K, N)
IMAGE, TARGET = CHANCE.normal(size=D), 2


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def found(bias=True):
    own = residuals(softmax(IMAGE @ WEIGHTS + BIAS)[None], np.array([TARGET]))[0]
    theirs = residuals(softmax(EMBEDDINGS @ WEIGHTS + BIAS), LABELS)
    return influence(own, IMAGE, theirs, EMBEDDINGS, bias=bias)


def gradients(embedding, label):
    """Gradients of the cross-entropy by kernel and bias of the last layer."""
    kernel, bias = tf.Variable(WEIGHTS), tf.Variable(BIAS)
    with tf.GradientTape() as tape:
        logits = tf.constant(embedding)[None] @ kernel + bias
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(np.array([label]), logits)[0]
    return [each.numpy() for each in tape.gradient(loss, [kernel, bias])]


def test_it_is_the_product_of_the_two_gradients():
    one = gradients(IMAGE, TARGET)
    expected, without = [], []
    for embedding, label in zip(EMBEDDINGS, LABELS, strict=True):
        other = gradients(embedding, label)
        expected.append(sum((a * b).sum() for a, b in zip(one, other, strict=True)))
        without.append((one[0] * other[0]).sum())
    np.testing.assert_allclose(found(), expected, rtol=1e-12)
    np.testing.assert_allclose(found(bias=False), without, rtol=1e-12)


def test_a_small_step_on_an_image_lowers_the_loss_by_its_influence():
    def loss(kernel, bias):
        return -np.log(softmax(IMAGE @ kernel + bias)[TARGET])

    step, lowered = 1e-6, []
    for embedding, label in zip(EMBEDDINGS, LABELS, strict=True):
        by_kernel, by_bias = gradients(embedding, label)
        lowered.append((loss(WEIGHTS, BIAS) - loss(WEIGHTS - step * by_kernel, BIAS - step * by_bias)) / step)
    np.testing.assert_allclose(found(), lowered, rtol=1e-3, atol=1e-5)


def of_chance(count, seed, rate):
    chance = np.random.default_rng(seed)
    said = softmax(chance.normal(size=(count, K)))
    return LastLayer(chance.normal(size=(count, D)), residuals(said, chance.integers(0, K, count)), rate)


def test_checkpoints_add_up_times_their_rates():
    rates = (0.3, 0.1, 0.02)
    ours = [of_chance(3, 10 + t, rate) for t, rate in enumerate(rates)]
    theirs = [of_chance(7, 20 + t, rate) for t, rate in enumerate(rates)]
    expected = np.zeros((3, 7))
    for one, other, rate in zip(ours, theirs, rates, strict=True):
        for i in range(3):
            for j in range(7):
                kernels = np.outer(one.embeddings[i], one.residuals[i]) * np.outer(
                    other.embeddings[j], other.residuals[j]
                )
                expected[i, j] += rate * (kernels.sum() + one.residuals[i] @ other.residuals[j])
    np.testing.assert_allclose(traced(ours, theirs), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(self_influence(theirs), np.diag(traced(theirs, theirs)), rtol=1e-12)
    assert (self_influence(theirs) > 0).all()


NAMES = ("a", "b", "c")
SHAPE, SETS, RATES = (6, 6, 1), 3, np.array([0.2, 0.1, 0.01])


def network(bias=True, last="softmax"):
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(5, activation="relu"),
            keras.layers.Dense(3, last, use_bias=bias, name="last"),
        ]
    )


def part(count, seed, name):
    chance = np.random.default_rng(seed)
    images, labels = chance.integers(0, 256, (count, *SHAPE), dtype=np.uint8), chance.integers(0, 3, count)
    return Dataset(images, labels, class_names=NAMES, indices=np.arange(count), name=f"made/{name}")


def kept_of(model, seed=0):
    chance = np.random.default_rng(seed)
    drawn = tuple(chance.normal(0, 1, (SETS, *each.shape)).astype(np.float32) for each in model.get_weights())
    return KeptWeights(np.array([1, 3, 5]), RATES, drawn)


def session_of(model, kept=None):
    session = Session(model, part(5, 0, "test"), train=part(9, 1, "train"), cache=False)
    _ = session.predictions, session.training.predictions
    if kept is not None:
        manifest = SimpleNamespace(
            files={},
            dataset_fingerprints={"train": session.train.fingerprint},
            settings={},
            corrections=None,
            best_epoch=None,
            epochs=5,
        )
        session.run = SimpleNamespace(checkpoints=kept, manifest=manifest, path=Path("run"))
    return session


@pytest.mark.parametrize("bias", [True, False])
def test_a_network_at_several_checkpoints_has_the_products_of_its_real_gradients(agree, bias):
    model = network(bias)
    kept, before = kept_of(model), model.get_weights()
    session = session_of(model, kept)
    asked = TrainingInfluence(session)
    rows, found = next(asked.on(np.arange(5)))
    np.testing.assert_array_equal(rows, np.arange(5))
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)  # the model itself never changes

    expected = np.zeros((5, 9))
    own = np.zeros(9)
    for t in range(SETS):
        model.set_weights(kept.at(t))

        def real(image, label):
            with tf.GradientTape() as tape:
                said = model(image[None].astype(np.float32) / 255)
                loss = keras.losses.sparse_categorical_crossentropy(np.array([label]), said)[0]
            return [each.numpy().astype(np.float64) for each in tape.gradient(loss, model.get_layer("last").weights)]

        ours, theirs = (
            [real(image, label) for image, label in zip(data.images, data.labels, strict=True)]
            for data in (session.dataset, session.train)
        )
        for j, other in enumerate(theirs):
            own[j] += RATES[t] * sum((b * b).sum() for b in other)
            for i, one in enumerate(ours):
                expected[i, j] += RATES[t] * sum((a * b).sum() for a, b in zip(one, other, strict=True))
    agree(found, expected, 1e-5, "influence")
    agree(asked.on_itself(), own, 1e-5, "self-influence")
    assert asked.checkpoints == SETS


def of_units(units, activation):
    """A network that ends in so many units, and its session, of two or three classes."""
    keras.utils.set_random_seed(units)
    layers = [keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.Flatten(), keras.layers.Dense(5, "tanh")]
    model = keras.Sequential([keras.Input(SHAPE), *layers, keras.layers.Dense(units, activation, name="last")])
    names = NAMES[: max(units, 2)]
    parts = []
    for count, seed, name in ((5, 0, "test"), (9, 1, "train")):
        made = part(count, seed, name)
        parts.append(replace(made, labels=made.labels % len(names), class_names=names))
    return model, Session(model, parts[0], train=parts[1], cache=False)


@pytest.mark.parametrize("layers", ["last", "all"])
@pytest.mark.parametrize(("units", "activation"), [(1, "sigmoid"), (3, "sigmoid")])
def test_of_sigmoids_it_is_the_product_of_the_gradients_of_binary_cross_entropies(agree, units, activation, layers):
    model, session = of_units(units, activation)
    asked = TrainingInfluence(session, layers)
    found = np.concatenate([each for _, each in asked.on(np.arange(5))])

    def real(image, label):
        target = np.eye(3, dtype=np.float32)[[label]] if units == 3 else np.array([[label]], np.float32)
        weights = model.get_layer("last").weights if layers == "last" else model.trainable_weights
        with tf.GradientTape() as tape:
            said = model(image[None].astype(np.float32) / 255)
            loss = tf.reduce_sum(keras.ops.binary_crossentropy(target, said, from_logits=activation is None))
        return np.concatenate([each.numpy().ravel() for each in tape.gradient(loss, weights)]).astype(np.float64)

    ours, theirs = (
        np.array([real(image, label) for image, label in zip(data.images, data.labels, strict=True)])
        for data in (session.dataset, session.train)
    )
    agree(found, ours @ theirs.T, 1e-4, f"influence of {units} sigmoid units, {layers}")
    if layers == "last":
        agree(asked.on_itself(), (theirs**2).sum(axis=1), 1e-4, f"self-influence of {units} sigmoid units")
    assert ("binary cross-entropies" in asked.measured) == (units == 3)


def test_checkpoints_are_those_of_the_run_s_own_images_alone():
    model = network()
    session = session_of(model, kept_of(model))
    session.run.manifest.dataset_fingerprints["train"] = "of other images"
    asked, alone = TrainingInfluence(session), TrainingInfluence(session_of(model))
    assert asked.checkpoints == 1 and asked.measured.endswith("These are not the images that the run was trained on.")
    assert "not the images" not in alone.measured
    np.testing.assert_array_equal(next(asked.on(np.arange(5)))[1], next(alone.on(np.arange(5)))[1])


def test_of_corrected_images_it_is_that_of_what_was_trained():
    model = network()
    session = session_of(model, kept_of(model))
    train = session.train
    changes = [
        ImageChange(train.keys[2], str(train.names[2]), "train", NAMES[train.labels[2]], "relabel", "a"),
        ImageChange(train.keys[6], str(train.names[6]), "train", NAMES[train.labels[6]], "drop"),
    ]
    assert train.labels[2] != 0
    told = Corrections(changes=tuple(changes))
    session.run.manifest.corrections, session.run.corrections = told.record, told
    asked = TrainingInfluence(session)
    assert asked.rows.tolist() == [0, 1, 2, 3, 4, 5, 7, 8]
    labels = train.labels.copy()
    labels[2] = 0
    other = Session(model, session.dataset, train=replace(train, labels=labels), cache=False)
    other.run = SimpleNamespace(**vars(session.run))
    other.run.manifest = SimpleNamespace(**vars(session.run.manifest))
    other.run.manifest.corrections = None
    other.run.manifest.dataset_fingerprints = {"train": other.train.fingerprint}
    expected = TrainingInfluence(other)
    np.testing.assert_array_equal(
        next(asked.on(np.arange(5)))[1], np.delete(next(expected.on(np.arange(5)))[1], 6, axis=1)
    )
    np.testing.assert_array_equal(asked.on_itself(), np.delete(expected.on_itself(), 6))
    by_all = next(TrainingInfluence(session, "all").on(np.array([1])))[1]
    np.testing.assert_allclose(by_all, np.delete(next(TrainingInfluence(other, "all").on(np.array([1])))[1], 6, axis=1))
    table = session.influence(1, most=8).table.set_index("train_row")
    assert 6 not in table.index and table["label"].get(2, "a") == "a"


@pytest.mark.parametrize(
    ("best", "epochs", "said"),
    [
        (3, 2, "Added up over 2 checkpoints of the training, each times its learning rate; those after epoch 3, whose"),
        (
            2,
            1,
            "Measured at one kept checkpoint (epoch 1), times its learning rate; those after epoch 2, whose weights",
        ),
        (5, 3, "Added up over 3 checkpoints of the training, each times its learning rate."),
    ],
)
def test_what_was_kept_after_the_epoch_whose_weights_the_model_has_is_left_out(best, epochs, said):
    model = network()
    session = session_of(model, kept_of(model))
    session.run.manifest.settings, session.run.manifest.best_epoch = {"patience": 2}, best
    asked = TrainingInfluence(session)
    assert asked.checkpoints == epochs and asked.measured.startswith(said)
    assert asked.unit == "nats, up to the batch size and the number of steps"


def test_checkpoints_are_read_once_for_all_images():
    model, read = network(), []

    class Counted:
        path, manifest = Path("run"), session_of(model, kept_of(model)).run.manifest

        @property
        def checkpoints(self):
            read.append(1)
            return kept_of(model)

    session = session_of(model)
    session.run = Counted()
    assert len(list(TrainingInfluence(session, "all").on(np.arange(3)))) == 3 and len(read) == 1


def test_too_little_memory_is_told_before_anything_is_computed(monkeypatch):
    session = session_of(network())
    monkeypatch.setattr("workbench.session.influence.free_memory", lambda: 1000)
    with pytest.raises(
        WorkbenchError, match=r"Influence of 9 training images by the last layer, at 1 set of weights, n"
    ):
        TrainingInfluence(session)
    asked = TrainingInfluence(session, "all")
    assert next(asked.on(np.arange(1)))[1].shape == (1, 9) and asked.on_itself() is None


@pytest.mark.parametrize("several", [True, False])
def test_all_weights_give_the_products_of_all_gradients(agree, several):
    model = network()
    kept, final = kept_of(model), model.get_weights()
    session = session_of(model, kept if several else None)
    asked = TrainingInfluence(session, "all")
    found = np.concatenate([each for _, each in asked.on(np.array([1, 4]))])
    expected = np.zeros((2, 9))
    for weights, rate in [(kept.at(t), RATES[t]) for t in range(SETS)] if several else [(final, 1.0)]:
        model.set_weights(weights)

        def real(image, label):
            with tf.GradientTape() as tape:
                said = model(image[None].astype(np.float32) / 255)
                loss = keras.losses.sparse_categorical_crossentropy(np.array([label]), said)[0]
            return np.concatenate([each.numpy().ravel() for each in tape.gradient(loss, model.trainable_weights)])

        ours, theirs = (
            np.array([real(image, label) for image, label in zip(data.images, data.labels, strict=True)], np.float64)
            for data in (session.dataset, session.train)
        )
        expected += rate * ours[[1, 4]] @ theirs.T
    agree(found, expected, 1e-5, "influence, all weights")
    model.set_weights(final)
    said = session.influence(1, most=2, layers="all")
    order = np.argsort(-expected[0])
    assert list(said.helpful) == [row for row in order[:2] if expected[0, row] > 0]
    assert said.words.endswith("By the gradients of all weights.")


def test_without_checkpoints_the_final_weights_answer_and_it_is_said():
    session = session_of(network())
    found = image_influence(session, 2, most=3)
    assert found.checkpoints == 1 and "at one checkpoint, the final weights" in found.words
    said, theirs = session.predictions, session.training.predictions
    expected = influence(
        residuals(said.probabilities[2:3], said.labels[2:3])[0],
        session.embeddings[2],
        residuals(theirs.probabilities, theirs.labels),
        session.training.embeddings,
    )
    order = np.argsort(-expected)
    assert list(found.helpful) == [row for row in order[:3] if expected[row] > 0]
    assert list(found.harmful) == [row for row in order[::-1][:3] if expected[row] < 0]
    assert found.helpful.part == "train" and "most helpful is" in found.words.lower()
    assert session.influence("test/2", most=3).words == found.words
    assert "<img" in found._repr_html_()


def test_what_cannot_be_told_is_a_sentence():
    convolved = keras.Sequential(
        [keras.Input(SHAPE), keras.layers.Conv2D(3, 3), keras.layers.GlobalAveragePooling2D(), keras.layers.Softmax()]
    )
    with pytest.raises(WorkbenchError, match="This model has no dense layer that gives its scores"):
        TrainingInfluence(session_of(convolved))
    asked = TrainingInfluence(session_of(convolved), "all")  # needs no such layer
    assert np.isfinite(next(asked.on(np.arange(1)))[1]).all() and asked.on_itself() is None
    frozen = network()
    frozen.trainable = False
    with pytest.raises(WorkbenchError, match="Training changes no weight of this model"):
        session_of(frozen).influence(0, layers="all")
    with pytest.raises(WorkbenchError, match="the images that the model was trained on"):
        TrainingInfluence(Session(network(), part(5, 0, "test"), cache=False))
    other = KeptWeights(np.array([1]), RATES[:1], (np.zeros((1, 3)),))
    with pytest.raises(WorkbenchError, match="weights of another model"):
        TrainingInfluence(session_of(network(), other))


def test_an_image_has_no_influence_on_itself_where_training_images_are_studied():
    data = part(9, 1, "train")
    session = Session(network(), data, train=data, cache=False)
    _, found = next(TrainingInfluence(session).on(np.arange(9)))
    np.testing.assert_array_equal(np.diag(found), 0)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_extremes_are_the_ends_of_the_order(count):
    values = np.random.default_rng(count).normal(size=count)
    helpful, harmful = extremes(values, 3)
    order = np.argsort(-values, kind="stable")
    assert helpful.tolist() == [place for place in order[:3] if values[place] > 0]
    assert harmful.tolist() == [place for place in order[::-1][:3] if values[place] < 0]
