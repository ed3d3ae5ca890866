from pathlib import Path

import numpy as np
import pytest

from workbench.core import files
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.training.checkpoint import Checkpoint, State
from workbench.training.dynamics import Dynamics
from workbench.training.recipes import TrainingJob
from workbench.training.schedule import OneCycle

JOB = TrainingJob()


def test_round_trip_with_nothing_known_yet(tmp_path):
    kept = Checkpoint(tmp_path, "x")
    assert kept.read() is None
    row = {"epoch": 1.0, "val_loss": float("nan")}
    kept.write(State(job=JOB, fingerprint="f", epochs=1, history=(row,)))
    assert kept.read().job == JOB
    assert str(kept.read().history) == str((row,))
    kept.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_is_gone_is_said(tmp_path):
    kept = Checkpoint(tmp_path, "x")
    state = kept.write(State(job=JOB, fingerprint="f", epochs=1, model="epoch-0001.keras"))
    with pytest.raises(WorkbenchError, match=r"epoch-0001.keras cannot be read"):
        kept.load_model(state)


def test_full_disk_at_a_checkpoint(tmp_path, monkeypatch):
    kept = Checkpoint(tmp_path, "x")
    kept.write(State(job=JOB, fingerprint="f"))

    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "sync", full)
    with pytest.raises(Unavailable, match=r"checkpoint of 'x' could not be written in .*: No space left on device"):
        kept.write(State(job=JOB, fingerprint="f", epochs=1))
    assert kept.read().epochs == 0
    assert [path.name for path in kept.path.iterdir()] == ["state.json"]
    with pytest.raises(Unavailable, match="name another folder with WORKBENCH_RUNS"):
        Checkpoint(tmp_path / "new", "y").write(State(job=JOB, fingerprint="f"))


def noted(epochs):
    ones = np.ones((3, epochs))
    return Dynamics(ones.astype(np.float16), ones.astype(bool), np.ones(3, np.float32), np.arange(3))


def of(epoch):
    return {"mean0": np.float32(epoch)}


class Stop(BaseException):
    """The power fails."""


@pytest.mark.parametrize("calls", range(15))
def test_a_checkpoint_is_whole_whenever_it_is_cut_off(tmp_path, monkeypatch, calls):
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="zeros")])
    model.compile(keras.optimizers.AdamW(OneCycle(1e-3, 10, 0.1)), "mse")
    model.optimizer.build(model.trainable_variables)
    kept = Checkpoint(tmp_path, "x")
    kept.write(State(job=JOB, fingerprint="f", epochs=1), model, noted(1), averages=of(1), best=of(1))
    steps = iter(range(calls))

    def cut(original):
        def step(*arguments):
            if next(steps, None) is None:
                raise Stop
            return original(*arguments)

        return step

    model.set_weights([np.ones((2, 1)), np.ones(1)])
    monkeypatch.setattr(files, "sync", cut(files.sync))
    monkeypatch.setattr(Path, "replace", cut(Path.replace))
    try:
        kept.write(State(job=JOB, fingerprint="f", epochs=2), model, noted(2), averages=of(2), best=of(2))
    except Stop:
        pass
    else:
        assert calls == 15
    state = kept.read()
    assert state.epochs == (2 if calls >= 14 else 1)
    assert kept.load_model(state).get_weights()[1] == state.epochs - 1
    assert kept.dynamics(state).epochs == state.epochs
    assert kept.arrays(state.averages)["mean0"] == state.epochs
    assert kept.arrays(state.best)["mean0"] == state.epochs


def test_best_weights_stay_while_no_epoch_is_better_and_what_is_replaced_is_deleted(tmp_path):
    kept = Checkpoint(tmp_path, "x")
    state = kept.write(State(job=JOB, fingerprint="f", epochs=1), averages=of(1), best=of(1))
    state = kept.write(state.model_copy(update={"epochs": 2}), averages=of(2))
    assert state == kept.read()
    assert (kept.arrays(state.averages)["mean0"], kept.arrays(state.best)["mean0"]) == (2, 1)
    there = {"epoch-0001-best.npz", "epoch-0002-averages.npz", "state.json"}
    assert {path.name for path in kept.path.iterdir()} == there
    (kept.path / ".0123.epoch-0003.npz").write_bytes(b"PK")  # half written when it was killed
    kept.write(state)
    assert {path.name for path in kept.path.iterdir()} == there
    assert kept.arrays("") is None
    (kept.path / state.best).write_bytes(b"PK")
    with pytest.raises(WorkbenchError, match=r"epoch-0001-best.npz cannot be read"):
        kept.arrays(state.best)
