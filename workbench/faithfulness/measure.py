"""The contract of a measure: maps, and what made them -> how good each map is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from workbench.attribution.explainer import Explainer
from workbench.core import params
from workbench.core.attribution import Attribution
from workbench.core.errors import WorkbenchError
from workbench.core.params import Named
from workbench.core.types import Array
from workbench.data.objects import object_masks
from workbench.models.probe import Probe

Seed = Annotated[params.Seed, Field(description="random seed, also for the order of equal pixels")]
Better = Literal["higher", "lower", ""]
GRADIENT = "per unit of brightness"
"""How the unit ends of a map that shows the effect of a small change of a pixel, not its contribution."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Subject:
    """What is judged: the maps of some images, and what made them.

    Attributes:
        probe: the model.
        images: `(N, H, W, C)` float32 in [0, 1].
        attribution: their N maps, with the classes and the score that they explain.
        method: what made the maps, with its parameters; measures that ask it again do so with these.
        background: `(R, H, W, C)` images, for methods that compare with some.

    Raises:
        WorkbenchError: if there is not one image of the model's size for each map.
    """

    probe: Probe
    images: Array
    attribution: Attribution
    method: Explainer
    background: Array | None = None

    def __post_init__(self) -> None:
        wanted = (len(self.attribution), *self.probe.image_shape)
        if self.images.shape != wanted or self.images.dtype.kind != "f":
            raise WorkbenchError(
                f"`images` must be floats in [0, 1] of shape {wanted}, one for each map. "
                f"Got {self.images.dtype} of shape {self.images.shape}."
            )

    @cached_property
    def maps(self) -> Array:
        """`(N, H, W)` float32, one value a pixel."""
        return self.attribution.at_pixels()

    @cached_property
    def objects(self) -> Array:
        """`(N, H, W)` bool, where the object is; wholly True where it cannot be told from the background."""
        return object_masks(self.images)

    @property
    def of_changes(self) -> bool:
        """Whether the map is like a gradient: what a change of each pixel does, not what the pixel contributed."""
        return self.method.unit.endswith(GRADIENT)


class Measure(Named, ABC):
    """Base of all measures; the fields of a subclass are its parameters.

    The first line of a subclass's docstring says what its number is. A subclass states the paper's formula in
    `formula`; what all share is done here. An image's number never depends on the other images, and what is drawn at
    random is drawn with a seed and is the same for every image. Where a measure looks at a probability, it is that of
    the explained class, also where the map explains a logit; and where the map contrasts it with another class, it is
    the probability were only these two possible.

    Attributes:
        name: CLI name, the module's name with `-`.
        title: the measure's name as its paper writes it.
        paper: arXiv number with the equation or definition.
        unit: of the number; "score" stands for the explained score's own unit.
        better: whether "higher" or "lower" numbers are better; "" where the number only describes.
        use: what the number tells and what not, in one line.
        of_probability: whether it needs the probability of a class.
    """

    title: ClassVar[str] = ""
    paper: ClassVar[str] = ""
    unit: ClassVar[str] = ""
    better: ClassVar[Better] = ""
    use: ClassVar[str] = ""
    of_probability: ClassVar[bool] = False

    def missing(self, subject: Subject) -> str | None:
        """Say in a sentence why these maps cannot be measured, or None."""
        if self.of_probability and subject.probe.sigmoid:
            return (
                f"{self.title} needs the probability of a class. This model ends in one sigmoid per class, so its "
                "outputs are not a distribution over the classes."
            )
        return None

    def values(self, subject: Subject) -> Array:
        """Measure each map: `(N,)` float64, NaN where the number is not defined, as the class's docstring says.

        Raises:
            WorkbenchError: if the maps cannot be measured; with the reason.
        """
        if reason := self.missing(subject):
            raise WorkbenchError(reason)
        if len(subject.attribution) == 0:
            return np.zeros(0)
        return np.asarray(self.formula(subject), np.float64)

    @abstractmethod
    def formula(self, subject: Subject) -> Array:
        """`(N,)` numbers of N ≥ 1 maps."""
