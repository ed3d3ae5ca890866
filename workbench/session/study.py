"""One model, one dataset, and everything computed about them so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from workbench.core.class_tree import ClassTree
from workbench.core.dataset import Dataset, piece
from workbench.core.errors import WorkbenchError
from workbench.core.image_names import ImageNames
from workbench.core.image_set import Part
from workbench.core.kept import Kept
from workbench.core.predictions import Predictions
from workbench.core.types import Array
from workbench.core.wording import plural
from workbench.data.hierarchy import read_hierarchy
from workbench.data.saved_predictions import SavedPredictions, saved_predictions
from workbench.models.forward_passes.engine_names import AUTO
from workbench.session.found_tree import found_tree
from workbench.session.image_titles import said_of
from workbench.session.measured_properties import MeasuredProperties
from workbench.session.model_on_images import ModelOnImages
from workbench.session.parts import Loaded, Parts
from workbench.session.studied_model import StudiedModel
from workbench.statistics.confusion import confusion_counts
from workbench.training.dynamics import Dynamics
from workbench.training.runs import Run

if TYPE_CHECKING:
    import keras
    import pandas as pd

    from workbench.workspace.workspace import Workspace

Rows = Sequence[int] | Array | slice
BESIDE = 8
"""Sessions on other images that one keeps, those used last."""


class Study(ModelOnImages):
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
        studied = StudiedModel(
            model, dataset, saved=saved, preprocessing=preprocessing, cache=cache, tokens=tokens, engine=engine
        )
        run = model if isinstance(model, Run) else None
        super().__init__(studied, dataset, run=run, name=name or studied.name, cache=cache)
        self._parts = Parts({**(others or {}), "train": train})
        self._properties = MeasuredProperties(dataset, cache=cache)
        self._workspace = workspace
        self.hierarchy = None if hierarchy is None else read_hierarchy(hierarchy, dataset.class_names)
        self._found_tree: list[ClassTree | None] = []
        self._beside: Kept[tuple[str, str], Self] = Kept(BESIDE)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self.dataset.name!r}, {plural(len(self.dataset), 'image')})"

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
