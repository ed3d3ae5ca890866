"""Pixels as numbers: bytes and the floats that a model is given."""

from __future__ import annotations

import numpy as np

from workbench.core.types import Array


def as_floats(images: Array) -> Array:
    """Return pixels as float32 in [0, 1], of any shape: bytes are divided by 255, floats lie there already."""
    floats = np.asarray(images, np.float32)
    return floats / np.float32(255) if np.asarray(images).dtype == np.uint8 else floats
