"""What deletion and insertion share: an image that turns into another one in the order of its map."""

from __future__ import annotations

from abc import ABC
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from workbench.core.progress import report
from workbench.core.types import Array
from workbench.faithfulness.curves import area, curve, order_of
from workbench.faithfulness.measure import Measure, Seed, Subject

PART = 64
"""Images after which it is reported how far it is."""


class Turning(Measure, ABC):
    """Area under the curve of the class's probability while an image turns pixel by pixel into another one."""

    unit: ClassVar[str] = "probability"
    of_probability: ClassVar[bool] = True

    steps: Annotated[int, Field(ge=1, le=1000, description="steps in which pixels are changed")] = 28
    within: Annotated[
        Literal["all", "object"],
        Field(description="change all pixels, or only the object's (all, if it cannot be told from its background)"),
    ] = "all"
    seed: Seed = 0

    def places(self, subject: Subject) -> Array:
        """`(N, H, W)` bool, the pixels that turn."""
        return subject.objects if self.within == "object" else np.ones(subject.maps.shape, bool)

    def areas(self, subject: Subject, starts: Array, ends: Array) -> Array:
        """`(N,)` areas while `starts` turn into `ends`, `(N, H, W, C)` each, pixels of large values first."""
        within, total = self.places(subject), len(starts)
        order = order_of(subject.maps, within, self.seed)
        classes = subject.attribution
        found = []
        for start in range(0, total, PART):
            rows = slice(start, start + PART)
            curves = curve(
                subject.probe,
                starts[rows],
                ends[rows],
                order=order[rows],
                within=within[rows],
                target=classes.target[rows],
                against=None if classes.against is None else classes.against[rows],
                steps=self.steps,
            )
            found.append(area(curves))
            report(self.title, min(start + PART, total), total)
        return np.concatenate(found)
