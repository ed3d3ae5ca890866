"""Types and limits that all rooms share."""

from __future__ import annotations

from typing import Any, Literal

from numpy.typing import NDArray

Array = NDArray[Any]

MOST_AT_ONCE = 2**23
"""Values of the images of one batch: 32 MB as float32, 55 images of 224×224×3."""

Score = Literal["logit", "probability", "contrast"]
