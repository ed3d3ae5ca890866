"""Methods that go back from the scores to the pixels through one layer after the other."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar

from workbench.attribution.explainer import Explainer
from workbench.models.probe import Probe


class LayerByLayer(Explainer, ABC):
    """Base of the methods that need a rule for every layer on the way."""

    signed: ClassVar[bool] = True

    @classmethod
    def missing(cls, probe: Probe) -> str | None:
        blocked = cls.blocked(probe)
        none = f"{cls.title} goes back layer by layer. This model has no way through {blocked}."
        return super().missing(probe) or (none if blocked else None)

    @classmethod
    def blocked(cls, probe: Probe) -> str:
        """Name the first layer that there is no way through, and say why; empty where there is none."""
        return probe.impassable
