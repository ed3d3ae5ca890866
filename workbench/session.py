"""One model, one dataset, and everything computed about them so far."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, cast

import numpy as np

from workbench.attribution import Attribution
from workbench.choosing import Some
from workbench.contracts import Array, Dataset, Predictions, Score
from workbench.errors import WorkbenchError
from workbench.params import make
from workbench.progress import report
from workbench.result import Result
from workbench.runs import Run
from workbench.store import cache_folder, load_arrays, save_arrays

if TYPE_CHECKING:
    import keras
    import pandas as pd

    from workbench.probe import Probe

Rows = Sequence[int] | Array | slice
Class = str | int | Array


class Runner(Protocol):
    """What answers an analysis by name: the registry."""

    def __call__(self, session: Session, name: str, values: Mapping[str, Any]) -> Result: ...


class Session:
    """A debugging session; safe to use from several threads.

    Opening one imports no TensorFlow: the model is loaded when something asks for it.

    Attributes:
        dataset: the images under study.
        run: the run that the model belongs to, or None.
        name: what captions call the model.
        cache: whether predictions and results are kept in the user's cache folder.

    Args:
        model: a Keras model, a run, or the path of a `.keras` file.
        dataset: labelled images that fit it.
        name: of the model; the run's or the file's, if not given.
        train: the images it was trained on, or what loads them; analyses of the training part need it.
    """

    runner: ClassVar[Runner | None] = None  # set by the registry, which stands on a floor above

    def __init__(
        self, model: keras.Model | Run | Path, dataset: Dataset, *, name: str | None = None,
        train: Dataset | Callable[[], Dataset] | None = None, cache: bool = True,
    ) -> None:  # fmt: skip
        self._given, self.dataset, self.cache = model, dataset, cache
        self.run = model if isinstance(model, Run) else None
        self.name = name or (model.stem if isinstance(model, Path) else str(getattr(model, "name", "model")))
        self._train = train
        self._lock = threading.RLock()
        self._opening = threading.RLock()  # of its own, so that saved predictions are there while the model is loaded
        self._probe: Probe | None = None
        self._predictions: Predictions | None = None
        self._embeddings: Array | None = None

    def __repr__(self) -> str:
        return f"Session({self.name!r}, {self.dataset.name!r}, {len(self.dataset):,} images)"

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
            "run": self.name, "dataset": self.dataset.name, "images": len(self.dataset),
            "classes": len(self.class_names), "model": self.model_fingerprint, "data": self.dataset.fingerprint,
        }  # fmt: skip

    @cached_property
    def model_fingerprint(self) -> str:
        """16 hexadecimal digits that change with any weight; needs no TensorFlow for a run or a file."""
        if isinstance(self._given, Run):
            return self._given.manifest.model_sha256[:16]
        if isinstance(self._given, Path):
            return hashlib.sha256(self._given.read_bytes()).hexdigest()[:16]
        try:
            structure = self._given.to_json()
        except (NotImplementedError, TypeError, ValueError):  # a model with a `call` of its own
            structure = repr([(weights.path, weights.shape) for weights in self._given.weights])
        digest = hashlib.sha256(structure.encode())
        for weights in self._given.get_weights():
            digest.update(weights.tobytes())
        return digest.hexdigest()[:16]

    @property
    def history(self) -> pd.DataFrame | None:
        """Learning curves, one row an epoch; None where there are none."""
        return None if self.run is None else self.run.history

    @property
    def train(self) -> Dataset | None:
        """The images it was trained on, loaded at the first call; None where they are not known."""
        with self._lock:
            if callable(self._train):
                self._train = self._train()
            return self._train

    @property
    def ready(self) -> bool:
        """Whether the model is loaded."""
        return self._probe is not None

    @property
    def probe(self) -> Probe:
        """The model's probe; the first call imports TensorFlow and loads the model.

        Raises:
            WorkbenchError: if the model cannot be read or does not fit the data.
        """
        with self._opening:
            if self._probe is None:
                from workbench.probe import Probe

                probe = Probe(self._load(), self.dataset.image_shape)
                if probe.classes != len(self.class_names):
                    raise WorkbenchError(
                        f"The model gives {probe.classes} scores an image. {self.dataset.name!r} names "
                        f"{len(self.class_names)} classes; name all of the model's classes in the data (`class_names`)."
                    )
                self._probe = probe
            return self._probe

    @property
    def model(self) -> keras.Model:
        """The Keras model."""
        return self.probe.model

    def _load(self) -> keras.Model:
        if isinstance(self._given, Run):
            return self._given.load_model()
        if isinstance(self._given, Path):
            from workbench.keras_files import load_model

            return load_model(self._given)
        return self._given

    @property
    def has_predictions(self) -> bool:
        """Whether predictions can be had without loading the model."""
        return self._saved_predictions() is not None

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
            if self._embeddings is None:
                self._embeddings = self._cached("embeddings")
            if self._embeddings is None:
                self._compute()
            return np.asarray(self._embeddings)

    def _saved_predictions(self) -> Predictions | None:
        with self._lock:
            if self._predictions is None and self.run is not None:
                self._predictions = self.run.predictions(self.split, self.dataset.fingerprint)
            if self._predictions is None and (logits := self._cached("logits")) is not None:
                self._predictions = Predictions(logits, self.dataset.labels)
            return self._predictions

    def _cached(self, name: str) -> Array | None:
        """Return "logits" or "embeddings" from the cache folder, if they are there for every image."""
        stored = (load_arrays(self.cache_path("predictions.npz")) if self.cache else None) or {}
        values = stored.get(name)
        return values if values is not None and values.shape[:1] == (len(self.dataset),) else None

    def _compute(self) -> None:
        """Pass all images through the model once: logits and embeddings."""
        logits, embeddings = [], []
        for images in self.dataset.batches(256):
            values = self.probe.logits_and_embeddings(images)
            logits.append(values[0])
            embeddings.append(values[1])
            report("Predictions", min(256 * len(logits), len(self.dataset)), len(self.dataset))
        self._embeddings = np.concatenate(embeddings)
        self._predictions = Predictions(np.concatenate(logits), self.dataset.labels)
        if self.cache:
            arrays = {"logits": self._predictions.logits, "embeddings": self._embeddings}
            save_arrays(self.cache_path("predictions.npz"), arrays)

    def cache_path(self, name: str) -> Path:
        """Where the cache keeps something of this model on this data."""
        return cache_folder() / "results" / f"{self.model_fingerprint}-{self.dataset.fingerprint}" / name

    def class_index(self, name: str | int) -> int:
        """Return the class called `name`, or of that number; the nearest names are offered where there is none."""
        return self.dataset.class_index(name)

    def attribute(
        self, method: str, rows: Rows, *, target: Class = "predicted", contrast: tuple[Class, Class] | None = None,
        score: Literal["logit", "probability"] = "logit", verdict: bool = False, **params: Any,
    ) -> Attribution:  # fmt: skip
        """Explain the scores of some images.

        Args:
            method: CLI name of the method, for example "grad-cam".
            rows: rows of the dataset.
            target: "predicted", "label", a class name or number, or `(n,)` int.
            contrast: two classes in the same forms, in place of `target`: explains f_c - f_c'.
            score: "logit" or "probability".
            verdict: whether to judge each map, 0.1 s an image; a method's randomisation test comes once, and longer.
            params: the method's parameters, for example `layer="conv2"`.

        Raises:
            WorkbenchError: if a name or a value is wrong, or the method does not apply to this model.
        """
        chosen = self.dataset.rows(rows)
        if "against" in params:
            raise WorkbenchError("Name both classes of a contrast in one: contrast=(class, other class).")
        plain = isinstance(target, str) and target == "predicted" and score == "logit"
        if contrast is not None and not (plain and len(contrast) == 2):
            raise WorkbenchError("`contrast` takes two classes, and stands in place of `target` and `score`.")
        first, second = (target, None) if contrast is None else contrast
        return self.attribute_images(
            method, Some(self.dataset, chosen), self.classes_of(first, chosen),
            against=None if second is None else self.classes_of(second, chosen), score=score, verdict=verdict, **params,
        )  # fmt: skip

    def attribute_images(
        self, method: str, images: Any, target: Array, *, against: Array | None = None, score: Score = "logit",
        verdict: bool = False, **params: Any,
    ) -> Attribution:  # fmt: skip
        """Explain images that need not belong to the dataset: `(n, H, W, C)`, uint8 or float32 in [0, 1]."""
        from workbench.explainers import explainer
        from workbench.judging import judged

        kind = make(explainer(method), params)
        found = kind.attribute(
            self.probe, images, target, against=against, score=score if against is None else "contrast",
            background=self.background if kind.needs_background else None, progress=report,
        )  # fmt: skip
        return judged(self, found, images) if verdict else found

    @property
    def background(self) -> Array:
        """`(5, H, W, C)` uint8 images that stand for nothing in particular: of the training part, where it is known."""
        known = self.train or self.dataset
        return np.asarray(known.images[np.sort(np.random.default_rng(0).permutation(len(known))[:5])])

    def classes_of(self, wanted: Class, rows: Array) -> Array:
        """Return the class of each of `rows`, `(n,)` int64: predicted, label, one for all, or as they are given."""
        if isinstance(wanted, str) and wanted == "predicted":
            return self.predictions.predicted[rows]
        if isinstance(wanted, str) and wanted == "label":
            return self.dataset.labels[rows]
        if isinstance(wanted, str | int | np.integer):
            return np.full(len(rows), self.class_index(wanted), np.int64)
        return np.asarray(wanted, np.int64)

    def analyze(self, name: str, **params: Any) -> Result:
        """Answer one analysis, for example `session.analyze("most-confused", top=5).draw()`.

        Raises:
            WorkbenchError: if there is no such analysis or parameter, or the session lacks what it needs.
        """
        if Session.runner is None:
            raise RuntimeError("Import `workbench.registry` first, or use `workbench.Session`, which does.")
        return Session.runner(self, name, params)

    def subset(self, rows: Rows) -> Session:
        """Return a session on some of the images; the model and known predictions are shared."""
        chosen = self.dataset.rows(rows)
        other = Session(self._given, self.dataset.subset(chosen), name=self.name, train=self._train, cache=self.cache)
        other._probe = self._probe
        if self.has_predictions:
            other._predictions = Predictions(self.predictions.logits[chosen], self.dataset.labels[chosen])
        return other
