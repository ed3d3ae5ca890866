"""A model on the images of one dataset: what it is given, what passes them, and what it says of all of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from workbench.core.cache import cache_folder
from workbench.core.dataset import Dataset
from workbench.core.predictions import Predictions
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.models.forward_passes.engine_names import AUTO
from workbench.models.preprocessing import InputScale
from workbench.session.kept_outputs import KeptOutputs
from workbench.session.passing import pass_by_others
from workbench.session.studied_model import StudiedModel
from workbench.training.runs import Run

if TYPE_CHECKING:
    import keras

    from workbench.models.probe import Probe

PASS = 256
"""Images that are passed through the model together, of large ones fewer."""


class ModelOnImages:
    """A model and what it says of the images of one dataset, made when it is first asked for.

    Attributes:
        dataset: the images.
        run: the run that the model belongs to, or None.
        name: what captions call the model.
        cache: whether what it says is kept in the user's cache folder.

    Args:
        model: how it is loaded, and what is known of it before.
        dataset: as above, and so are the next three.
    """

    def __init__(self, model: StudiedModel, dataset: Dataset, *, run: Run | None, name: str, cache: bool) -> None:
        self._model = model
        self.dataset, self.run, self.name, self.cache = dataset, run, name, cache
        self._lock = threading.RLock()
        self._predictions: Predictions | None = None
        self._embeddings: Array | None = None
        self._reading: str | None = None
        self._engine = ""  # that computed the predictions in TensorFlow's place

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
            **({"tokens": words} if (words := self.tokens) else {}),
            **({"engine": name} if (name := self.computed_by) else {}),
        }

    @property
    def model_fingerprint(self) -> str:
        """16 hexadecimal digits that change with any weight and with what the model is given.

        A run needs no TensorFlow for it, nor does a file whose scale was settled before.
        """
        return self._model.fingerprint

    @property
    def scale(self) -> InputScale:
        """What the model is given for an image, and how that is known; to find or measure it, the model is loaded."""
        return self._model.scale

    @property
    def settled(self) -> bool:
        """Whether it is known without loading the model what that is given."""
        return self._model.settled

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
        """What is assumed about the pixels' scale, or speaks against it; and, once loaded, about places of tokens.

        Sentences to stand beside every number.
        """
        about = self.probe.tokens_note if self.ready else ""
        return " ".join(filter(None, [self.scale.assumed or self.scale.doubt, about]))

    @property
    def tokens(self) -> str:
        """How a transformer's tokens lie on the image, as `--tokens` takes it, where that was given, or is assumed."""
        if self._model.tokens is not None:
            return self._model.tokens
        return self.probe.tokens_assumed if self.ready else ""

    @property
    def engine(self) -> str:
        """What passes images forward, with its version: "onnxruntime 1.22.0"; empty where the model is not loaded."""
        forward = self.probe.forward if self.ready else None
        return "" if forward is None else forward.name

    @property
    def computed_by(self) -> str:
        """What has passed images forward in TensorFlow's place, for predictions of before, too; empty where nothing."""
        forward = self.probe.forward if self.ready else None
        return (forward.used if forward is not None else "") or self._engine

    @property
    def wanted_engine(self) -> str:
        """What it was asked to be: "auto", "tensorflow" or "onnxruntime"."""
        return self._model.wanted_engine

    @property
    def only_predictions(self) -> bool:
        """Whether the model is not here, and only what it said of the images."""
        return self._model.only_predictions

    @property
    def inference_only(self) -> bool:
        """Whether the model gives predictions and no gradients or layers; known without loading it."""
        return self._model.inference_only

    @property
    def ready(self) -> bool:
        """Whether the model is loaded."""
        return self._model.ready

    @property
    def probe(self) -> Probe:
        """The model's probe; the first call imports TensorFlow and loads the model.

        Raises:
            WorkbenchError: if the model cannot be read or does not fit the data.
        """
        return self._model.probe

    @property
    def model(self) -> keras.Model:
        """The Keras model."""
        return self.probe.model

    @property
    def has_predictions(self) -> bool:
        """Whether predictions can be had without loading the model."""
        return self._predictions is not None or (self.settled and self._saved_predictions() is not None)

    @property
    def predictions(self) -> Predictions:
        """Predictions of all images: the run's, the cached ones, or computed now, with progress."""
        with self._lock:
            if self._saved_predictions() is None:
                with self._kept.alone():
                    if self._saved_predictions() is None:
                        self._compute()
            return cast("Predictions", self._predictions)

    @property
    def embeddings(self) -> Array:
        """`(N, D)` float32, what the last linear layer receives; cached, else computed now, with progress."""
        with self._lock:
            if self._model.saved is not None:
                return self.predictions.logits  # all that is known of what the model sees in an image
            if self._embeddings is None:
                self._embeddings = self._kept.values("embeddings")
            if self._embeddings is None:
                with self._kept.alone():
                    self._embeddings = self._kept.values("embeddings")
                    if self._embeddings is None:
                        self._compute()
            return np.asarray(self._embeddings)

    @property
    def has_embeddings(self) -> bool:
        """Whether `embeddings` can be had without passing the images through the model."""
        with self._lock:
            known = self._model.saved is not None or self._embeddings is not None
            return known or self._kept.has("embeddings")

    @property
    def reading(self) -> str:
        """How one output unit is read as two classes, or what is assumed about K outputs, in sentences.

        Empty for a model that shows its scores for each class.
        """
        if self._model.saved is not None:
            return ""
        said = self.probe if self.ready else self.predictions
        if self.ready:
            self._reading = self.probe.reading
        elif self._reading is None:
            self._reading = self._kept.reading
        how = self._reading
        if not said.one_unit:
            return how
        name, other = self.class_names[1], self.class_names[0]
        return (
            f"One output unit gives the score of {name!r}, class 1, the second name in Keras' order (text order of "
            f"folders, label 1 of arrays); that of {other!r} is 0. {how}"
        ).rstrip()

    def _saved_predictions(self) -> Predictions | None:
        with self._lock:
            if self._predictions is None and self._model.saved is not None:
                self._predictions = self._model.saved.predictions(self.dataset, self.split)
            if self._predictions is None and self.run is not None and self.preprocessing == self._model.usual:
                self._predictions = self.run.predictions(self.split, self.dataset.fingerprint)
            if self._predictions is None and (logits := self._kept.values("logits")) is not None:
                self._predictions, self._engine = Predictions(logits, self.dataset.labels), self._kept.engine
            return self._predictions

    @property
    def _kept(self) -> KeptOutputs:
        return KeptOutputs(self.cache_path("predictions.npz") if self.cache else None, len(self.dataset))

    def _compute(self) -> None:
        """Pass all images through the model once: logits and embeddings."""
        if pass_by_others(self):
            return
        self.probe.expect(len(self.dataset))  # so that no engine is chosen halfway

        def parts() -> Iterator[tuple[Array, Array]]:
            done = 0
            for images in self.dataset.batches(PASS):
                done += len(images)
                yield self.probe.logits_and_embeddings(images)
                report("Predictions", done, len(self.dataset))

        self.keep(parts(), lambda: (self.probe.reading, self.probe.forward.used if self.probe.forward else ""))

    def keep(self, parts: Iterable[tuple[Array, Array]], told: Callable[[], tuple[str, str]]) -> None:
        """Take what this model says of these images, computed elsewhere, as if it were computed here.

        Args:
            parts: `(n, K)` float32 logits and `(n, D)` float32 embeddings of some images, in order, of all in the end.
            told: asked after the last of them: how the model's outputs are read, in sentences, and what computed them
                in TensorFlow's place.

        Raises:
            WorkbenchError: if there are so many that they do not fit on the disk.
        """
        with self._lock:
            logits, self._embeddings = self._kept.keep(parts, told)
            self._engine = told()[1]
            self._predictions = Predictions(logits, self.dataset.labels)

    def cache_path(self, name: str) -> Path:
        """Where the cache keeps something of this model on this data; apart for an engine that was asked for."""
        asked = "" if self.wanted_engine == AUTO else f"-{self.wanted_engine}"
        return cache_folder() / "results" / f"{self.model_fingerprint}-{self.dataset.fingerprint}{asked}" / name
