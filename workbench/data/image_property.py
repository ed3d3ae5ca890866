"""The contract of an image property that a plug-in brings: pixels -> one number an image that one can see and name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from workbench.core.types import Array


class ImageProperty(ABC):
    """Base of what plug-ins measure of images, beside the properties of the workbench.

    Slices, shift and every other analysis that looks at properties look at these too. An image's number must not depend
    on the other images, and is finite.

    Attributes:
        words: what it is called in a sentence, "mean brightness".
        unit: of the number, "of 1".
    """

    words: ClassVar[str] = ""
    unit: ClassVar[str] = ""

    @abstractmethod
    def measure(self, pixels: Array) -> Array:
        """`(B, H, W, C)` float32 in [0, 1], large images shrunk to 64 pixels a side, to `(B,)` numbers."""
