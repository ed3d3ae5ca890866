"""How a network is trained: every number that may be turned, settings of them that have a name, and a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from workbench.core.errors import WorkbenchError, unknown
from workbench.core.params import Params, make

DECAYING = ("adamw", "sgd")
"""Optimizers that take a weight decay."""


class Recipe(Params):
    """Settings of training; the defaults are the report's. The loss is cross-entropy over the classes."""

    epochs: int = Field(10, ge=1, le=1000, description="How often the training images are gone through.")
    batch_size: int = Field(32, ge=1, le=4096, description="Images in one step of the optimizer.")
    learning_rate: float = Field(1e-3, gt=0, le=1, description="Step size; the highest one, where it has a schedule.")
    validation_split: float = Field(
        0.1, ge=0, le=0.9, description="Share at the end of the training images that is kept for validation."
    )
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop"] = Field(
        "adam", description="adamw is Adam with decoupled weight decay; sgd has Nesterov momentum."
    )
    momentum: float = Field(0.9, ge=0, lt=1, description="Momentum of sgd; the others have their own.")
    weight_decay: float = Field(0.0, ge=0, le=1, description="Pull of the weights to zero, decoupled; adamw and sgd.")
    schedule: Literal["constant", "one-cycle", "cosine", "reduce-on-plateau"] = Field(
        "constant",
        description="one-cycle: the step size rises linearly, then falls to zero along a cosine; cosine: it falls from "
        "the first step; reduce-on-plateau: it falls when the validation loss no longer does.",
    )
    warm_up: float = Field(0.1, ge=0, lt=1, description="Share of all steps that one-cycle rises for.")
    cycles: int = Field(1, ge=1, le=100, description="How often cosine starts again from the highest step size.")
    plateau_factor: float = Field(0.5, gt=0, lt=1, description="What reduce-on-plateau multiplies the step size by.")
    plateau_patience: int = Field(
        3, ge=1, le=1000, description="Epochs without a lower validation loss before it does."
    )
    patience: int = Field(
        0,
        ge=0,
        le=1000,
        description="Stop early after this many epochs without a lower validation loss, and keep the best weights; "
        "0: never.",
    )
    min_delta: float = Field(
        0.0, ge=0, le=10, description="How much lower, in nats, a validation loss must be to count as lower."
    )
    averaging: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Momentum of a running mean of the weights, which is what is measured and saved; 0: none.",
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="Share of each label that is spread over all classes.")
    class_weights: Literal["none", "balanced"] = Field(
        "none", description="balanced: every class weighs the same in the loss, however many images it has."
    )
    mixed_precision: bool = Field(False, description="Compute in float16 where there is a GPU; float32 elsewhere.")
    frozen_epochs: int = Field(
        0, ge=0, le=1000, description="Epochs at the start in which a transferred backbone is not changed."
    )
    unfrozen_rate: float = Field(
        0.1, gt=0, le=1, description="What the step size is multiplied by once the backbone is changed too."
    )
    flip: bool = Field(False, description="Mirror each training image left to right, or not, at random.")
    shift: int = Field(0, ge=0, le=64, description="Move each training image by up to this many pixels each way.")
    rotation: float = Field(0.0, ge=0, le=180, description="Turn each training image by up to this many degrees.")
    zoom: float = Field(0.0, ge=0, le=0.9, description="Enlarge or shrink it by up to this share.")
    brightness: float = Field(0.0, ge=0, le=1, description="Make it lighter or darker by up to this share of white.")
    contrast: float = Field(0.0, ge=0, le=0.99, description="Stretch or squeeze its contrast by up to this share.")
    erasing: float = Field(0.0, ge=0, le=1, description="Share of the images in which a rectangle is made noise.")
    erasing_size: float = Field(0.33, ge=0.02, le=1, description="Largest share of an image that is erased.")

    @model_validator(mode="after")
    def _fits_together(self) -> Recipe:
        """See that no setting is asked for that another one leaves without effect."""
        if self.weight_decay and self.optimizer not in DECAYING:
            raise WorkbenchError(
                f"`weight_decay` works with the optimizers {' and '.join(DECAYING)}. Got {self.weight_decay:g} with "
                f"{self.optimizer!r}. Set it to 0, or choose one of those."
            )
        if not self.validation_split and self.watches_validation:
            what = "`patience`" if self.patience else "The schedule 'reduce-on-plateau'"
            raise WorkbenchError(
                f"{what} looks at the validation loss, and `validation_split` is 0: keep some images for validation."
            )
        if self.cycles > 1 and self.schedule != "cosine":
            raise WorkbenchError(
                f"`cycles` belongs to the schedule 'cosine'. Got {self.cycles} with {self.schedule!r}."
            )
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
        seed: of the first weights, the order of the images, augmentation and dropout.
        dataset: name of a data set, or path of its file or folder.
        data_dir: folder to look for the data first.
        reading: how data of one's own is read, as `load_dataset` takes it: `class_names`, `image_size` and so on.
        weights: what a transferred backbone starts from: "imagenet", "none", or a file; of no effect elsewhere.
        deterministic: compute on one thread and in one order, so that the same job gives the same bits.
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

    @classmethod
    def plan(cls, recipe_name: str = "tuned", changes: Mapping[str, Any] | None = None, **others: Any) -> TrainingJob:
        """Build a job from a recipe's name, the settings to change (None leaves one), and the other fields.

        Raises:
            WorkbenchError: if a name is unknown or a value is out of its range.
        """
        return make(cls, {"recipe_name": recipe_name, "recipe": recipe(recipe_name, changes), **others})
