"""A training that was killed gives, resumed, the same bits as one that was not: on one thread, from a fixed seed.

One child process is killed in the middle of an epoch, a second one goes on and is killed after an epoch of another
training, a third one finishes both and then trains each in one piece. TensorFlow's number of threads is a matter of the
whole process, so they all are new ones.
"""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from tests import forks
from workbench.core.errors import WorkbenchError
from workbench.training.dynamics import read_dynamics
from workbench.training.runs import list_runs, open_run

ROOT = Path(__file__).parents[3]
CHILD = """
import json, os, signal, sys
from pathlib import Path
import keras
from keras import layers
from workbench.training import fitting
from workbench.training.checkpoint import Checkpoint
from workbench.training.recipes import TrainingJob
from workbench.training.trainer import train

def build(shape, classes):
    images = keras.Input(shape)
    inner = keras.Input((None, None, 1))
    maps = layers.BatchNormalization(momentum=0.8)(layers.Conv2D(6, 3, use_bias=False)(inner))
    backbone = keras.Model(inner, layers.ReLU()(maps), name="backbone")
    pooled = layers.Dropout(0.3)(layers.Flatten()(layers.MaxPooling2D()(backbone(images))))
    return keras.Model(images, layers.Dense(classes, activation="softmax")(pooled))

fitting.architectures = lambda: {"baseline": build}
folder, jobs, (killed, epoch, batches) = Path(sys.argv[1]), json.loads(sys.argv[2]), json.loads(sys.argv[3])

def stop():
    os.kill(os.getpid(), signal.SIGKILL)

for name, job in jobs.items():
    def progress(what, done, total):
        if name == killed and what.startswith(f"epoch {epoch}/") and done == batches:
            stop()

    def on_epoch(row):
        if name == killed and batches is None and row["epoch"] == epoch:
            stop()

    there = Checkpoint(folder, name).read() is not None
    if not (folder / name).exists():
        train(name, job=TrainingJob.model_validate(job), folder=folder, resume=there,
              progress=progress, on_epoch=on_epoch)
"""
COMMON = {"epochs": 4, "batch_size": 32, "learning_rate": 0.01}
RECIPES = {
    "tuned": {
        **COMMON,
        "optimizer": "adamw",
        "weight_decay": 0.05,
        "schedule": "one-cycle",
        "label_smoothing": 0.05,
        "flip": True,
        "shift": 1,
        "rotation": 20,
        "zoom": 0.1,
        "brightness": 0.1,
        "contrast": 0.1,
        "erasing": 0.5,
        "frozen_epochs": 1,
    },
    "watched": {
        **COMMON,
        "epochs": 9,
        "averaging": 0.9,
        "schedule": "reduce-on-plateau",
        "plateau_patience": 1,
        "patience": 2,
        "min_delta": 0.1,
        "class_weights": "balanced",
        "optimizer": "sgd",
        "learning_rate": 0.1,
    },
}


def child(folder, jobs, kill=(None, 0, 0)):
    arguments = ("-c", CHILD, str(folder), json.dumps(jobs), json.dumps(kill))
    (done,) = forks.run(forks.Call(arguments, ROOT, {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}))
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Runs of both recipes, in one piece and in three."""
    from sklearn.datasets import load_digits

    folder = tmp_path_factory.mktemp("killed")
    digits = load_digits()
    images = np.minimum(digits.images * 16, 255).astype(np.uint8)
    np.savez(
        folder / "digits.npz",
        x_train=images[:300],
        y_train=digits.target[:300],
        x_test=images[1600:],
        y_test=digits.target[1600:],
    )
    jobs = {
        name: {"recipe": recipe, "seed": 4, "dataset": str(folder / "digits.npz"), "deterministic": True}
        for name, recipe in RECIPES.items()
    }
    # In the middle of the epoch after the backbone was let go; then, in the other recipe, right after one.
    for kill in (("tuned", 3, 5), ("watched", 3, None)):
        returned, said = child(folder, jobs, kill)
        assert returned == -signal.SIGKILL, said
        with pytest.raises(WorkbenchError, match="There is no run"):  # no half one
            open_run(kill[0], folder)
        assert kill[0] not in [run.name for run in list_runs(folder)]
    returned, said = child(folder, jobs | {f"whole-{name}": job for name, job in jobs.items()})
    assert returned == 0, said
    return folder


@pytest.mark.parametrize("name", RECIPES)
def test_killed_and_resumed_is_the_same_to_the_last_bit(trained, name):
    whole, parts = open_run(f"whole-{name}", trained), open_run(name, trained)
    for one, other in zip(whole.load_model().get_weights(), parts.load_model().get_weights(), strict=True):
        assert np.array_equal(one, other)
    assert whole.history.drop(columns="seconds").equals(parts.history.drop(columns="seconds"))
    assert whole.manifest.metrics == parts.manifest.metrics
    one, other = read_dynamics(whole.path), read_dynamics(parts.path)
    assert np.array_equal(one.probabilities, other.probabilities)
    assert whole.manifest.best_epoch == parts.manifest.best_epoch


def test_the_step_size_begins_anew_and_lower_when_the_backbone_is_let_go(trained):
    rates = open_run("tuned", trained).history.learning_rate
    assert rates[0] == pytest.approx(0, abs=1e-8)  # one-cycle is at its end after the frozen epoch
    # And has one of its own in the other three: 30 steps of which 3 rise, to a tenth.
    falling = [0.001 * 0.5 * (1 + np.cos(np.pi * (done - 3) / 27)) for done in (10, 20, 30)]
    assert rates[1:].tolist() == pytest.approx(falling, abs=1e-8)


def test_stopped_early_with_the_weights_of_the_best_epoch_and_smaller_steps_on_the_way(trained):
    run = open_run("watched", trained)
    history, manifest = run.history, run.manifest
    assert manifest.epochs == len(history) < 9
    assert manifest.best_epoch <= manifest.epochs - 2
    best = history.iloc[manifest.best_epoch - 1]
    assert manifest.metrics["validation"]["loss"] == pytest.approx(best.val_loss, rel=1e-4)
    assert manifest.metrics["validation"]["accuracy"] == pytest.approx(best.val_accuracy)
    assert history.learning_rate.iloc[-1] < 0.1
