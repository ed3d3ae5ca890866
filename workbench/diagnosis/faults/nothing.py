"""No fault at all: a control."""

from __future__ import annotations

from workbench.diagnosis.planting.fault import Fault


class Nothing(Fault):
    """An ordinary network on clean data; nothing above "mild" should be found."""
