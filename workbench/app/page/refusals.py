"""Why a question is not answered now: not the fault of who asked."""

from __future__ import annotations

from workbench.core.errors import Unavailable


class Busy(Unavailable):
    """It cannot be answered now, and can a little later."""


class TooMany(Busy):
    """One client has asked enough for now."""
