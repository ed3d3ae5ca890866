import json
from pathlib import Path
from random import Random

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
    assert kept.arrays(state, state.averages)["mean0"] == state.epochs
    assert kept.arrays(state, state.best)["mean0"] == state.epochs


def test_best_weights_stay_while_no_epoch_is_better_and_what_is_replaced_is_deleted(tmp_path):
    kept = Checkpoint(tmp_path, "x")
    state = kept.write(State(job=JOB, fingerprint="f", epochs=1), averages=of(1), best=of(1))
    state = kept.write(state.model_copy(update={"epochs": 2}), averages=of(2))
    assert state == kept.read()
    assert (kept.arrays(state, state.averages)["mean0"], kept.arrays(state, state.best)["mean0"]) == (2, 1)
    there = {"epoch-0001-best.npz", "epoch-0002-averages.npz", "state.json"}
    assert {path.name for path in kept.path.iterdir()} == there
    (kept.path / ".0123.epoch-0003.npz").write_bytes(b"PK")  # half written when it was killed
    kept.write(state)
    assert {path.name for path in kept.path.iterdir()} == there
    assert kept.arrays(state, "") is None
    (kept.path / state.best).write_bytes(b"PK")
    with pytest.raises(WorkbenchError, match=r"epoch-0001-best.npz cannot be read"):
        kept.arrays(state, state.best)


@pytest.mark.parametrize("name", ["state.json", "model", "dynamics", "averages", "best"])
def test_no_damage_of_any_file_of_a_checkpoint_is_silent(tmp_path, name):
    import keras

    kept, chance = Checkpoint(tmp_path, "x"), Random(name)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    row = {"epoch": 1.0, "loss": 0.12345, "val_loss": float("nan")}
    state = kept.write(
        State(job=JOB, fingerprint="f", epochs=1, history=(row,)), model, noted(2), averages=of(1), best=of(2)
    )

    def read():
        try:
            found = kept.read()
            arrays = (kept.arrays(found, found.averages), kept.arrays(found, found.best))
            noted = kept.dynamics(found).probabilities.tobytes()
            weights = kept.load_model(found).get_weights() if name == "model" else []  # which takes a while
            return found.model_dump_json(), str(arrays), noted, [each.tobytes() for each in weights]
        except WorkbenchError:
            return None

    good, path = read(), kept.path / getattr(state, name, name)
    content, told = path.read_bytes(), 0
    assert good is not None
    for number in range(120):
        damaged = bytearray(content)
        if number % 2:
            damaged[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        else:
            del damaged[chance.randrange(len(content)) :]
        path.write_bytes(damaged)
        found = read()
        assert found in (None, good)
        told += found is None
    assert told == 120 if name != "state.json" else told > 100


def test_a_checkpoint_of_an_older_version_is_resumed(tmp_path):
    kept = Checkpoint(tmp_path, "x")
    kept.write(State(job=JOB, fingerprint="f", epochs=1), averages=of(1))
    values = json.loads((kept.path / "state.json").read_text())
    del values["checksum"], values["files"]
    (kept.path / "state.json").write_text(json.dumps(values))
    assert kept.arrays(kept.read(), kept.read().averages)["mean0"] == 1
    (kept.path / "state.json").write_text(json.dumps({**values, "epochs": 1, "files": {"a": "b"}}))
    with pytest.raises(
        WorkbenchError, match=r"state\.json was changed since it was written.*or train without --resume"
    ):
        kept.read()
