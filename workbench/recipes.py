"""How a network is trained: every number that may be turned, two settings of them that have a name, and a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from workbench.errors import unknown
from workbench.params import Params, make


class Recipe(Params):
    """Settings of training; the defaults are the report's. The loss is cross-entropy over the classes."""

    epochs: int = Field(10, ge=1, le=1000, description="How often the training images are gone through.")
    batch_size: int = Field(32, ge=1, le=4096, description="Images in one step of the optimizer.")
    learning_rate: float = Field(1e-3, gt=0, le=1, description="Step size; the highest one, where it has a schedule.")
    validation_split: float = Field(
        0.1, ge=0, le=0.9, description="Share at the end of the training images that is kept for validation."
    )
    optimizer: Literal["adam", "adamw"] = Field("adam", description="adamw is Adam with decoupled weight decay.")
    weight_decay: float = Field(0.0, ge=0, le=1, description="Pull of the weights to zero; used by adamw only.")
    schedule: Literal["constant", "one-cycle"] = Field(
        "constant", description="one-cycle: the step size rises linearly, then falls to zero along a cosine."
    )
    warm_up: float = Field(0.1, ge=0, lt=1, description="Share of all steps that one-cycle rises for.")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="Share of each label that is spread over all classes.")
    flip: bool = Field(False, description="Mirror each training image left to right, or not, at random.")
    shift: int = Field(0, ge=0, le=64, description="Move each training image by up to this many pixels each way.")


RECIPES: Mapping[str, Recipe] = {
    "tuned": Recipe(
        epochs=20,
        batch_size=16,
        learning_rate=1e-3,
        optimizer="adamw",
        weight_decay=0.05,
        schedule="one-cycle",
        label_smoothing=0.05,
        flip=True,
    ),
    "augmented": Recipe(
        epochs=18,
        batch_size=128,
        learning_rate=4e-3,
        optimizer="adamw",
        weight_decay=0.05,
        schedule="one-cycle",
        warm_up=0.2,
        label_smoothing=0.05,
        flip=True,
        shift=2,
    ),
    "report": Recipe(),
}


def recipe(name: str = "tuned", changes: Mapping[str, Any] | None = None) -> Recipe:
    """Return a recipe by name with some settings changed; those that are None stay.

    Raises:
        WorkbenchError: if name or setting is unknown (offers the nearest), or a value is out of its range.
    """
    if name not in RECIPES:
        raise unknown("recipe", name, RECIPES)
    changed = {key: value for key, value in (changes or {}).items() if value is not None}
    return make(Recipe, {**RECIPES[name].model_dump(), **changed})


class TrainingJob(Params):
    """What to train on what, and how.

    Attributes:
        architecture: name of a network.
        recipe_name: the recipe that `recipe` started from; only noted down.
        recipe: the settings.
        seed: of the first weights, the order of the images, augmentation and dropout.
        dataset: name of a data set, or path of an `.npz` file.
        data_dir: folder to look for the data first.
    """

    architecture: str = "baseline"
    recipe_name: str = "tuned"
    recipe: Recipe = RECIPES["tuned"]
    seed: int = Field(0, ge=0, lt=2**32)
    dataset: str = "fashion-mnist"
    data_dir: str | None = None

    @classmethod
    def plan(cls, recipe_name: str = "tuned", changes: Mapping[str, Any] | None = None, **others: Any) -> TrainingJob:
        """Build a job from a recipe's name, the settings to change (None leaves one), and the other fields.

        Raises:
            WorkbenchError: if a name is unknown or a value is out of its range.
        """
        return make(cls, {"recipe_name": recipe_name, "recipe": recipe(recipe_name, changes), **others})
