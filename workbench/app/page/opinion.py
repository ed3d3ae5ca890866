"""What is known so far of how far a map may be believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workbench.core.attribution import Attribution, Verdict
from workbench.core.types import Array

if TYPE_CHECKING:
    from workbench.session.session import Session


@dataclass(frozen=True)
class Weights:
    """State of the test that draws the network's weights anew.

    Attributes:
        state: "known", "waiting" until the machine is idle, "running" or "failed".
        detail: how far it is, or why it failed.
    """

    state: Literal["known", "waiting", "running", "failed"]
    detail: str = ""


@dataclass(frozen=True, eq=False)
class Case:
    """A map that is or was on screen.

    Attributes:
        pixels: the image `(H, W, C)` uint8 that it explains.
        attribution: the map.
        session: whose model was explained; None for the page's own.
    """

    pixels: Array
    attribution: Attribution
    session: Session | None = None


@dataclass(frozen=True)
class Opinion:
    """What is known about a map by now: no verdict yet, a verdict, or an error."""

    verdict: Verdict | None
    weights: Weights
    error: str = ""

    @property
    def open(self) -> bool:
        """Whether more will be known later."""
        return not self.error and (self.verdict is None or self.weights.state in ("waiting", "running"))
