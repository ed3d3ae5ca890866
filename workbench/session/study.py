"""One model, one dataset, and everything computed about them so far."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np

from workbench.core.cache import cache_folder, load_arrays, save_arrays
from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError, unknown
from workbench.core.kept import Kept
from workbench.core.predictions import Predictions
from workbench.core.progress import report
from workbench.core.provenance import code_digest
from workbench.core.types import Array
from workbench.data.sampling import balanced_rows
from workbench.data.saved_predictions import SavedPredictions, saved_predictions
from workbench.models.files import file_fingerprint, is_inference_only
from workbench.models.preprocessing import AUTO, FIND, NAMES, UNIT, InputScale
from workbench.training.dynamics import Dynamics, read_dynamics
from workbench.training.runs import Run

if TYPE_CHECKING:
    import keras
    import pandas as pd

    from workbench.models.probe import Probe

Rows = Sequence[int] | Array | slice
BESIDE = 16
"""Sessions on other images that one keeps, those used last."""


class Study:
    """A model, its data, and its predictions, each made when it is first asked for; safe to use from several threads.

    Opening one imports no TensorFlow: the model is loaded when something asks for it.

    Attributes:
        dataset: the images under study.
        run: the run that the model belongs to, or None.
        name: what captions call the model.
        cache: whether predictions and results are kept in the user's cache folder.

    Args:
        model: a Keras model, a run, or the path of a model file or folder, as `models.files.load_model` takes it; None
            where there is no model, for what looks at images alone, or at `predictions`.
        dataset: labelled images that fit it; those of `predictions`, if not given.
        predictions: what a model that is not here says of the images, instead of `model`: a file as
            `read_predictions` takes it, or `(N, K)` probabilities or logits. There are no maps then.
        name: of the model; the run's or the file's, if not given.
        preprocessing: what the model is given for an image: "auto" (what the model shows; where it shows nothing, what
            is surely the most accurate on some of the images, else [0, 1], which is said in `assumed`), "unit",
            "signed", "pixels", "imagenet-torch", "imagenet-caffe", or "find": the one that is surely more accurate
            than "auto"; the run's, if not given.
        train: the images it was trained on, or what loads them (None if they are not known); analyses of the training
            part need it.
    """

    def __init__(
        self,
        model: keras.Model | Run | Path | str | None = None,
        dataset: Dataset | None = None,
        *,
        predictions: SavedPredictions | Predictions | Array | Path | str | None = None,
        name: str | None = None,
        preprocessing: str | None = None,
        train: Dataset | Callable[[], Dataset | None] | None = None,
        cache: bool = True,
    ) -> None:
        model = Path(model) if isinstance(model, str) else model
        self._saved = None if predictions is None else saved_predictions(predictions)
        if self._saved is not None and model is not None:
            raise WorkbenchError("Give a model or its predictions, not both.")
        if dataset is None:
            if self._saved is None:
                raise WorkbenchError("A session needs a dataset, or predictions with their labels.")
            dataset = self._saved.dataset("test")
        self._given, self.dataset, self.cache = model, dataset, cache
        self.run = model if isinstance(model, Run) else None
        usual = "model" if self._saved is None else self._saved.source
        self.name = name or (model.stem if isinstance(model, Path) else str(getattr(model, "name", usual)))
        self._usual = AUTO if self.run is None else self.run.manifest.preprocessing
        self._preprocessing = self._usual if preprocessing is None else preprocessing
        if self._preprocessing not in (*NAMES, FIND):
            raise unknown("preprocessing", self._preprocessing, (*NAMES, FIND))
        self._scale: InputScale | None = None
        self._first: Probe | None = None  # with which the scale was settled
        self._train = train
        self._lock = threading.RLock()
        self._opening = threading.RLock()  # of its own, so that saved predictions are there while the model is loaded
        self._probe: Probe | None = None
        self._predictions: Predictions | None = None
        self._embeddings: Array | None = None
        self._owner: Self | None = None  # whose model this one shares
        self._beside: Kept[str, Self] = Kept(BESIDE)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self.dataset.name!r}, {len(self.dataset):,} images)"

    @property
    def class_names(self) -> tuple[str, ...]:
        """K names."""
        return self.dataset.class_names

    @property
    def split(self) -> str:
        """Name of the part, "test" or "train"."""
        return self.dataset.name.rpartition("/")[2]

    @property
    def context(self) -> dict[str, Any]:
        """What a caption says about the model and the data."""
        return {
            "run": self.name,
            "dataset": self.dataset.name,
            "images": len(self.dataset),
            "classes": len(self.class_names),
            "model": self.model_fingerprint,
            "data": self.dataset.fingerprint,
            **({"preprocessing": words} if (words := self.scale.words) else {}),
        }

    @cached_property
    def model_fingerprint(self) -> str:
        """16 hexadecimal digits that change with any weight and with what the model is given.

        A run needs no TensorFlow for it, nor does a file whose scale was settled before.
        """
        if self._owner is not None:
            return self._owner.model_fingerprint
        scale = self.scale
        if scale.name == AUTO and (not self._own or scale.given == UNIT.name):
            return self._weights
        how = f"{scale.given}{' assumed' if scale.assumed else ''}"
        return hashlib.sha256(f"{self._weights} {how}".encode()).hexdigest()[:16]

    @cached_property
    def _weights(self) -> str:
        """16 hexadecimal digits that change with any weight; "no-model" where there is none."""
        if isinstance(self._given, Run):
            return self._given.manifest.model_sha256[:16]
        if isinstance(self._given, Path):
            return file_fingerprint(self._given)
        if self._saved is not None:
            return self._saved.fingerprint
        if self._given is None:
            return "no-model"
        from workbench.models.files.keras import fingerprint

        return fingerprint(self._given)

    @property
    def preprocessing(self) -> str:
        """Name of what the model is given for an image; to find or measure it, the model is loaded."""
        return self.scale.name

    @property
    def found(self) -> str:
        """How the preprocessing was found or measured; empty where it was given, or the model shows it."""
        return self.scale.found

    @property
    def assumed(self) -> str:
        """What is assumed about the pixels' scale, a sentence that belongs beside every number; empty if nothing is."""
        return self.scale.assumed

    @property
    def settled(self) -> bool:
        """Whether it is known without loading the model what that is given."""
        if self._owner is not None:
            return self._owner.settled
        if self._scale is None and self._preprocessing not in (AUTO, FIND):
            self._scale = InputScale(name=self._preprocessing, given=self._preprocessing)
        if self._scale is None and self._preprocessing == AUTO and not self._own:
            self._scale = InputScale()  # our own trainer gave it [0, 1]; or there is no model
        if self._scale is None and self.cache and (kept := load_arrays(self._scale_path)) is not None:
            values = {name: str(value) for name, value in kept.items()}
            if values.pop("code", "") == code_digest() and values.keys() == InputScale.__dataclass_fields__.keys():
                self._scale = InputScale(**values)
        return self._scale is not None

    @property
    def scale(self) -> InputScale:
        """What the model is given, and how that is known: what was asked for, or trained with, is.

        Any other model that does not show it is measured at the first call, which loads it; the answer is cached.
        """
        if self._owner is not None:
            return self._owner.scale
        if not self.settled:
            with self._opening:
                if not self.settled:
                    self._scale = self._settle()
                    if self.cache:
                        arrays = {name: np.array(value) for name, value in asdict(self._scale).items()}
                        save_arrays(self._scale_path, {**arrays, "code": np.array(code_digest())})
        return cast("InputScale", self._scale)

    @property
    def _own(self) -> bool:
        """Whether the model is somebody's own: nothing tells what it was trained on."""
        return self.run is None and self._given is not None

    @property
    def _scale_path(self) -> Path:
        return cache_folder() / "results" / f"{self._weights}-{self.dataset.fingerprint}" / f"{self._preprocessing}.npz"

    def _settle(self) -> InputScale:
        """Find what the model is given, by accuracy if need be."""
        if self._preprocessing == FIND:
            from workbench.models.preprocessing_search import find_preprocessing

            path = self._scale_path.with_name("found.npz") if self.cache else None
            found, name = find_preprocessing(lambda: self._model, self.dataset, path)
            if name != AUTO:
                return InputScale(name=name, given=name, found=found)
            return replace(self._shown() if self._own else InputScale(), found=found)
        return self._shown()

    def _shown(self) -> InputScale:
        """Take what the model itself shows, or else measure it."""
        from workbench.models.scale_measurement import measure_scale

        probe = self._first = self._looked_at(AUTO)
        if not probe.assumption:
            return InputScale(given=probe.preprocessing.name)
        return measure_scale(probe, self.dataset)

    def _looked_at(self, given: str) -> Probe:
        """Return a probe of the model.

        Raises:
            WorkbenchError: if it does not fit the data.
        """
        from workbench.models.probe import Probe

        probe = Probe(self._model, self.dataset.image_shape, given=given, examples=self._some_images)
        if probe.classes != len(self.class_names):
            from workbench.data.class_names import other_count

            gives = (
                "has one output unit, which tells two classes apart"
                if probe.one_unit
                else f"gives {probe.classes} scores per image"
            )
            raise WorkbenchError(
                f"The model {gives}. {self.dataset.name!r} has {len(self.class_names)} classes"
                f"{other_count(self.dataset, probe.classes)}"
            )
        return probe

    @property
    def only_predictions(self) -> bool:
        """Whether the model is not here, and only what it said of the images."""
        return self._saved is not None

    @property
    def inference_only(self) -> bool:
        """Whether the model gives predictions and no gradients or layers; known without loading it."""
        if self.only_predictions:
            return True
        if isinstance(self._given, Path):
            return is_inference_only(self._given)
        return bool(getattr(self._given, "inference_only", ""))

    @property
    def history(self) -> pd.DataFrame | None:
        """Learning curves, one row an epoch; None where there are none."""
        return None if self.run is None else self.run.history

    @property
    def dynamics(self) -> Dynamics | None:
        """What the trainer noted of every training image after each epoch; None where there is nothing."""
        return None if self.run is None else read_dynamics(self.run.path)

    @property
    def train(self) -> Dataset | None:
        """The images it was trained on, loaded at the first call; None where they are not known."""
        with self._lock:
            if callable(self._train):
                self._train = self._train()
            return self._train

    @property
    def training(self) -> Self | None:
        """The session of the same model on its training images; None where they, or its predictions, are not known."""
        if self.train is None or (self._saved is not None and not self._saved.covers(self.train)):
            return None
        return self.beside(self.train)

    @property
    def ready(self) -> bool:
        """Whether the model is loaded."""
        return self._probe is not None if self._owner is None else self._owner.ready

    @property
    def probe(self) -> Probe:
        """The model's probe; the first call imports TensorFlow and loads the model.

        Raises:
            WorkbenchError: if the model cannot be read or does not fit the data.
        """
        if self._owner is not None:
            return self._owner.probe
        with self._opening:
            if self._probe is None:
                scale, probe = self.scale, self._first
                if probe is None or scale.given != probe.preprocessing.name:
                    probe = self._looked_at(scale.name)
                probe.assumption = scale.assumed
                self._probe = probe
            return self._probe

    def _some_images(self) -> Array:
        """`(n, H, W, C)` float32 images of the data, at most 200 of all classes."""
        return self.dataset.floats(np.sort(balanced_rows(self.dataset.labels, min(200, len(self.dataset)), 0)))

    @property
    def model(self) -> keras.Model:
        """The Keras model."""
        return self.probe.model

    @cached_property
    def _model(self) -> keras.Model:
        if isinstance(self._given, Run):
            return self._given.load_model()
        if isinstance(self._given, Path):
            from workbench.models.files import load_model

            return load_model(self._given, classes=len(self.class_names))
        if self._given is None:
            there = "images" if self._saved is None else "its predictions"
            raise WorkbenchError(
                f"There is no model here, only {there}: open a run, or a model file, to ask about a model."
            )
        return self._given

    @property
    def has_predictions(self) -> bool:
        """Whether predictions can be had without loading the model."""
        return self._predictions is not None or (self.settled and self._saved_predictions() is not None)

    @property
    def predictions(self) -> Predictions:
        """Predictions of all images: the run's, the cached ones, or computed now, with progress."""
        with self._lock:
            if self._saved_predictions() is None:
                self._compute()
            return cast("Predictions", self._predictions)

    @property
    def embeddings(self) -> Array:
        """`(N, D)` float32, what the last linear layer receives; cached, else computed now, with progress."""
        with self._lock:
            if self._saved is not None:
                return self.predictions.logits  # all that is known of what the model sees in an image
            if self._embeddings is None:
                self._embeddings = self._cached("embeddings")
            if self._embeddings is None:
                self._compute()
            return np.asarray(self._embeddings)

    @property
    def reading(self) -> str:
        """How one output unit is read as two classes, in sentences; empty for a model with a score for each class."""
        if self._saved is not None or not (self.probe if self.ready else self.predictions).one_unit:
            return ""
        how = self.probe.reading if self.ready else str(self._stored().get("reading", ""))
        name, other = self.class_names[1], self.class_names[0]
        return (
            f"One output unit gives the score of {name!r}, class 1, the second name in Keras' order (text order of "
            f"folders, label 1 of arrays); that of {other!r} is 0. {how}"
        ).rstrip()

    def _saved_predictions(self) -> Predictions | None:
        with self._lock:
            if self._predictions is None and self._saved is not None:
                self._predictions = self._predictions_of(self._saved)
            if self._predictions is None and self.run is not None and self.preprocessing == self._usual:
                self._predictions = self.run.predictions(self.split, self.dataset.fingerprint)
            if self._predictions is None and (logits := self._cached("logits")) is not None:
                self._predictions = Predictions(logits, self.dataset.labels)
            return self._predictions

    def _predictions_of(self, saved: SavedPredictions) -> Predictions:
        part = saved.part(self.split)
        if part is None:
            raise WorkbenchError(f"{saved.source} has no predictions of the {self.split} part.")
        return Predictions(part.of(self.dataset), self.dataset.labels)

    def _stored(self) -> dict[str, Array]:
        return (load_arrays(self.cache_path("predictions.npz")) if self.cache else None) or {}

    def _cached(self, name: str) -> Array | None:
        """Return "logits" or "embeddings" from the cache folder, if they are there for every image."""
        values = self._stored().get(name)
        return values if values is not None and values.shape[:1] == (len(self.dataset),) else None

    def _compute(self) -> None:
        """Pass all images through the model once: logits and embeddings."""
        logits, embeddings = [], []
        for images in self.dataset.batches(256):
            values = self.probe.logits_and_embeddings(images)
            logits.append(values[0])
            embeddings.append(values[1])
            report("Predictions", sum(map(len, logits)), len(self.dataset))
        self._embeddings = np.concatenate(embeddings)
        self._predictions = Predictions(np.concatenate(logits), self.dataset.labels)
        if self.cache:
            arrays = {"logits": self._predictions.logits, "embeddings": self._embeddings}
            arrays |= {"reading": np.array(self.probe.reading)} if self.probe.one_unit else {}
            save_arrays(self.cache_path("predictions.npz"), arrays)

    def cache_path(self, name: str) -> Path:
        """Where the cache keeps something of this model on this data."""
        return cache_folder() / "results" / f"{self.model_fingerprint}-{self.dataset.fingerprint}" / name

    @property
    def background(self) -> Array:
        """`(5, H, W, C)` uint8 images that stand for nothing in particular: of the training part, where it is known."""
        known = self.train or self.dataset
        return np.asarray(known.images[np.sort(np.random.default_rng(0).permutation(len(known))[:5])])

    def class_index(self, name: str | int) -> int:
        """Return the class called `name`, or of that number; the nearest names are offered where there is none."""
        return self.dataset.class_index(name)

    def beside(self, dataset: Dataset) -> Self:
        """Return the session of the same model on other images: the same one again while it is among the last used."""
        with self._lock:
            if (known := self._beside.get(dataset.fingerprint)) is not None:
                return known
            other = type(self)(
                self._given,
                dataset,
                predictions=self._saved,
                name=self.name,
                preprocessing=self._preprocessing,
                train=self._train,
                cache=self.cache,
            )
            other._owner = self
            return self._beside.put(dataset.fingerprint, other)

    def subset(self, rows: Rows) -> Self:
        """Return a session on some of the images; the model and known predictions are shared."""
        chosen = self.dataset.rows(rows)
        other = self.beside(self.dataset.subset(chosen))
        if self.has_predictions:
            other._predictions = Predictions(self.predictions.logits[chosen], self.dataset.labels[chosen])
        return other
