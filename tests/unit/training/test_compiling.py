import keras
import numpy as np
import pytest
from keras import layers, optimizers

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.training.compiling import (
    begins_phase,
    compile_for,
    end_in_float32,
    half_precision,
    highest_rate,
    refuse_weights,
    set_phase,
    to_float32,
    with_weights,
)
from workbench.training.recipes import RECIPES, Recipe, TrainingJob, recipe


@pytest.fixture
def model():
    image = keras.Input((4, 4, 1))
    inner = keras.Sequential(
        [keras.Input((4, 4, 1)), layers.Conv2D(2, 3), layers.BatchNormalization()], name="backbone"
    )
    return keras.Model(image, layers.Dense(2, activation="softmax")(layers.Flatten()(inner(image))))


def test_every_setting_of_the_recipe_reaches_the_optimizer_or_the_loss(model):
    compile_for(model, RECIPES["report"], 10)
    assert type(model.optimizer) is optimizers.Adam
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-3)
    assert model.loss == "sparse_categorical_crossentropy"
    compile_for(model, Recipe(optimizer="adamw", weight_decay=0.03, schedule="one-cycle", label_smoothing=0.2), 10)
    assert type(model.optimizer) is optimizers.AdamW
    assert model.optimizer.weight_decay == 0.03
    assert model.optimizer.get_config()["learning_rate"]["config"] == {"peak": 1e-3, "steps": 100, "warm_up": 0.1}
    assert model.loss.label_smoothing == 0.2
    compile_for(model, Recipe(optimizer="sgd", momentum=0.8, weight_decay=0.01, schedule="cosine", cycles=5), 10)
    assert (model.optimizer.momentum, model.optimizer.nesterov, model.optimizer.weight_decay) == (0.8, True, 0.01)
    assert model.optimizer.get_config()["learning_rate"]["config"] == {"peak": 1e-3, "steps": 100, "cycles": 5}
    compile_for(model, Recipe(optimizer="rmsprop"), 10)
    assert type(model.optimizer) is optimizers.RMSprop


@pytest.mark.parametrize(
    ("settings", "plain"),
    [
        ({"label_smoothing": 0.1}, "categorical_crossentropy"),
        ({"class_weights": "balanced"}, "sparse_categorical_crossentropy"),
    ],
)
def test_the_plain_loss_is_measured_too_where_another_is_minimised(model, settings, plain):
    compile_for(model, Recipe(**settings), 1)
    labels = np.eye(2)[[0, 1]] if "label_smoothing" in settings else np.array([0, 1])
    images = np.random.default_rng(0).random((2, 4, 4, 1))
    logs = model.fit(images, labels, sample_weight=np.array([3.0, 0.5]), verbose=0).history
    assert set(logs) == {"loss", "accuracy", plain}
    assert logs[plain] != pytest.approx(logs["loss"], rel=1e-3)


def test_phases(model):
    frozen = recipe("report", {"epochs": 6, "frozen_epochs": 2, "schedule": "cosine", "unfrozen_rate": 0.05})
    assert [begins_phase(frozen, epoch) for epoch in range(4)] == [True, False, True, False]
    assert [begins_phase(RECIPES["report"], epoch) for epoch in range(3)] == [True, False, False]
    set_phase(model, frozen, 1, "x")
    assert len(model.trainable_weights) == 2
    compile_for(model, frozen, 10, 0)
    assert model.optimizer.get_config()["learning_rate"]["config"]["steps"] == 20
    statistics = model.get_layer("backbone").layers[-1].moving_mean
    model.fit(np.ones((4, 4, 4, 1)), np.zeros(4), verbose=0)
    assert not np.asarray(statistics).any()  # a frozen BatchNormalization learns nothing
    set_phase(model, frozen, 2, "x")
    assert len(model.trainable_weights) == 4  # but for its BatchNormalization's scale and offset
    compile_for(model, frozen, 10, 2)
    schedule = model.optimizer.get_config()["learning_rate"]["config"]
    assert (schedule["steps"], schedule["peak"]) == (40, pytest.approx(5e-5))
    assert [highest_rate(frozen, epoch) for epoch in (0, 1, 2)] == pytest.approx([1e-3, 1e-3, 5e-5])
    assert highest_rate(RECIPES["report"], 5) == 1e-3
    before = np.asarray(model.get_layer("backbone").layers[0].kernel)
    model.fit(np.ones((4, 4, 4, 1)), np.zeros(4), verbose=0)
    assert not np.asarray(statistics).any()
    assert not np.array_equal(model.get_layer("backbone").layers[0].kernel, before)


def test_a_backbone_that_is_never_frozen_is_trained_whole(model):
    set_phase(model, RECIPES["report"], 0, "x")
    assert len(model.trainable_weights) == 6
    compile_for(model, RECIPES["report"], 10, 0)
    model.fit(np.ones((4, 4, 4, 1)), np.zeros(4), verbose=0)
    assert np.asarray(model.get_layer("backbone").layers[-1].moving_mean).any()


def test_there_must_be_something_to_freeze():
    bare = keras.Sequential([keras.Input((2,)), layers.Dense(2)])
    with pytest.raises(WorkbenchError, match=r"freezes the layer called 'backbone', and 'baseline' has none. Set it"):
        set_phase(bare, recipe("report", {"frozen_epochs": 2}), 0, "baseline")
    set_phase(bare, RECIPES["report"], 0, "baseline")


def test_weights_reach_a_network_that_takes_some():
    seen = []

    def takes(image_shape, classes, weights="imagenet"):
        seen.append((image_shape, classes, weights))

    def takes_none(image_shape, classes):
        seen.append((image_shape, classes))

    job = TrainingJob(weights="mine.h5")
    with_weights(takes, job)((4, 4, 1), 2)
    with_weights(takes_none, job)((4, 4, 1), 3)
    assert seen == [((4, 4, 1), 2, "mine.h5"), ((4, 4, 1), 3)]


def test_half_precision_ends_in_float32_and_is_saved_in_it():
    keras.utils.set_random_seed(0)
    with half_precision(True):
        made = keras.Sequential([keras.Input((4,)), layers.Dense(8, "relu"), layers.Dense(3, "softmax")])
    assert keras.config.dtype_policy().name == "float32"
    end_in_float32(made)
    assert [layer.compute_dtype for layer in made.layers] == ["float16", "float32"]
    inputs = np.random.default_rng(0).random((5, 4)).astype(np.float32)
    half = np.asarray(made(inputs))
    assert half.dtype == np.float32
    compile_for(made, RECIPES["report"], 1)
    assert isinstance(made.optimizer, optimizers.LossScaleOptimizer)
    whole = to_float32(made)
    assert {layer.compute_dtype for layer in whole.layers} == {"float32"}
    found = np.asarray(whole(inputs))
    assert 0 < np.abs(found - half).max() < 2e-3
    assert found.sum(axis=1) == pytest.approx(np.ones(5), abs=1e-6)


def test_weights_without_effect_are_refused(tmp_path):
    def plain(image_shape, classes):
        raise AssertionError

    def pretrained(image_shape, classes, weights):
        raise AssertionError

    with pytest.raises(WorkbenchError, match=r"'plain' takes none. Got 'imagenet'"):
        refuse_weights("plain", plain, "imagenet")
    with pytest.raises(Unavailable, match=r"There is no file /nope.h5 of weights"):
        refuse_weights("net", pretrained, "/nope.h5")
    refuse_weights("plain", plain, "none")
    refuse_weights("net", pretrained, "imagenet")
