"""Training on made images: what a run holds, and that it survives being killed."""

import math
from dataclasses import replace

import keras
import numpy as np
import pytest

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.progress import silent
from workbench.data import load_dataset
from workbench.session.influence import TrainingInfluence
from workbench.session.session import Session
from workbench.training import fitting, trainer
from workbench.training.checkpoint import Checkpoint, State
from workbench.training.compiling import compile_for
from workbench.training.corrected_data import settle
from workbench.training.dynamics import read_dynamics
from workbench.training.early_stopping import Watch
from workbench.training.recipes import TrainingJob
from workbench.training.retraining import job_again, with_corrections
from workbench.training.runs import open_run
from workbench.training.trainer import read_parts, train
from workbench.workspace.correction_source import corrections_from
from workbench.workspace.identities import Identities

COLUMNS = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"]


@pytest.fixture(scope="module")
def npz(tmp_path_factory):
    """Three classes told apart by the row of a bright bar: 120 images to train on, 30 to test."""
    random = np.random.default_rng(0)
    labels = np.arange(150) % 3
    images = random.integers(0, 60, (150, 22, 22), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[3 + 6 * label : 6 + 6 * label] += 150
    path = tmp_path_factory.mktemp("data") / "bars.npz"
    np.savez(path, x_train=images[:120], y_train=labels[:120], x_test=images[120:], y_test=labels[120:])
    return path


def small(image_shape, classes):
    """Half of the baseline's variables, and with batch normalisation some that no gradient changes."""
    return keras.Sequential(
        [
            keras.Input(image_shape),
            keras.layers.Conv2D(6, 3, strides=2, use_bias=False),
            keras.layers.BatchNormalization(momentum=0.8),
            keras.layers.ReLU(),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(classes, activation="softmax", name="output"),
        ]
    )


@pytest.fixture(scope="module", autouse=True)
def _small_baseline():
    with pytest.MonkeyPatch.context() as patch:
        for module in (trainer, fitting):
            patch.setattr(module, "architectures", lambda: {"baseline": small})
        yield


def plan(npz, epochs=3, **changes):
    settings = {"epochs": epochs, "batch_size": 16, "shift": 1, "label_smoothing": 0.05, **changes}
    return TrainingJob.plan("tuned", settings, dataset=str(npz), seed=5)


@pytest.fixture(scope="module")
def uninterrupted(npz, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    seen, rows, said = [], [], []
    run = train(
        "whole",
        job=plan(npz, 4),
        folder=folder,
        say=said.append,
        progress=lambda *step: seen.append(step),
        on_epoch=rows.append,
    )
    return run, seen, rows, said


def weights(run):
    return run.load_model().get_weights()


def test_a_run_holds_everything(uninterrupted, npz):
    run, _, rows, said = uninterrupted
    opened = open_run("whole", run.path.parent)
    manifest = opened.manifest
    assert [path.name for path in run.path.parent.iterdir()] == ["whole"]
    assert manifest.settings["batch_size"] == 16
    assert (manifest.recipe, manifest.seed, manifest.epochs) == ("tuned", 5, 4)
    assert manifest.class_names == ("0", "1", "2")
    assert manifest.image_shape == (22, 22, 1)
    assert manifest.dataset_fingerprints == {
        split: load_dataset(npz, split=split).fingerprint for split in ("train", "test")
    }
    assert manifest.versions["tensorflow"]
    assert manifest.parameters == 1_881
    assert list(opened.history.columns) == COLUMNS
    assert opened.history.epoch.tolist() == [1, 2, 3, 4]
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert manifest.seconds == pytest.approx(opened.history.seconds.sum(), abs=0.1)
    assert said == []


def test_the_step_of_training_is_traced_once(npz, tmp_path, monkeypatch):
    """Variables that it made itself would have TensorFlow trace it again, which takes as long as a small training."""
    traced, step = [], keras.Model.train_step

    def counted(model, data):
        traced.append(model)
        return step(model, data)

    monkeypatch.setattr(keras.Model, "train_step", counted)
    train("once", job=plan(npz, 2), folder=tmp_path)
    assert len(traced) == 1


def test_weights_are_kept_after_some_epochs_also_of_a_training_that_was_killed(npz, tmp_path):
    class Killed(Exception):
        pass

    def kill(row):
        if row["epoch"] == 3:
            raise Killed

    job = plan(npz, 4).model_copy(update={"checkpoints": 2})
    with pytest.raises(Killed):
        train("kept", job=job, folder=tmp_path, on_epoch=kill)
    run = train("kept", folder=tmp_path, resume=True)
    kept, rates = run.checkpoints, run.history["learning_rate"].to_numpy()
    assert kept.epochs.tolist() == [2, 4] and len(kept) == 2
    np.testing.assert_allclose(kept.rates, [rates[:2].mean(), rates[2:].mean()], rtol=1e-5)
    for mine, final in zip(kept.at(1), weights(run), strict=True):
        np.testing.assert_array_equal(mine, final)
    assert any((one != other).any() for one, other in zip(kept.at(0), kept.at(1), strict=True))
    assert "checkpoints.npz" in run.manifest.files
    session = Session(run, load_dataset(npz, split="test"), train=load_dataset(npz, split="train"))
    asked = [session.influence("test/0") for _ in range(2)]  # computed, and cached
    assert asked[0].checkpoints == 2 and asked[0].table.equals(asked[1].table)
    assert max(asked[0].helpful) < 108  # the others were kept for validation
    path = run.path / "checkpoints.npz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(WorkbenchError, match=r"checkpoints.npz is damaged"):
        _ = open_run("kept", tmp_path).checkpoints
    unnamed = replace(run, manifest=run.manifest.model_copy(update={"files": {}}))
    with pytest.raises(WorkbenchError, match=r"checkpoints.npz is not of run 'kept': run.json does not name it"):
        _ = unnamed.checkpoints


def test_metrics_are_those_of_the_saved_model_and_predictions(uninterrupted, npz):
    run, *_ = uninterrupted
    test = load_dataset(npz)
    predictions = run.predictions("test", test.fingerprint)
    probabilities = np.asarray(run.load_model()(test.floats()))
    assert np.allclose(predictions.probabilities, probabilities, atol=1e-5)
    assert run.manifest.metrics["test"] == {
        "accuracy": predictions.correct.mean(),
        "loss": pytest.approx(predictions.loss.mean()),
    }
    last_twelve = load_dataset(npz, split="train").subset(slice(108, None))
    found = np.asarray(run.load_model()(last_twelve.floats()))
    loss = -np.log(found[np.arange(12), last_twelve.labels]).mean()
    assert run.manifest.metrics["validation"]["loss"] == pytest.approx(loss, rel=1e-3)
    assert run.history.val_loss.iloc[-1] == pytest.approx(loss, rel=1e-3)  # without label smoothing
    assert run.history.val_accuracy.iloc[-1] == pytest.approx((found.argmax(1) == last_twelve.labels).mean())


def test_progress_counts_the_batches_of_each_epoch(uninterrupted):
    _, seen, *_ = uninterrupted
    steps = [(done, total) for what, done, total in seen if what == "epoch 2/4"]
    assert steps == [(number, 7) for number in range(1, 8)]  # 108 images by 16


def test_what_is_noted_is_what_the_saved_model_says_after_the_last_epoch(uninterrupted, npz):
    run, *_ = uninterrupted
    noted = read_dynamics(run.path)
    fitted = load_dataset(npz, split="train").subset(slice(108))
    probabilities = np.asarray(run.load_model()(fitted.floats()))
    own = probabilities[np.arange(108), fitted.labels]
    assert noted.epochs == 4
    assert noted.rows.tolist() == list(range(108))
    assert np.allclose(noted.probabilities[:, -1], own, atol=1e-3)  # float16
    assert (noted.correct[:, -1] == (probabilities.argmax(1) == fitted.labels)).all()
    assert noted.probabilities[:, 0].mean() < noted.probabilities[:, -1].mean()


def test_stopped_and_resumed_is_the_same_as_never_stopped(uninterrupted, npz, tmp_path):
    def stop(row):
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train("halves", job=plan(npz, 4), folder=tmp_path, on_epoch=stop)
    said = []
    run = train("halves", resume=True, folder=tmp_path, say=said.append)
    assert said == ["Resuming 'halves' after 2 of 4 epochs."]
    whole = uninterrupted[0]
    # Equal to the last bit here; the order of sums is the library's business, so not asked for.
    assert np.allclose(run.history.drop(columns="seconds"), whole.history.drop(columns="seconds"), rtol=1e-3)
    for one, other in zip(weights(run), weights(whole), strict=True):
        assert np.allclose(one, other, atol=1e-4)
    noted, expected = read_dynamics(run.path), read_dynamics(whole.path)
    assert noted.epochs == 4
    assert np.allclose(noted.probabilities, expected.probabilities, atol=2e-3)
    assert np.allclose(noted.area_under_margin, expected.area_under_margin, atol=1e-3)


def test_a_checkpoint_of_old_without_dynamics_is_resumed_to_a_run_without(npz, tmp_path):
    def stop(row):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train("old", job=plan(npz, 2), folder=tmp_path, on_epoch=stop)
    checkpoint = Checkpoint(tmp_path, "old")
    state = checkpoint.read()
    assert checkpoint.dynamics(state).epochs == 1
    model = checkpoint.load_model(state)
    checkpoint.write(state.model_copy(update={"dynamics": ""}), model)
    run = train("old", resume=True, folder=tmp_path)
    assert run.manifest.epochs == 2
    assert read_dynamics(run.path) is None


def test_killed_before_the_first_epoch_it_can_be_resumed_too(npz, tmp_path, monkeypatch):
    def killed(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "fit", killed)  # where TensorFlow is imported
        with pytest.raises(KeyboardInterrupt):
            train("early", job=plan(npz, 1), folder=tmp_path)
    assert train("early", resume=True, folder=tmp_path).manifest.epochs == 1


def test_resume_needs_an_unfinished_training_with_the_same_settings(npz, tmp_path):
    with pytest.raises(Unavailable, match=r"no unfinished training of 'none' in .* Train without --resume"):
        train("none", resume=True, folder=tmp_path)
    checkpoint = Checkpoint(tmp_path, "other")
    fingerprint = load_dataset(npz, split="train").fingerprint
    checkpoint.write(State(job=plan(npz), fingerprint=fingerprint, epochs=2))
    with pytest.raises(WorkbenchError, match=r"other settings: epochs 3 \(now 9\), shift 1 \(now 2\)\. Leave them out"):
        train("other", job=plan(npz, 9, shift=2), resume=True, folder=tmp_path)
    checkpoint.write(State(job=plan(npz), fingerprint="another", epochs=2))
    with pytest.raises(WorkbenchError, match=r"trained on other data: .*bars.npz has changed"):
        train("other", resume=True, folder=tmp_path)
    (checkpoint.path / "state.json").write_text("{")
    with pytest.raises(WorkbenchError, match=r"state.json is damaged: .* Train without --resume"):
        train("other", resume=True, folder=tmp_path)


def test_without_resume_it_starts_over_and_says_so(npz, tmp_path):
    Checkpoint(tmp_path, "again").write(State(job=plan(npz), fingerprint="f", epochs=2))
    said = []
    run = train("again", job=plan(npz, 1), folder=tmp_path, say=said.append)
    assert said == [
        "Starting over: the unfinished training of 'again' (2 of 3 epochs) is discarded. Use --resume to continue one."
    ]
    assert run.history.epoch.tolist() == [1]


def test_retraining_keeps_the_old_run_until_the_new_one_is_whole(npz, tmp_path, monkeypatch):
    first = train("r", job=plan(npz, 1, validation_split=0), folder=tmp_path)
    assert math.isnan(first.history.val_loss[0])
    assert set(first.manifest.metrics) == {"test"}

    def full(*arguments, **options):
        raise Unavailable("the disk is full.")

    seen = []
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "save_run", full)
        with pytest.raises(Unavailable):
            train("r", job=plan(npz, 2), folder=tmp_path, on_epoch=lambda row: seen.append(open_run("r", tmp_path)))
    assert seen == [first] * 2
    assert open_run("r", tmp_path).manifest == first.manifest
    assert train("r", resume=True, folder=tmp_path, on_epoch=seen.append).manifest.epochs == 2
    assert len(seen) == 2  # nothing was trained again
    assert open_run("r", tmp_path).manifest.epochs == 2


def test_divergence_is_said_and_no_checkpoint_of_it_is_kept(npz, tmp_path):
    job = plan(npz, 2)
    model = small((22, 22, 1), 3)
    compile_for(model, job.recipe, 7)
    model.optimizer.build(model.trainable_variables)
    model.get_layer("output").bias.assign([math.nan] * 3)
    checkpoint = Checkpoint(tmp_path, "d")
    fingerprint = load_dataset(npz, split="train").fingerprint
    checkpoint.write(State(job=job, fingerprint=fingerprint, epochs=1), model)
    with pytest.raises(WorkbenchError, match=r"Training diverged in epoch 2: the loss is nan. Choose a learning rate"):
        train("d", resume=True, folder=tmp_path)
    assert checkpoint.read().epochs == 1


def test_jobs_that_cannot_be_done(npz, tmp_path):
    with pytest.raises(WorkbenchError, match="Did you mean 'baseline'"):
        train("x", job=TrainingJob(architecture="bassline"), folder=tmp_path)
    with pytest.raises(WorkbenchError, match="The name of a run"):
        train("../x", job=plan(npz), folder=tmp_path)
    few = tmp_path / "few.npz"
    np.savez(few, x_train=np.zeros((5, 22, 22), np.uint8), y_train=np.arange(5))
    with pytest.raises(WorkbenchError, match=r"validation_split of 0.9 of 5 training images leaves a part empty"):
        train("x", job=plan(few, validation_split=0.9), folder=tmp_path)
    assert list(tmp_path.iterdir()) == [few]


def test_a_validation_part_of_the_data_s_own_is_used_and_nothing_is_kept_off_for_one(npz, tmp_path):
    path = tmp_path / "own.npz"
    with np.load(npz) as arrays:
        np.savez(path, **arrays, x_validation=arrays["x_test"][:7], y_validation=arrays["y_test"][:7])
    own = read_parts(plan(path, validation_split=0.5), silent)
    assert (len(own.training), len(own.validation), len(own.test)) == (120, 7, 30)
    assert np.array_equal(own.validation.images, own.test.images[:7])
    assert own.own_validation
    assert trainer._validation(own) == "7 images of own/validation"
    split = read_parts(plan(npz, validation_split=0.5), silent)
    assert (len(split.training), len(split.validation), split.own_validation) == (60, 60, False)
    assert trainer._validation(split) == "60 images of the end of the training part"


def test_it_is_said_whose_weights_are_kept():
    said = []
    job = TrainingJob.plan("report", {"epochs": 5, "patience": 2})
    for epochs, best, patient in ((4, 2, True), (5, 4, True), (5, 5, True), (5, 4, False)):
        settings = job.recipe.model_copy(update={"patience": 2 if patient else 0})
        watch = Watch(best=0.5, best_epoch=best, since_best=epochs - best)
        state = State(job=job.model_copy(update={"recipe": settings}), fingerprint="f", epochs=epochs, watch=watch)
        fitting._say_best(state, said.append)
    assert said == [
        "Stopped early after epoch 4; keeping the weights of epoch 2, the best.",
        "Ended after epoch 5; keeping the weights of epoch 4, the best.",
    ]


def test_a_run_on_corrected_data_says_what_was_corrected_and_goes_on_without_the_table(npz, tmp_path, monkeypatch):
    """What is corrected is settled when it begins, so the table may be gone when it is resumed."""
    table = tmp_path / "mine.csv"
    table.write_text("name,correction,label,new_label,key,part\n")
    first = load_dataset(npz, split="train")
    lines = [f"train/4,relabel,1,0,{first.keys[4]},train", f"train/7,drop,1,,{first.keys[7]},train"]
    table.write_text("\n".join([table.read_text().strip(), *lines]))
    job = with_corrections(plan(npz, 2), table)
    fitted, made = [], fitting.TrainingBatches
    monkeypatch.setattr(fitting, "TrainingBatches", lambda data, *rest: fitted.append(data) or made(data, *rest))

    def stop(row):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train("mine", job=job, folder=tmp_path, on_epoch=stop)
    table.unlink()
    run = train("mine", folder=tmp_path, resume=True)
    assert [(len(data), data.labels[4], data.names[7]) for data in fitted] == [(107, 0, "train/8")] * 2
    applied = open_run("mine", tmp_path).manifest.corrections
    assert (applied.source, applied.relabelled, applied.dropped) == ("mine.csv", 1, 1)
    assert applied.digest == job.corrections.digest
    known = lambda: Identities.of(first)  # noqa: E731
    again = settle(read_parts(plan(npz), silent), corrections_from(run.path / "corrections.csv", known)[0])
    assert again.digest == applied.digest
    assert read_dynamics(run.path).rows.tolist() == [row for row in range(108) if row != 7]
    asked = TrainingInfluence(Session(run, load_dataset(npz, split="test"), train=first))
    assert asked.rows.tolist() == [row for row in range(108) if row != 7] and asked.labels[4] == 0 != first.labels[4]
    with pytest.raises(WorkbenchError, match="was trained on corrected data"):
        job_again(run.path, corrected=False)
