"""Feature maps of some images of a data set, which are decoded a batch at a time."""

from __future__ import annotations

import numpy as np

from workbench.core.dataset import Dataset
from workbench.core.types import Array
from workbench.models.probe import Probe


def read_maps(probe: Probe, data: Dataset, rows: Array, layer: str) -> Array:
    """`(n, h, w, F)` feature maps of the images of `rows`, at least one."""
    parts = [rows[start : start + probe.max_rows] for start in range(0, len(rows), probe.max_rows)]
    return np.concatenate([probe.feature_maps(data.floats(part), layer) for part in parts])
