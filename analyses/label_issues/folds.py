"""Models of the same architecture, each fitted without a fold of the training images, which it then predicts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from workbench.core.cache import cache_folder, load_arrays, save_arrays
from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.core.locks import holding
from workbench.core.params import make
from workbench.core.predictions import Predictions
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.models.preprocessing import AUTO, UNIT
from workbench.statistics.linear_probe import folds_of
from workbench.training.checkpoint import Checkpoint, State
from workbench.training.compiling import Build
from workbench.training.fitting import Parts, fit
from workbench.training.recipes import Recipe, TrainingJob
from workbench.training.runs import Run

Load = Callable[[], Any]


def fold_probabilities(
    training: Dataset, folds: int, *, run: Run | None, fingerprint: str, load: Load, given: str = AUTO, seed: int = 0
) -> Array:
    """Fit as many models as there are folds, each to all folds but one, and predict the one it lacks.

    What is done is kept after each epoch and each fold, in the run's folder or in the cache for a model without run;
    stopped at any moment, the next call goes on.

    Args:
        training: N images.
        folds: K' ≥ 2.
        run: whose architecture and recipe are used; None for those of the model itself and the recipe `report`.
        fingerprint: of the model.
        load: gives the model, where there is no run.
        given: name of its preprocessing, where there is no run.
        seed: of the folds, first weights, order and augmentation.

    Returns:
        `(N, K)` float64.

    Raises:
        Unavailable: if a checkpoint cannot be written, or another process is at it.
        WorkbenchError: if a training diverges, or the model is inference-only.
    """
    models = FoldModels(training, folds, run=run, fingerprint=fingerprint, load=load, given=given, seed=seed)
    probabilities = np.zeros((len(training), len(training.class_names)))
    for number in models.numbers:
        logits, left_out = models.logits(number), models.left_out(number)
        probabilities[left_out] = Predictions(logits, training.labels[left_out]).probabilities
        report("Models of the folds", number + 1, folds)
    return probabilities


class FoldModels:
    """The models of all folds; its arguments are those of `fold_probabilities`."""

    def __init__(
        self,
        training: Dataset,
        folds: int,
        *,
        run: Run | None,
        fingerprint: str,
        load: Load,
        given: str = AUTO,
        seed: int = 0,
    ) -> None:
        self._training, self._folds, self._seed = training, folds, seed
        self._run, self._build = run, None if run else _rebuild(load, given)
        self._folder = (run.path if run else cache_folder() / "folds" / fingerprint) / "folds"
        self._fold = folds_of(training.labels, folds, seed)

    @property
    def numbers(self) -> range:
        """Of the folds, from 0 on."""
        return range(int(self._fold.max()) + 1)

    def left_out(self, number: int) -> Array:
        """`(N,)` bool, the images that a fold's model has not seen."""
        return np.asarray(self._fold == number)

    def saved(self, number: int) -> Array | None:
        """Return the logits of a fold's model for the images that it has not seen, if they are there."""
        logits = (load_arrays(self._path(number)) or {}).get("logits")
        shape = (int(self.left_out(number).sum()), len(self._training.class_names))
        return logits if logits is not None and logits.shape == shape else None

    def logits(self, number: int) -> Array:
        """Return the same, and train the model if they are not there."""
        if (logits := self.saved(number)) is not None:
            return logits
        path, job = self._path(number), _job(self._run, self._seed)
        with holding(path.with_suffix(""), f"The model of fold {number + 1}"):
            checkpoint = Checkpoint(path.parent, path.stem)
            logits = _fold_logits(checkpoint, self._training, self.left_out(number), job, self._build)
            save_arrays(path, {"logits": logits})
            checkpoint.remove()
        return logits

    def _path(self, number: int) -> Path:
        return self._folder / f"{self._training.fingerprint}-{self._seed}-{number + 1}-of-{self._folds}.npz"


def _job(run: Run | None, seed: int) -> TrainingJob:
    """Say what is trained: as the run was, or by the recipe `report`."""
    if run is None:
        return TrainingJob.plan("report", {"validation_split": 0.0}, architecture="as given", seed=seed)
    manifest = run.manifest
    known = {key: value for key, value in manifest.settings.items() if key in Recipe.model_fields}
    epochs = manifest.best_epoch if known.get("patience") else None  # what it stopped at
    settings = make(Recipe, known)
    return TrainingJob(
        recipe_name=manifest.recipe,
        recipe=settings.without_validation(epochs or settings.epochs),
        architecture=manifest.architecture,
        weights=manifest.weights,
        seed=seed,
    )


def _fold_logits(
    checkpoint: Checkpoint, training: Dataset, left_out: Array, job: TrainingJob, build: Build | None
) -> Array:
    """Fit one model, from its checkpoint if there is one, and return its logits of the images left out."""
    from workbench.models.probe import Probe

    parts = Parts(training=training.subset(~left_out), validation=None, test=None, fingerprint=training.fingerprint)
    try:
        before = checkpoint.read()
    except WorkbenchError:
        before = None
    if before is None or before.job != job or before.fingerprint != parts.fingerprint:
        before = checkpoint.write(State(job=job, fingerprint=parts.fingerprint))

    def progress(what: str, done: int, total: int) -> None:
        report(f"Fold {checkpoint.name.split('-')[2]}, {what}", done, total)

    _, model = fit(checkpoint, before, parts, progress, build=build)
    probe = Probe(model, training.image_shape)
    return np.concatenate([probe.logits(images) for images in training.subset(left_out).batches()])


def _two_probabilities(keras: Any, output: Any, *, probability: bool) -> Any:
    """The one output of a model as the probabilities of its two classes, (N, 2)."""
    one = keras.layers.Reshape((1,))(output)
    if not probability:
        one = keras.layers.Activation("sigmoid")(one)
    return keras.layers.Concatenate()([1 - one, one])


def _rebuild(load: Load, given: str) -> Build:
    """Return what builds the model anew, with first weights, so that it takes [0, 1] and gives probabilities."""

    def build(shape: tuple[int, int, int], _: int) -> Any:
        import keras

        from workbench.models.probe import Probe

        model = load()
        probe = Probe(model, shape, given=given)
        if probe.inference_only:
            raise WorkbenchError(f"This model is {probe.inference_only}: its architecture cannot be fitted again.")
        fresh = type(model).from_config(model.get_config())
        image = keras.Input(shape)
        turned = keras.ops.flip(image, axis=-1) if probe.preprocessing.bgr else image
        how = probe.preprocessing
        scale, offset = (list(each) if len(each) > 1 else each[0] for each in (how.scale, how.offset))
        pixels = image if how is UNIT else keras.layers.Rescaling(scale, offset)(turned)
        if probe.channels_first:
            pixels = keras.layers.Permute((3, 1, 2))(pixels)
        output = fresh(
            keras.layers.Reshape(model.input_shape[1:])(pixels) if _flat(model, pixels.shape[1:]) else pixels
        )
        if probe.one_unit:
            return keras.Model(image, _two_probabilities(keras, output, probability=probe.scores.probability))
        scores = np.asarray(model(np.zeros((1, *model.input_shape[1:]), np.float32))) if _fixed(model) else None
        sums = scores is not None and (scores >= 0).all() and np.allclose(scores.sum(axis=-1), 1, atol=1e-3)
        return keras.Model(image, output if sums else keras.layers.Softmax()(output))

    return build


def _fixed(model: Any) -> bool:
    return all(size is not None for size in model.input_shape[1:])


def _flat(model: Any, shape: tuple[int, int, int]) -> bool:
    """Whether the model takes another arrangement of the same pixels."""
    return _fixed(model) and tuple(model.input_shape[1:]) != tuple(shape)
