"""How a network is trained: all settings, named recipes, and training jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from workbench.core.errors import WorkbenchError, unknown
from workbench.core.params import Params, make
from workbench.training.corrections import Corrections

DECAYING = ("adamw", "sgd")
"""Optimizers that take a weight decay."""


class Recipe(Params):
    """Training settings; the defaults are those of the report. The loss is cross-entropy over the classes."""

    epochs: int = Field(10, ge=1, le=1000, description="Passes over the training images.")
    batch_size: int = Field(32, ge=1, le=4096, description="Images per optimizer step.")
    learning_rate: float = Field(1e-3, gt=0, le=1, description="Learning rate; the peak rate of a schedule.")
    validation_split: float = Field(
        0.1, ge=0, le=0.9, description="Share of the training images, at the end, held out for validation."
    )
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop"] = Field(
        "adam", description="adamw is Adam with decoupled weight decay; sgd has Nesterov momentum."
    )
    momentum: float = Field(0.9, ge=0, lt=1, description="Momentum of sgd.")
    weight_decay: float = Field(0.0, ge=0, le=1, description="Decoupled weight decay (adamw, sgd).")
    schedule: Literal["constant", "one-cycle", "cosine", "reduce-on-plateau"] = Field(
        "constant",
        description="one-cycle: the learning rate rises linearly, then falls to zero along a cosine; cosine: it falls "
        "from the first step; reduce-on-plateau: it falls when the validation loss stops falling.",
    )
    warm_up: float = Field(0.1, ge=0, lt=1, description="Share of all steps in which one-cycle rises.")
    cycles: int = Field(1, ge=1, le=100, description="Number of cosine cycles, each from the peak learning rate.")
    plateau_factor: float = Field(0.5, gt=0, lt=1, description="Factor of reduce-on-plateau for the learning rate.")
    plateau_patience: int = Field(
        3, ge=1, le=1000, description="Epochs without a lower validation loss before reduce-on-plateau acts."
    )
    patience: int = Field(
        0,
        ge=0,
        le=1000,
        description="Early stopping: epochs without a lower validation loss, after which training ends with the best "
        "weights; 0: off.",
    )
    min_delta: float = Field(
        0.0, ge=0, le=10, description="Least decrease of the validation loss, in nats, that counts."
    )
    averaging: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Momentum of an exponential moving average of the weights, which is evaluated and saved; 0: off.",
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="Label smoothing: share of each label that is spread over all classes."
    )
    class_weights: Literal["none", "balanced"] = Field(
        "none", description="balanced: every class has the same weight in the loss, whatever its number of images."
    )
    mixed_precision: bool = Field(False, description="Mixed precision (float16) on a GPU; float32 elsewhere.")
    frozen_epochs: int = Field(
        0, ge=0, le=1000, description="Epochs at the start in which a pretrained backbone is frozen."
    )
    unfrozen_rate: float = Field(
        0.1, gt=0, le=1, description="Factor for the learning rate once the backbone is unfrozen."
    )
    flip: bool = Field(False, description="Augmentation: random horizontal flip.")
    shift: int = Field(0, ge=0, le=64, description="Augmentation: random shift by up to this many pixels.")
    rotation: float = Field(0.0, ge=0, le=180, description="Augmentation: random rotation by up to this many degrees.")
    zoom: float = Field(0.0, ge=0, le=0.9, description="Augmentation: random zoom in or out by up to this share.")
    brightness: float = Field(
        0.0, ge=0, le=1, description="Augmentation: random brightness change by up to this share of white."
    )
    contrast: float = Field(0.0, ge=0, le=0.99, description="Augmentation: random contrast change by up to this share.")
    erasing: float = Field(
        0.0, ge=0, le=1, description="Augmentation: share of images in which a random rectangle becomes noise."
    )
    erasing_size: float = Field(0.33, ge=0.02, le=1, description="Largest share of an image that is erased.")

    @model_validator(mode="after")
    def _fits_together(self) -> Recipe:
        """Reject settings that other settings leave without effect."""
        if self.weight_decay and self.optimizer not in DECAYING:
            raise WorkbenchError(
                f"`weight_decay` needs one of the optimizers {' and '.join(DECAYING)}. Got {self.weight_decay:g} with "
                f"{self.optimizer!r}. Set it to 0, or choose one of those."
            )
        if not self.validation_split and self.watches_validation:
            what = "`patience`" if self.patience else "The schedule 'reduce-on-plateau'"
            raise WorkbenchError(
                f"{what} needs a validation loss, but `validation_split` is 0. Hold out some images for validation."
            )
        if self.cycles > 1 and self.schedule != "cosine":
            raise WorkbenchError(f"`cycles` needs the schedule 'cosine'. Got {self.cycles} with {self.schedule!r}.")
        if self.frozen_epochs > self.epochs:
            raise WorkbenchError(f"`frozen_epochs` must be at most `epochs`, {self.epochs}. Got {self.frozen_epochs}.")
        return self

    @property
    def watches_validation(self) -> bool:
        """Whether what is done after an epoch depends on the validation loss."""
        return self.patience > 0 or self.schedule == "reduce-on-plateau"

    def without_validation(self, epochs: int) -> Recipe:
        """Return the recipe for a training of so many epochs on all images, with nothing that needs others."""
        changes: dict[str, Any] = {"validation_split": 0.0, "epochs": epochs, "patience": 0}
        changes["frozen_epochs"] = min(self.frozen_epochs, epochs)
        if self.schedule == "reduce-on-plateau":
            changes["schedule"] = "constant"
        return Recipe(**{**self.model_dump(), **changes})


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
    "transfer": Recipe(
        epochs=10,
        frozen_epochs=5,
        unfrozen_rate=0.02,
        batch_size=32,
        optimizer="adamw",
        weight_decay=0.01,
        schedule="one-cycle",
        label_smoothing=0.05,
        flip=True,
    ),
    "report": Recipe(),
}


def recipe(name: str = "tuned", changes: Mapping[str, Any] | None = None) -> Recipe:
    """Return a recipe by name with some settings changed; those that are None stay.

    Raises:
        WorkbenchError: if name or setting is unknown (offers the nearest), a value is out of its range, or two do not
            go together.
    """
    if name not in RECIPES:
        raise unknown("recipe", name, RECIPES)
    changed = {key: value for key, value in (changes or {}).items() if value is not None}
    return make(Recipe, {**RECIPES[name].model_dump(), **changed})


def as_in_a_file(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as a checkpoint has them, with lists for tuples, so that both are equal."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


class TrainingJob(Params):
    """What to train on what, and how.

    Attributes:
        architecture: name of a network.
        recipe_name: the recipe that `recipe` started from; only noted down.
        recipe: the settings.
        seed: seed for initial weights, order of the images, augmentation and dropout.
        dataset: name of a data set, or path of its file or folder.
        data_dir: folder to look for the data first.
        reading: how your own data is read, as `load_dataset` takes it: `class_names`, `image_size` and so on.
        weights: what a transferred backbone starts from: "imagenet", "none", or a file; of no effect elsewhere.
        deterministic: compute on one thread and in one order, so that the same job gives the same bits.
        corrections: what is changed in the training and validation images; None for nothing.
        checkpoints: after how many of the epochs, evenly spaced, weights are kept with the run.
    """

    architecture: str = "baseline"
    recipe_name: str = "tuned"
    recipe: Recipe = RECIPES["tuned"]
    seed: int = Field(0, ge=0, lt=2**32)
    dataset: str = "fashion-mnist"
    data_dir: str | None = None
    reading: Annotated[dict[str, Any], BeforeValidator(as_in_a_file)] = Field(default_factory=dict)
    weights: str = "imagenet"
    deterministic: bool = False
    corrections: Corrections | None = None
    checkpoints: int = Field(0, ge=0, le=1000)

    @classmethod
    def plan(cls, recipe_name: str = "tuned", changes: Mapping[str, Any] | None = None, **others: Any) -> TrainingJob:
        """Build a job from a recipe's name, the settings to change (None leaves one), and the other fields.

        Raises:
            WorkbenchError: if a name is unknown or a value is out of its range.
        """
        return make(cls, {"recipe_name": recipe_name, "recipe": recipe(recipe_name, changes), **others})
