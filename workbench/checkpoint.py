"""Half-finished trainings: written after each epoch, whole at any moment at which the power may fail."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from workbench.errors import unknown
from workbench.params import Params
from workbench.recipes import RECIPES, Recipe, recipe

STATE = "state.json"


class TrainingJob(Params):
    """What to train on what, and how.

    Attributes:
        recipe_name: the recipe that `recipe` started from; only noted down.
        dataset: name of a data set, or path of an `.npz` file.
    """

    architecture: str = "baseline"
    recipe_name: str = "tuned"
    recipe: Recipe = Field(default_factory=recipe)
    seed: int = Field(0, ge=0, lt=2**32)
    dataset: str = "fashion-mnist"
    data_dir: str | None = None

    @classmethod
    def plan(cls, recipe_name: str = "tuned", changes: dict[str, Any] | None = None, **others: Any) -> TrainingJob:
        """Build a job from a recipe's name, the settings to change (None leaves one), and the other fields."""
        if recipe_name not in RECIPES:
            raise unknown("recipe", recipe_name, RECIPES)
        return cls(recipe_name=recipe_name, recipe=recipe(recipe_name, changes), **others)
