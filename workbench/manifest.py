"""What made a run, and what came out: the content of its run.json."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Manifest(BaseModel):
    """The content of run.json.

    Attributes:
        recipe: name of the recipe it started from; `settings` has the values that were used.
        dataset_fingerprints: by split ("train", "test").
        metrics: by split ("validation", "test"): "accuracy" and "loss" (nats).
        seconds: wall time of training, over all its parts if it was resumed.
        parameters: how many the model has.
        model_sha256: of model.keras; a run whose model was exchanged is not opened.
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
