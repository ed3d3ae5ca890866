"""Several workers and devices learn what one does: the same losses and weights, written once."""

import contextlib
import json
import os
import random
import socket
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

from tests import forks
from workbench.core.errors import WorkbenchError
from workbench.training import distribution, fitting, trainer
from workbench.training.recipes import TrainingJob
from workbench.training.runs import list_runs, open_run
from workbench.training.trainer import train

ROOT = Path(trainer.__file__).parents[2]
THREADS = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "2", "OMP_NUM_THREADS": "1"}
COMPARED = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"]

TINY = """
def tiny(image_shape, classes):
    return keras.Sequential(
        [
            keras.Input(image_shape),
            keras.layers.Conv2D(4, 3, activation="relu", kernel_regularizer="l2"),
            keras.layers.Flatten(),
            keras.layers.Dense(classes, activation="softmax"),
        ]
    )
"""

WORKER = (
    """
import json, sys, time
from pathlib import Path

import keras

from workbench.training import distribution, fitting, trainer
from workbench.training.checkpoint import Checkpoint
from workbench.training.recipes import TrainingJob
"""
    + TINY
    + """
trainer.architectures = fitting.architectures = lambda: {"tiny": tiny}
job, folder = TrainingJob.model_validate_json(sys.argv[1]), Path(sys.argv[2])

def stop(row):
    raise KeyboardInterrupt

try:
    trainer.train("many", job=job, folder=folder, on_epoch=stop)
except KeyboardInterrupt:
    pass
while (state := Checkpoint(folder, "many").read()) is None or state.epochs < 1:
    time.sleep(0.02)  # a worker can be here before the chief has written
began = []
run = trainer.train("many", resume=True, folder=folder, on_start=lambda *said: began.append(said[-1]))
print(json.dumps({"began": began, "history": run.history.to_dict("list") if distribution.is_chief() else None}))
"""
)

MIRRORED = (
    """
import json, sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from workbench.training import distribution, fitting, trainer
from workbench.training.recipes import TrainingJob
from workbench.training.multi_device import fit_epoch
"""
    + TINY
    + """
trainer.architectures = fitting.architectures = lambda: {"tiny": tiny}
job, folder = TrainingJob.model_validate_json(sys.argv[1]), Path(sys.argv[2])
cpus = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpus[0], [tf.config.LogicalDeviceConfiguration()] * 2)
with distribution.using("mirrored"):
    began = []
    run = trainer.train("two", job=job, folder=folder, on_start=lambda *said: began.append(said[-1]))
    with distribution.scope():
        normal = keras.layers.BatchNormalization(momentum=0.5)
        model = keras.Sequential([keras.Input((1, 1, 1)), normal, keras.layers.Flatten(), keras.layers.Dense(2)])
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    images = np.array([1, 3, 10, 30, 7], np.float32).reshape(5, 1, 1, 1)
    batches = tf.data.Dataset.from_tensor_slices((images, np.array([0, 1, 0, 1, 0]))).batch(4)
    fit_epoch(model, batches, epoch=0)
    means = [float(each.numpy().item()) for each in normal.moving_mean.value.values]
print(json.dumps({"began": began, "history": run.history.to_dict("list"), "means": means}))
"""
)


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """499 digits: 449 to fit in batches of 64, so that the last batch has one image for two replicas."""
    digits = load_digits()
    images = np.round(digits.images * 255 / 16).astype(np.uint8)
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    np.savez(
        path, x_train=images[:499], y_train=digits.target[:499], x_test=images[499:600], y_test=digits.target[499:600]
    )
    changes = {"epochs": 2, "batch_size": 64, "class_weights": "balanced", "averaging": 0.9, "shift": 1, "flip": False}
    return TrainingJob.plan("tuned", changes, dataset=str(path), seed=3, architecture="tiny")


@pytest.fixture(scope="module")
def alone(job, tmp_path_factory):
    """The run of one process with one device."""
    names = {"keras": keras}
    exec(TINY, names)
    with pytest.MonkeyPatch.context() as patch:
        for module in (trainer, fitting):
            patch.setattr(module, "architectures", lambda: {"tiny": names["tiny"]})
        return train("one", job=job, folder=tmp_path_factory.mktemp("alone"))


def call(script, job, folder, **environment):
    variables = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3", **THREADS, **environment}
    return forks.Call(("-c", script, job.model_dump_json(), str(folder)), ROOT, variables)


def answers(*calls):
    """What each process printed last, as JSON."""
    ended = forks.run(*calls)
    if any("Could not start gRPC server" in done.stderr for done in ended):
        pytest.skip("TensorFlow's gRPC server cannot bind to a port of localhost here")
    for done in ended:
        assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(done.stdout.splitlines()[-1]) for done in ended]


def free_ports(count):
    """Ports that nobody has, and that nobody is given who asks for any, as other tests do at the same time."""
    found = []
    for port in random.SystemRandom().sample(range(20_000, 32_000), 12_000):
        with socket.socket() as taken, contextlib.suppress(OSError):
            taken.bind(("localhost", port))
            found.append(port)
        if len(found) == count:
            break
    return found


def same(history, alone):
    for column in COMPARED:
        np.testing.assert_allclose(history[column], alone.history[column], rtol=1e-5, err_msg=column)


def test_two_workers_interrupted_and_resumed_learn_what_one_learns(job, alone, tmp_path):
    hosts = [f"localhost:{port}" for port in free_ports(2)]
    configs = [{"cluster": {"worker": hosts}, "task": {"type": "worker", "index": index}} for index in (0, 1)]
    chief, worker = answers(*(call(WORKER, job, tmp_path, TF_CONFIG=json.dumps(config)) for config in configs))
    same(chief["history"], alone)
    assert chief["began"][0].endswith("; 2 workers, this is the chief")
    assert worker["began"][0].endswith("; 2 workers, this is worker 1")
    assert [path.name for path in tmp_path.iterdir()] == ["many"]
    run = open_run("many", tmp_path)
    assert run.manifest.epochs == 2
    assert run.manifest.metrics["test"] == pytest.approx(alone.manifest.metrics["test"], rel=1e-5)
    for one, other in zip(run.load_model().get_weights(), alone.load_model().get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_two_mirrored_devices_learn_what_one_learns(job, alone, tmp_path):
    (said,) = answers(call(MIRRORED, job, tmp_path, TF_CONFIG="{}"))
    same(said["history"], alone)
    assert said["began"][0].endswith("; 2 replicas")
    assert [run.name for run in list_runs(tmp_path)] == ["two"]
    # The first batch has means 2 and 20 on the two devices, hence 11 and half of it at a momentum of 0.5. Of the last
    # batch's one image, 7, both see a copy.
    assert said["means"] == pytest.approx([0.5 * 5.5 + 0.5 * 7] * 2)


def config(kind, index, **cluster):
    return json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})


TWO = ["a:1", "b:1"]


@pytest.mark.parametrize(
    ("given", "asked", "expected"),
    [
        ("", "auto", None),
        ("{}", "auto", None),
        (config("worker", 1, worker=TWO), "none", None),
        (config("worker", 0, worker=TWO), "auto", ("worker", 0, 2, True)),
        (config("worker", 1, worker=TWO), "auto", ("worker", 1, 2, False)),
        (config("chief", 0, chief=["c:1"], worker=TWO), "auto", ("chief", 0, 3, True)),
        (config("worker", 0, chief=["c:1"], worker=TWO), "multi-worker", ("worker", 0, 3, False)),
        (config("worker", 0, worker=["a:1"]), "auto", None),
        (config("worker", 0, worker=["a:1"]), "multi-worker", ("worker", 0, 1, True)),
    ],
)
def test_which_worker_this_is_stands_in_the_environment(monkeypatch, given, asked, expected):
    monkeypatch.setenv("TF_CONFIG", given)
    with distribution.using(asked):
        here = distribution.worker()
        assert (here and (here.kind, here.number, here.count, here.is_chief)) == expected
        assert distribution.is_chief() == (expected is None or expected[3])


@pytest.mark.parametrize(
    "given",
    [
        "{",
        "[]",
        '{"cluster": {}}',
        config("worker", 2, worker=TWO),
        config("ps", 0, ps=["c:1"], worker=TWO),
        config("worker", "first", worker=TWO),
    ],
)
def test_a_wrong_tf_config_is_one_sentence_with_an_example(monkeypatch, given):
    monkeypatch.setenv("TF_CONFIG", given)
    with pytest.raises(WorkbenchError, match=r'such as {"cluster": {"worker": .* another index on each machine'):
        distribution.worker()


def test_strategies_that_cannot_be(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(WorkbenchError, match="Did you mean 'mirrored'"), distribution.using("miror"):
        pass
    with (
        distribution.using("multi-worker"),
        pytest.raises(WorkbenchError, match="needs the environment variable TF_CONFIG"),
    ):
        distribution.worker()
    keras.ops.zeros(1)  # TensorFlow has computed
    monkeypatch.setenv("TF_CONFIG", config("worker", 0, worker=TWO))
    with distribution.using("mirrored"), pytest.raises(WorkbenchError, match="unset it, or choose multi-worker"):
        distribution.start()
    with pytest.raises(WorkbenchError, match=r"before TensorFlow computes anything .*Train in a process of its own"):
        distribution.start()


def test_only_the_chief_writes_where_the_runs_are(monkeypatch, tmp_path):
    (tmp_path / ".r.training").mkdir()
    (tmp_path / ".r.training" / "state.json").write_text("1")
    for index, chief in ((0, True), (1, False)):
        monkeypatch.setenv("TF_CONFIG", config("worker", index, worker=TWO))
        with distribution.own_folder(tmp_path, ".r.training") as own:
            assert (own == tmp_path) == chief
            assert (own / ".r.training" / "state.json").read_text() == "1"
        with distribution.own_folder(tmp_path) as own:
            assert list(own.iterdir()) == ([tmp_path / ".r.training"] if chief else [])
        assert own.exists() == chief
