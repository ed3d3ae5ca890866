"""Insertion."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from workbench.core.types import Array
from workbench.data.blur import SHARE
from workbench.faithfulness.curves import blur_within
from workbench.faithfulness.measure import Better, Subject
from workbench.faithfulness.turning import Turning


class Insertion(Turning):
    """Mean probability of the class while pixels of the blurred image are restored, largest values first.

    Area under the curve by the trapezoid rule. Source: Petsiuk et al. 2018, arXiv:1806.07421, section 4, insertion.
    """

    title: ClassVar[str] = "Insertion"
    paper: ClassVar[str] = "arXiv:1806.07421, sec. 4"
    better: ClassVar[Better] = "higher"
    use: ClassVar[str] = "Tells whether few pixels bring the class back; not much where it survives the blur."

    blur: Annotated[
        float, Field(gt=0, le=1, description="standard deviation of the blur, as a share of the shorter side")
    ] = SHARE

    def formula(self, subject: Subject) -> Array:
        """`(N,)` in [0, 1]."""
        blurred = blur_within(subject.images, self.places(subject), self.blur)
        return self.areas(subject, blurred, subject.images)
