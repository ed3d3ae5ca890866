"""The model of a session: loaded when something asks for it, and shared by the sessions on other images."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from workbench.core.cache import cache_folder, load_arrays, save_arrays
from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError, unknown
from workbench.core.provenance import code_digest
from workbench.core.types import Array
from workbench.core.wording import plural
from workbench.data.sampling import balanced_rows
from workbench.data.saved_predictions import SavedPredictions
from workbench.models.files import file_fingerprint, is_inference_only
from workbench.models.forward_passes.engine_names import AUTO as AUTO_ENGINE
from workbench.models.forward_passes.engine_names import refuse_engine
from workbench.models.preprocessing import AUTO, FIND, NAMES, UNIT, InputScale
from workbench.training.runs import Run

if TYPE_CHECKING:
    import keras

    from workbench.models.probe import Probe


class StudiedModel:
    """A model that is studied, what it is given for an image, and how that is known; safe to use from several threads.

    Attributes:
        given: a Keras model, a run, or the path of a model file or folder; None where there is none.
        dataset: the images on which its scale is measured, and which it has to fit.
        saved: its predictions, where the model itself is not here.
        usual: the preprocessing of its run; "auto" where it has none.
        tokens: how a transformer's tokens lie on the image, as the user says; None where it is to be found.
        wanted_engine: what passes images forward, as the user says.

    Args:
        preprocessing: as `Study` takes it.
        tokens: as `Study` takes it.
        engine: as `Study` takes it.
        cache: whether what was measured is kept in the user's cache folder.
    """

    def __init__(
        self,
        given: keras.Model | Run | Path | None,
        dataset: Dataset,
        *,
        saved: SavedPredictions | None,
        preprocessing: str | None,
        cache: bool,
        tokens: str | None = None,
        engine: str = AUTO_ENGINE,
    ) -> None:
        refuse_engine(engine)
        if engine != AUTO_ENGINE and (given is None or (isinstance(given, Path) and is_inference_only(given))):
            raise WorkbenchError(f"`engine` (--engine) is for a Keras model, and there is none here. Got {engine!r}.")
        if saved is not None and given is not None:
            raise WorkbenchError("Give a model or its predictions, not both.")
        self.given, self.dataset, self.saved, self.cache = given, dataset, saved, cache
        self.usual = given.manifest.preprocessing if isinstance(given, Run) else AUTO
        self._wanted = self.usual if preprocessing is None else preprocessing
        if self._wanted not in (*NAMES, FIND):
            raise unknown("preprocessing", self._wanted, (*NAMES, FIND))
        if tokens is not None:
            from workbench.models.tokens import read_tokens

            if given is None:
                raise WorkbenchError("`tokens` is for a model, and there is none here.")
            tokens = read_tokens(tokens).words
        self.tokens, self.wanted_engine = tokens, engine
        self._scale: InputScale | None = None
        self._first: Probe | None = None  # with which the scale was settled
        self._lock = threading.RLock()
        self._probe: Probe | None = None

    @property
    def name(self) -> str:
        """The run's, the file's, or the model's own."""
        if isinstance(self.given, Path):
            return self.given.stem
        return str(getattr(self.given, "name", "model" if self.saved is None else self.saved.source))

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change with any weight, with what the model is given, and with how it is read.

        A run needs no TensorFlow for it, nor does a file whose scale was settled before.
        """
        scale = self.scale
        how = f"{scale.given}{' assumed' if scale.assumed else ''}"
        if scale.name == AUTO and (not self._own or scale.given == UNIT.name):
            how = ""
        how = " ".join(filter(None, [how, self.tokens and f"tokens {self.tokens}"]))
        if not how:
            return self.weights
        return hashlib.sha256(f"{self.weights} {how}".encode()).hexdigest()[:16]

    @cached_property
    def weights(self) -> str:
        """16 hexadecimal digits that change with any weight; "no-model" where there is none."""
        if isinstance(self.given, Run):
            return self.given.manifest.model_sha256[:16]
        if isinstance(self.given, Path):
            return file_fingerprint(self.given)
        if self.saved is not None:
            return self.saved.fingerprint
        if self.given is None:
            return "no-model"
        from workbench.models.files.keras import fingerprint

        return fingerprint(self.given)

    @property
    def settled(self) -> bool:
        """Whether it is known without loading the model what that is given."""
        if self._scale is None and self._wanted not in (AUTO, FIND):
            self._scale = InputScale(name=self._wanted, given=self._wanted)
        if self._scale is None and self._wanted == AUTO and not self._own:
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
        if not self.settled:
            with self._lock:
                if not self.settled:
                    self._scale = self._settle()
                    if self.cache:
                        arrays = {name: np.array(value) for name, value in asdict(self._scale).items()}
                        save_arrays(self._scale_path, {**arrays, "code": np.array(code_digest())})
        return cast("InputScale", self._scale)

    @property
    def _own(self) -> bool:
        """Whether the model is somebody's own: nothing tells what it was trained on."""
        return self.given is not None and not isinstance(self.given, Run)

    @property
    def _scale_path(self) -> Path:
        return cache_folder() / "results" / f"{self.weights}-{self.dataset.fingerprint}" / f"{self._wanted}.npz"

    def _settle(self) -> InputScale:
        """Find what the model is given, by accuracy if need be."""
        if self._wanted == FIND:
            from workbench.models.preprocessing_search import find_preprocessing

            path = self._scale_path.with_name("found.npz") if self.cache else None
            found, name = find_preprocessing(lambda: self.loaded, self.dataset, path)
            if name != AUTO:
                return InputScale(name=name, given=name, found=found)
            return replace(self._shown() if self._own else InputScale(), found=found)
        return self._shown()

    def _shown(self) -> InputScale:
        """Take what the model itself shows, and say where images speak against it; or else measure it."""
        from workbench.models.scale_measurement import doubt_scale, measure_scale

        probe = self._first = self._looked_at(AUTO)
        if not probe.assumption:
            return InputScale(given=probe.preprocessing.name, doubt=doubt_scale(probe, self.dataset))
        return measure_scale(probe, self.dataset)

    def _looked_at(self, given: str) -> Probe:
        """Return a probe of the model.

        Raises:
            WorkbenchError: if it does not fit the data.
        """
        from workbench.models.probe import Probe

        probe = Probe(
            self.loaded, self.dataset.image_shape, given=given, examples=self._some_images, tokens=self.tokens
        )
        if probe.classes != len(self.dataset.class_names):
            from workbench.data.class_names import other_count

            gives = (
                "has one output unit, which tells two classes apart"
                if probe.one_unit
                else f"gives {probe.classes} scores per image"
            )
            raise WorkbenchError(
                f"The model {gives}. {self.dataset.name!r} has {plural(len(self.dataset.class_names), 'class')}"
                f"{other_count(self.dataset, probe.classes)}"
            )
        return probe

    @property
    def only_predictions(self) -> bool:
        """Whether the model is not here, and only what it said of the images."""
        return self.saved is not None

    @property
    def inference_only(self) -> bool:
        """Whether the model gives predictions and no gradients or layers; known without loading it."""
        if self.only_predictions:
            return True
        if isinstance(self.given, Path):
            return is_inference_only(self.given)
        return bool(getattr(self.given, "inference_only", ""))

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
        with self._lock:
            if self._probe is None:
                scale, probe = self.scale, self._first
                if probe is None or scale.given != probe.preprocessing.name:
                    probe = self._looked_at(scale.name)
                probe.assumption = scale.assumed or scale.doubt
                kept = (
                    cache_folder() / "engines" / f"{self.fingerprint}-{self.wanted_engine}.npz" if self.cache else None
                )
                probe.pass_forward_by(self.wanted_engine, kept)
                self._probe = probe
            return self._probe

    def _some_images(self) -> Array:
        """`(n, H, W, C)` float32 images of the data, at most 200 of all classes."""
        return self.dataset.floats(np.sort(balanced_rows(self.dataset.labels, min(200, len(self.dataset)), 0)))

    @cached_property
    def loaded(self) -> keras.Model:
        """The Keras model, or what stands for one that gives predictions only.

        Raises:
            WorkbenchError: if it cannot be read, or there is none.
        """
        if isinstance(self.given, Run):
            return self.given.load_model()
        if isinstance(self.given, Path):
            from workbench.models.files import load_model

            return load_model(
                self.given,
                classes=len(self.dataset.class_names),
                image_shape=self.dataset.image_shape,
                cache=self.cache,
            )
        if self.given is None:
            there = "images" if self.saved is None else "its predictions"
            raise WorkbenchError(
                f"There is no model here, only {there}: open a run, or a model file, to ask about a model."
            )
        return self.given
