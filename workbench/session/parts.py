"""The parts of the data besides the one under study, each loaded when it is first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from workbench.core.dataset import Dataset
from workbench.core.image_set import OTHERS, Part

Loaded = Dataset | Callable[[], Dataset | None] | None
"""Images, or what loads them; None where there are none."""


class Parts:
    """The training, validation and test images, as far as they are known; safe to use from several threads.

    Args:
        given: of each part, its images, or what loads them.
    """

    def __init__(self, given: Mapping[Part, Loaded]) -> None:
        self._given = dict(given)
        self._lock = threading.RLock()

    def known(self) -> tuple[Part, ...]:
        """Which there are, or may be: nothing is loaded to tell."""
        return tuple(part for part in OTHERS if self._given.get(part) is not None)

    def load(self, part: Part) -> Dataset | None:
        """Return the images of a part, loaded at the first call; None where they are not known."""
        with self._lock:
            given = self._given.get(part)
            if callable(given):
                given = self._given[part] = given()
            return given
