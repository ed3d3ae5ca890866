"""A network that learned from pixels of another scale."""

from __future__ import annotations

from typing import ClassVar

from workbench.core.finding import Kind
from workbench.diagnosis.planting.fault import Fault, Fitting


class OtherScale(Fault):
    """The network is trained on pixels in 0…255, and tested on pixels in 0…1."""

    kind: ClassVar[Kind | None] = "preprocessing-mismatch"

    def fitting(self) -> Fitting:
        """Train without scaling."""
        return Fitting(unit=255.0)
