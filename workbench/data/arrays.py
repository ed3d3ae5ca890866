"""Arrays of a user's -> images and labels as the workbench has them, or a sentence about what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.types import Array


def checked_images(images: Array, what: str) -> Array:
    """Return images as `(N, H, W, C)` uint8.

    Args:
        images: `(N, H, W)` or `(N, H, W, C)`, C = 1 or 3, uint8, or float in [0, 1], which is rounded to 256 steps.
        what: what the error calls them.

    Raises:
        WorkbenchError: if they are of another kind.
    """
    shaped = images[..., np.newaxis] if images.ndim == 3 else images
    if shaped.ndim != 4 or shaped.shape[3] not in (1, 3) or 0 in shaped.shape[1:]:
        alpha = " Drop the alpha channel with `x[..., :3]`." if shaped.ndim == 4 and shaped.shape[3] == 4 else ""
        raise WorkbenchError(
            f"{what} must have shape (N, H, W) or (N, H, W, C) with C = 1 or 3. Got {images.shape}.{alpha}"
        )
    if not len(images):
        raise WorkbenchError(f"{what} is empty.")
    if images.dtype == np.uint8:
        return shaped
    if images.dtype.kind != "f":
        raise WorkbenchError(f"{what} must be uint8, or float in [0, 1]. Got {images.dtype}.")
    whole = np.empty(shaped.shape, np.uint8)
    for rows in _chunks(len(shaped)):
        part = shaped[rows]
        low, high = float(part.min()), float(part.max())  # NaN if there is one
        if not np.isfinite([low, high]).all():
            raise WorkbenchError(f"{what} holds NaN or infinity. Pixels must be uint8, or float in [0, 1].")
        if low < 0 or high > 1:
            raise WorkbenchError(
                f"{what} must lie in [0, 1] where it is float. Got values from {low:g} to {high:g}; scale them, or "
                "save 0…255 as uint8."
            )
        whole[rows] = np.rint(part.astype(np.float64) * 255)
    return whole


def channels_last(images: Array, what: str) -> tuple[Array, tuple[str, ...]]:
    """Turn `(N, C, H, W)` images, as PyTorch has them, into `(N, H, W, C)`, where only that can be meant; and say so.

    Raises:
        WorkbenchError: if they have four channels, and these come first.
    """
    if images.ndim != 4 or images.shape[3] in (1, 3, 4) or images.shape[1] not in (1, 3, 4):
        return images, ()
    if images.shape[1] == 4:
        raise WorkbenchError(
            f"{what} has shape {images.shape}: four channels, and they come first. Save "
            "`x[:, :3].transpose(0, 2, 3, 1)`."
        )
    turned = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
    return turned, (f"{what} has its channels first, {images.shape}; transposed to {turned.shape}, (N, H, W, C)",)


def checked_labels(labels: Array, what: str) -> Array:
    """Return labels as `(N,)` int64.

    Args:
        labels: `(N,)` or `(N, 1)` whole numbers from 0, or `(N, K)` one-hot.
        what: what the error calls them.

    Raises:
        WorkbenchError: if they are of another kind.
    """
    if labels.dtype.kind not in "iufb":
        raise WorkbenchError(f"{what} must be whole numbers. Got {labels.dtype}.")
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise WorkbenchError(f"{what} holds NaN or infinity. Labels must be whole numbers from 0.")
    if labels.ndim == 2 and labels.shape[1] > 1:
        if not (np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all()):
            raise WorkbenchError(f"{what} has shape {labels.shape}, so each row must be one-hot: one 1, the rest 0.")
        return labels.argmax(axis=1)
    if labels.ndim not in (1, 2):
        raise WorkbenchError(f"{what} must have shape (N,), (N, 1), or (N, K) one-hot. Got {labels.shape}.")
    if labels.dtype.kind == "b" or (labels.dtype.kind == "f" and (labels != np.floor(labels)).any()):
        raise WorkbenchError(f"{what} must be whole numbers. Got {labels.dtype} with other values.")
    if len(labels) and (labels.min() < 0 or labels.max() > 9999):
        raise WorkbenchError(
            f"{what} must be labels from 0 to the number of classes - 1. Got {labels.min()}…{labels.max()}."
        )
    return labels.reshape(-1).astype(np.int64)


def _chunks(count: int, size: int = 4096) -> Iterator[slice]:
    for start in range(0, count, size):
        yield slice(start, start + size)
