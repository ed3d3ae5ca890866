"""Deletion."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from workbench.core.types import Array
from workbench.data.objects import background_images
from workbench.faithfulness.measure import Better, Subject
from workbench.faithfulness.scoring import references
from workbench.faithfulness.turning import Turning


class Deletion(Turning):
    """Mean probability of the class while pixels are deleted, largest values first.

    Area under the curve by the trapezoid rule. Source: Petsiuk et al. 2018, arXiv:1806.07421, section 4, deletion.
    """

    title: ClassVar[str] = "Deletion"
    paper: ClassVar[str] = "arXiv:1806.07421, sec. 4"
    better: ClassVar[Better] = "lower"
    use: ClassVar[str] = (
        "Tells whether deleting pixels removes the class; not much if the reference is like the background."
    )

    reference: Annotated[
        Literal["black", "grey", "white", "mean", "blurred", "background"],
        Field(description="value of deleted pixels: one colour, the blurred image, or its background colour"),
    ] = "black"

    def formula(self, subject: Subject) -> Array:
        """`(N,)` in [0, 1]."""
        if self.reference == "background":
            ends = np.broadcast_to(background_images(subject.images, subject.objects), subject.images.shape)
        else:
            ends = references(subject, self.reference)
        return self.areas(subject, subject.images, ends)
