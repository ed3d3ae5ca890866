"""What made a run, and what came out: the content of its run.json."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from workbench.core.params import make
from workbench.training.corrections import AppliedCorrections
from workbench.training.recipes import Recipe, TrainingJob


class Manifest(BaseModel):
    """The content of run.json.

    Attributes:
        recipe: name of the recipe it started from; `settings` has the values that were used.
        epochs: how many were trained; fewer than `settings` says where training stopped early.
        best_epoch: the one with the lowest validation loss, counted from 1; its weights are the model's where the
            recipe has a `patience`. None without validation, and in older runs.
        dataset: name of a data set, or path of its file or folder.
        reading: how that was read, where its source leaves it open, as `load_dataset` takes it.
        dataset_fingerprints: by split: "train", "test", and "validation" where that is a part of its own, not the end
            of the training part.
        validation: which images were measured after each epoch, in words; empty in older runs.
        metrics: by split ("validation", "test"): "accuracy" and "loss" (nats).
        seconds: wall time of training, over all its parts if it was resumed.
        weights: what a transferred backbone started from; of no meaning elsewhere.
        parameters: how many the model has.
        model_sha256: of model.keras; a run whose model was exchanged is not opened.
        files: SHA-256 of the other files beside it, by name; none in older runs.
        checksum: of all the rest of the manifest; empty in older runs.
        corrections: what was changed in the training and validation images; None for nothing.
        preprocessing: name of what the model is given for an image in [0, 1]; "auto" is told by its own layers.
    """

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    name: str
    architecture: str
    recipe: str
    settings: dict[str, Any]
    seed: int
    epochs: int
    dataset: str
    dataset_fingerprints: dict[str, str]
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    versions: dict[str, str]
    git_revision: str | None
    metrics: dict[str, dict[str, float]]
    seconds: float
    created: str
    parameters: int
    model_sha256: str = ""
    files: dict[str, str] = Field(default_factory=dict)
    checksum: str = ""
    best_epoch: int | None = None
    validation: str = ""
    weights: str = "imagenet"
    reading: dict[str, Any] = Field(default_factory=dict)
    preprocessing: str = "auto"
    corrections: AppliedCorrections | None = None

    def job(self) -> TrainingJob:
        """Return the job that trains such a run again, on the data as it is.

        Raises:
            WorkbenchError: if it has settings that there are no more.
        """
        settings = {key: value for key, value in self.settings.items() if key in Recipe.model_fields}
        return make(
            TrainingJob,
            {
                "architecture": self.architecture,
                "recipe_name": self.recipe,
                "recipe": make(Recipe, settings),
                "seed": self.seed,
                "dataset": self.dataset,
                "reading": self.reading,
                "weights": self.weights,
            },
        )
