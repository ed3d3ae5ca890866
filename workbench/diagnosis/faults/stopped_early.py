"""A network that has hardly been trained."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from workbench.core.finding import Kind
from workbench.diagnosis.planting.fault import Fault, Fitting


class StoppedEarly(Fault):
    """The training ends after one epoch, or after a share of the usual ones."""

    kind: ClassVar[Kind | None] = "underfitting"

    share: float = Field(0.01, gt=0, lt=1, description="share of the usual epochs, at least one epoch")

    def fitting(self) -> Fitting:
        """Train for a short time."""
        return Fitting(epochs=self.share)
