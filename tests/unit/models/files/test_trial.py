"""Files of Keras that crash TensorFlow, never end or take all memory do so elsewhere; sound ones are as they were."""

import os
import subprocess
import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import layers

from tests import forks
from tests.patience import PATIENCE
from workbench.core.errors import WorkbenchError
from workbench.core.progress import reporting
from workbench.models.declared_shape import declared_shape
from workbench.models.files import load_model, trial, worker
from workbench.models.files.worker import resident_memory
from workbench.models.probe import Probe

SHAPE = (8, 8, 3)
NOISE = np.random.default_rng(1).random((5, *SHAPE), np.float32)
OLD = Path(__file__).parents[3] / "keras2_files"


@pytest.fixture
def _tried(monkeypatch, tmp_path):
    """Try files, with a cache of one's own."""
    monkeypatch.setattr(trial, "try_model", trial.try_model.__wrapped__)
    patient = dict.fromkeys(("load", "first", "later"), PATIENCE)
    monkeypatch.setattr(trial, "LIMITS", replace(trial.LIMITS, **patient))
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def _elsewhere(_tried, monkeypatch):
    """In another process, which need not import TensorFlow again."""
    monkeypatch.setattr(worker, "open_in_worker", worker.open_in_worker.__wrapped__)
    monkeypatch.setattr(worker, "subprocess", SimpleNamespace(**{**vars(subprocess), "Popen": forks.Process}))


def again(layer, times=40):
    def grown(x):
        for _ in range(times):
            x = layer()([x, x])
        return x

    return grown


def saved(path, inside, shape=SHAPE):
    image = keras.Input(shape)
    x = inside(image)
    x = x if len(x.shape) == 2 else layers.Flatten()(x)
    model = keras.Model(image, layers.Dense(3)(x))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras recommends its other format
        model.save(path)
    return model


MEMORY = r"was ended: it took more than 0\.5 GB of memory while it was run on \d+ images\."
CRASH = r"made its process crash \(SIG\w+\) while it was run on \d+ images: it is damaged, or asks for more memory"


PLAINLY = """
import sys
import keras
import tensorflow as tf

images = tf.zeros((256, *map(int, sys.argv[2:])))
model = keras.models.load_model(sys.argv[1], compile=False)
with tf.GradientTape() as tape:
    tape.watch(images)
    out = model(images)
tape.gradient(out, images)
"""


def crashes(path, shape):
    """Whether TensorFlow alone crashes when it runs a model, which depends on the processor."""
    call = forks.Call(("-c", PLAINLY, str(path), *map(str, shape)), Path.cwd())
    try:
        return forks.run(call, timeout=PATIENCE / 5)[0].returncode < 0
    except TimeoutError:
        return False


@pytest.mark.usefixtures("_elsewhere")
@pytest.mark.parametrize(
    ("name", "inside", "shape", "words"),
    [
        ("added.keras", again(layers.Add), SHAPE, MEMORY),
        ("filter.h5", layers.Conv2D(8, 300, padding="same"), (28, 28, 1), CRASH),
        ("gradient.keras", layers.Conv2D(4, 3, strides=2**30, padding="same"), SHAPE, CRASH),
        ("large.h5", lambda x: layers.GlobalMaxPooling2D()(layers.UpSampling2D(500)(x)), SHAPE, MEMORY),
    ],
    ids=["added", "filter", "gradient", "large"],
)
def test_what_crashes_or_takes_all_memory_does_so_elsewhere(tmp_path, monkeypatch, name, inside, shape, words):
    monkeypatch.setattr(trial, "LIMITS", replace(trial.LIMITS, memory=2**29))
    monkeypatch.setattr(worker, "free_memory", lambda: None)  # what others leave is another limit
    saved(tmp_path / name, inside, shape)
    if words == CRASH and not crashes(tmp_path / name, shape):
        pytest.skip("TensorFlow computes it on this processor, where it crashes on others")
    before = resident_memory(os.getpid())
    with pytest.raises(WorkbenchError, match=rf"^{name} {words}.* It was only tried, and is not opened here: if you "):
        load_model(tmp_path / name, image_shape=shape)
    assert resident_memory(os.getpid()) - before < 2**29
    assert not [*tmp_path.glob("cache/trials/*")]  # it may have been for want of memory: another process tries it anew
    monkeypatch.setattr(worker, "open_in_worker", None)
    with pytest.raises(WorkbenchError, match=words):  # in this one, not every analysis does
        load_model(tmp_path / name, image_shape=shape)


@pytest.mark.usefixtures("_elsewhere")
def test_a_sound_file_is_tried_once_and_it_is_told(tmp_path, monkeypatch):
    path = tmp_path / "m.keras"
    model = saved(path, layers.Conv2D(4, 3))
    told = []
    with reporting(lambda what, done, total: told.append((what, done, total))):
        opened = load_model(path, image_shape=SHAPE)
    assert told == [("Trying m.keras in a process of its own", done, 4) for done in range(5)]
    np.testing.assert_allclose(opened(NOISE), model(NOISE), rtol=1e-6)

    monkeypatch.setattr(worker, "open_in_worker", None)
    load_model(path, image_shape=SHAPE)
    with pytest.raises(TypeError, match="not callable"):
        load_model(path, image_shape=(9, 9, 3))  # of other images nothing is known
    saved(path, layers.Conv2D(4, 3))
    with pytest.raises(TypeError, match="not callable"):
        load_model(path, image_shape=SHAPE)  # another file


def residual(x):
    inner = layers.Conv2D(3, 3, padding="same", activation="relu")(x)
    return layers.GlobalAveragePooling2D()(layers.BatchNormalization()(layers.Add()([x, inner])))


@keras.saving.register_keras_serializable(package="trial")
def own_loss(labels, scores):
    return keras.ops.mean(keras.ops.square(scores))


def compiled(model):
    model.compile("adam", loss=own_loss, metrics=["accuracy", keras.metrics.TopKCategoricalAccuracy(2)])
    return model


@pytest.mark.usefixtures("_tried")
@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
@pytest.mark.parametrize("inside", [layers.Conv2D(4, 3), residual, again(layers.Add, 5)], ids=["plain", "res", "sum"])
def test_sound_files_pass_and_say_what_they_said(tmp_path, name, inside):
    compiled(saved(tmp_path / name, inside)).save(tmp_path / name)
    trusted = keras.models.load_model(tmp_path / name, compile=False)
    model = load_model(tmp_path / name, image_shape=SHAPE)
    assert len([*tmp_path.glob("cache/trials/*-8x8x3.npz")]) == 1
    np.testing.assert_array_equal(Probe(model, SHAPE).logits(NOISE), Probe(trusted, SHAPE).logits(NOISE))


@pytest.mark.usefixtures("_tried")
@pytest.mark.parametrize("file", ["nested-2.15.h5", "nested-tf_keras.keras"])
def test_files_of_keras_2_pass(tmp_path, file):
    shape = declared_shape(OLD / file)
    model = load_model(OLD / file, image_shape=shape)
    assert [*tmp_path.glob("cache/trials/*")]
    assert np.isfinite(Probe(model, shape).logits(np.zeros((2, *shape), np.float32))).all()


@pytest.mark.usefixtures("_tried")
def test_what_is_wrong_without_harm_is_said_in_the_same_words_and_not_kept(tmp_path):
    path = tmp_path / "m.keras"
    model = saved(path, layers.Conv2D(4, 3))
    with pytest.raises(WorkbenchError) as expected:
        Probe(model, (7, 7, 3))
    with pytest.raises(WorkbenchError) as told:
        load_model(path, image_shape=(7, 7, 3))
    assert str(told.value) == str(expected.value)
    assert not [*tmp_path.glob("cache/trials/*")]


@pytest.mark.usefixtures("_tried")
def test_a_gradient_that_cannot_be_had_is_no_reason_to_refuse_a_file(tmp_path, monkeypatch):
    saved(tmp_path / "m.keras", layers.Conv2D(4, 3))
    monkeypatch.setattr(Probe, "gradient", lambda *_: (_ for _ in ()).throw(ValueError("no gradient")))
    assert load_model(tmp_path / "m.keras", image_shape=SHAPE).count_params()


@pytest.mark.usefixtures("_tried")
def test_nothing_is_tried_of_objects_runs_and_what_a_look_refuses(tmp_path, monkeypatch, tiny_run):
    from workbench.training.runs import open_run

    monkeypatch.setattr(worker, "open_in_worker", None)
    assert open_run(tiny_run.name, tiny_run.folder).load_model().count_params() > 0
    image = keras.Input(SHAPE)
    keras.Model(image, layers.Dense(2)(layers.Flatten()(layers.Lambda(lambda x: x)(image)))).save(tmp_path / "m.keras")
    with pytest.raises(WorkbenchError, match="has a Lambda layer"):
        load_model(tmp_path / "m.keras", image_shape=SHAPE)
