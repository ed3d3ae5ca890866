"""One model, one dataset, and everything computed about them so far."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np

from workbench.core.cache import cache_folder
from workbench.core.class_tree import ClassTree
from workbench.core.dataset import Dataset, piece
from workbench.core.errors import WorkbenchError
from workbench.core.image_names import ImageNames
from workbench.core.image_set import Part
from workbench.core.kept import Kept
from workbench.core.predictions import Predictions
from workbench.core.progress import report
from workbench.core.types import Array
from workbench.core.wording import plural
from workbench.data.hierarchy import read_hierarchy
from workbench.data.saved_predictions import SavedPredictions, saved_predictions
from workbench.models.forward_passes.engine_names import AUTO
from workbench.models.preprocessing import InputScale
from workbench.session.found_tree import found_tree
from workbench.session.image_titles import said_of
from workbench.session.kept_outputs import KeptOutputs
from workbench.session.measured_properties import MeasuredProperties
from workbench.session.parts import Loaded, Parts
from workbench.session.studied_model import StudiedModel
from workbench.statistics.confusion import confusion_counts
from workbench.training.dynamics import Dynamics
from workbench.training.runs import Run

if TYPE_CHECKING:
    import keras
    import pandas as pd

    from workbench.models.probe import Probe
    from workbench.workspace.workspace import Workspace

Rows = Sequence[int] | Array | slice
PASS = 256
"""Images that are passed through the model together, of large ones fewer."""
BESIDE = 8
"""Sessions on other images that one keeps, those used last."""


class Study:
    """A model, its data, and its predictions, each made when it is first asked for; safe to use from several threads.

    Opening one imports no TensorFlow: the model is loaded when something asks for it.

    Attributes:
        dataset: the images under study.
        run: the run that the model belongs to, or None.
        name: what captions call the model.
        cache: whether predictions and results are kept in the user's cache folder.
        hierarchy: the tree of classes that was given, or None.

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
        tokens: how a transformer's tokens lie on the image, "14x14" or "14x14+1": rows × columns, and further tokens as
            a class token; found in the model, or assumed from their number, if not given.
        engine: what passes images forward where nothing is differentiated: "tensorflow", "onnxruntime", or "auto", the
            faster one that computes the same to 1e-5 of the largest value, measured once a model.
        train: the images it was trained on, or what loads them (None if they are not known); analyses of the training
            part need it.
        others: the other parts of the data by their names, or what loads them.
        workspace: what people said about the images, or its file; the one of the data's name, if not given.
        hierarchy: the classes as a tree, as `read_hierarchy` takes it: a `.json` or `.csv` file, or a dict of groups.
    """

    def __init__(
        self,
        model: keras.Model | Run | Path | str | None = None,
        dataset: Dataset | None = None,
        *,
        predictions: SavedPredictions | Predictions | Array | Path | str | None = None,
        name: str | None = None,
        preprocessing: str | None = None,
        tokens: str | None = None,
        engine: str = AUTO,
        train: Loaded = None,
        others: Mapping[Part, Loaded] | None = None,
        cache: bool = True,
        workspace: Workspace | Path | str | None = None,
        hierarchy: ClassTree | Mapping[str, Any] | Path | str | None = None,
    ) -> None:
        model = Path(model) if isinstance(model, str) else model
        saved = None if predictions is None else saved_predictions(predictions)
        if dataset is None:
            if saved is None:
                raise WorkbenchError("A session needs a dataset, or predictions with their labels.")
            dataset = saved.dataset("test")
        self._model = StudiedModel(
            model, dataset, saved=saved, preprocessing=preprocessing, cache=cache, tokens=tokens, engine=engine
        )
        self.dataset, self.cache, self.name = dataset, cache, name or self._model.name
        self.run = model if isinstance(model, Run) else None
        self._parts = Parts({**(others or {}), "train": train})
        self._lock = threading.RLock()
        self._predictions: Predictions | None = None
        self._embeddings: Array | None = None
        self._reading: str | None = None
        self._engine = ""  # that computed the predictions in TensorFlow's place
        self._properties = MeasuredProperties(dataset, cache=cache)
        self._workspace = workspace
        self.hierarchy = None if hierarchy is None else read_hierarchy(hierarchy, dataset.class_names)
        self._found_tree: list[ClassTree | None] = []
        self._beside: Kept[tuple[str, str], Self] = Kept(BESIDE)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self.dataset.name!r}, {plural(len(self.dataset), 'image')})"

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
    def history(self) -> pd.DataFrame | None:
        """Learning curves, one row an epoch; None where there are none."""
        return None if self.run is None else self.run.history

    @property
    def dynamics(self) -> Dynamics | None:
        """What the trainer noted of every training image after each epoch; None where there is nothing."""
        return None if self.run is None else self.run.dynamics

    @property
    def other_parts(self) -> tuple[Part, ...]:
        """Parts of the data besides the one under study that are known, or may be: nothing is loaded to tell."""
        return tuple(part for part in self._parts.known() if part != self.split)

    def data_of(self, part: Part) -> Dataset | None:
        """Return the images of a part, loaded at the first call; None where they are not known."""
        return self.dataset if part == "data" else self._parts.load(part)

    def on(self, part: Part) -> Self | None:
        """Return the session of the same model on another part; None where it, or its predictions, are not known."""
        if part == "data":
            return self
        dataset, saved = self.data_of(part), self._model.saved
        return None if dataset is None or (saved is not None and not saved.covers(dataset)) else self.beside(dataset)

    @property
    def train(self) -> Dataset | None:
        """The images it was trained on, loaded at the first call; None where they are not known."""
        return self.data_of("train")

    @property
    def training(self) -> Self | None:
        """The session of the same model on its training images; None where they, or its predictions, are not known."""
        return self.on("train")

    @property
    def image_names(self) -> ImageNames:
        """What the images of both parts are called; the training images are loaded when one of their names is asked."""
        return ImageNames(self.dataset.names, self._training_names, self._said_of)

    def _said_of(self, row: int, part: Part) -> str:
        """Say the label of an image and its prediction, as far as they can be had without loading the model."""
        if part != "data":
            return said_of(self.train, None, row)
        return said_of(self.dataset, self.predictions if self.has_predictions else None, row)

    def _training_names(self) -> Array | None:
        try:
            return None if self.train is None else self.train.names
        except WorkbenchError:  # their files are gone, and an answer of before is shown
            return None

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
    def class_tree(self) -> ClassTree | None:
        """The classes as a tree: the one that was given, else found from the confusions; None where these show none."""
        if self.hierarchy is not None:
            return self.hierarchy
        with self._lock:
            if not self._found_tree:
                said = self.predictions
                counts = confusion_counts(said.labels, said.predicted, len(self.class_names))
                self._found_tree = [found_tree(counts, self.class_names)]
            return self._found_tree[0]

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
    def properties(self) -> pd.DataFrame:
        """What `image_properties` measures of all images, N rows; cached, else measured now, with progress."""
        return self._properties.table()

    @property
    def has_properties(self) -> bool:
        """Whether `properties` are there already."""
        return self._properties.there

    @property
    def workspace(self) -> Workspace:
        """What people said about images of this data, of all its parts; opened at the first call.

        Raises:
            WorkbenchError: if its file cannot be opened.
        """
        from workbench.workspace.place import workspace_of
        from workbench.workspace.workspace import Workspace

        with self._lock:
            if not isinstance(self._workspace, Workspace):
                given = self._workspace or workspace_of(self.dataset)
                self._workspace = Workspace.open(given)
            return self._workspace

    @workspace.setter
    def workspace(self, workspace: Workspace) -> None:
        self._workspace = workspace

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
            key = dataset.fingerprint, dataset.names_digest
            if (known := self._beside.get(key)) is not None:
                return known
            shared = self._model
            other = type(self)(shared.given, dataset, predictions=shared.saved, name=self.name, cache=self.cache)
            other._parts = self._parts
            other._workspace, other.hierarchy = self._workspace, self.hierarchy
            other._model = shared
            return self._beside.put(key, other)

    def subset(self, rows: Rows) -> Self:
        """Return a session on some of the images; the model and known predictions are shared."""
        chosen = self.dataset.rows(rows)
        other = self.beside(self.dataset.subset(chosen))
        if self.has_predictions:
            other._predictions = Predictions(self.predictions.logits[piece(chosen)], other.dataset.labels)
        if self._embeddings is not None and other._embeddings is None:
            other._embeddings = self._embeddings[piece(chosen)]
        return other
