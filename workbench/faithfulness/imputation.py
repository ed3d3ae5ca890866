"""Pixels that were taken away, filled in from those around them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from workbench.core.types import Array

BESIDE, DIAGONAL = 1 / 6, 1 / 12
"""Weights of a pixel's neighbours: four that share an edge with it, four that share a corner."""


@lru_cache(8)
def _balance(height: int, width: int) -> Any:
    """`(HW, HW)` sparse matrix A: A x = 0 says that every pixel is the weighted mean of its neighbours in the image."""
    from scipy import sparse

    numbers = np.arange(height * width).reshape(height, width)
    found = []
    for down, right, weight in ((0, 1, BESIDE), (1, 0, BESIDE), (1, 1, DIAGONAL), (1, -1, DIAGONAL)):
        one = numbers[: height - down, max(0, -right) : width - max(0, right)].ravel()
        other = numbers[down:, max(0, right) : width - max(0, -right)].ravel()
        found.append(sparse.coo_array((np.full(len(one), weight), (one, other)), (height * width,) * 2))
    half = sum(found[1:], found[0])
    weights = (half + half.T).tocsr()
    return (sparse.diags_array(weights.sum(axis=1)) - weights).tocsr()


def impute(image: Array, removed: Array) -> Array:
    """Fill in pixels so that each is the weighted mean of its up to eight neighbours, filled in or not.

    Source: Rong et al. 2022, arXiv:2202.00449, noisy linear imputation, without the noise.

    Args:
        image: `(H, W, C)`.
        removed: `(H, W)` bool, not wholly True.

    Returns:
        `(H, W, C)` float64.
    """
    from scipy.sparse.linalg import splu

    gone = removed.ravel()
    filled = image.reshape(len(gone), -1).astype(np.float64)
    if not gone.any():
        return filled.reshape(image.shape)
    rows = _balance(*removed.shape)[gone]
    known = -(rows[:, ~gone] @ filled[~gone])
    # Symmetric and positive definite, so neither pivots nor a general ordering are needed.
    solver = splu(
        rows[:, gone].tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
    )
    filled[gone] = solver.solve(known)
    return filled.reshape(image.shape)
