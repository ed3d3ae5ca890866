"""A user's own data: one .npz file in the Keras convention, x_train, y_train, x_test, y_test, class_names."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from workbench.contracts import Array, Dataset
from workbench.errors import Unavailable, WorkbenchError, unknown

SPLITS = ("train", "test")


def load_npz(path: str | Path, split: str = "test") -> Dataset:
    """Load one split of an .npz file.

    Images: `x_<split>`, `(N, H, W)` or `(N, H, W, C)` with C = 1 or 3, uint8, or float in [0, 1], which is rounded to
    256 steps. Labels: `y_<split>`, `(N,)` or `(N, 1)` whole numbers from 0, or `(N, K)` one-hot. `class_names`: K
    texts; without them the classes are "0", "1", … up to the highest label of both splits.

    Args:
        path: the file; it needs to hold only one of the two splits.
        split: "train" or "test".

    Raises:
        Unavailable: if there is no such file, or it does not hold this split.
        WorkbenchError: if an array is not what it should be.
    """
    path = Path(path)
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    with _opened(path) as arrays:
        held = [part for part in SPLITS if f"x_{part}" in arrays and f"y_{part}" in arrays]
        if split not in held:
            there = ", ".join(arrays) or "nothing"
            raise (Unavailable if held else WorkbenchError)(
                f"{path.name} must hold the arrays x_{split} and y_{split}. It holds {there}."
            )
        labels = {part: _labels(_array(arrays, f"y_{part}", path), f"y_{part} of {path.name}") for part in held}
        count = 1 + max(int(values.max(initial=0)) for values in labels.values())
        names = _class_names(arrays, path, count)
        images = _images(_array(arrays, f"x_{split}", path), f"x_{split} of {path.name}")
    if len(images) != len(labels[split]):
        raise WorkbenchError(
            f"x_{split} and y_{split} of {path.name} must be equally long. Got {len(images)} images and "
            f"{len(labels[split])} labels."
        )
    return Dataset(images, labels[split], names, np.arange(len(images)), f"{path.stem}/{split}")


def _opened(path: Path) -> np.lib.npyio.NpzFile:
    """Open the archive; its arrays are read when asked for."""
    if not path.is_file():
        beside = sorted(file.name for file in path.parent.glob("*.npz")) if path.parent.is_dir() else []
        raise Unavailable(f"{unknown('data file', path.name, beside)} Looked in {path.parent.resolve()}.")
    if not zipfile.is_zipfile(path):
        raise WorkbenchError(f"{path.name} is not an .npz file as `numpy.savez` writes it: cut off, or another format.")
    try:
        opened = np.load(path, allow_pickle=False)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise WorkbenchError(f"{path.name} cannot be read: {error}.") from None
    if not isinstance(opened, np.lib.npyio.NpzFile):
        raise WorkbenchError(f"{path.name} is not an .npz file as `numpy.savez` writes it.")
    return opened


def _array(arrays: Mapping[str, Array], name: str, path: Path) -> Array:
    """Read one array; what would have to be unpickled, and so could run code, is refused."""
    try:
        array = arrays[name]
    except ValueError as error:
        if "pickle" in str(error):
            raise WorkbenchError(
                f"{name} of {path.name} holds pickled Python objects, which could run code when read: refused. "
                "Save it as an array of numbers or of text (`np.array(names, dtype=str)`)."
            ) from None
        raise WorkbenchError(f"{name} of {path.name} is damaged: {error}.") from None
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, MemoryError) as error:
        raise WorkbenchError(f"{name} of {path.name} is damaged: {error or type(error).__name__}.") from None
    if not isinstance(array, np.ndarray):
        raise WorkbenchError(f"{name} of {path.name} is not an array.")
    return array


def _images(images: Array, what: str) -> Array:
    """Return images as `(N, H, W, C)` uint8."""
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


def _labels(labels: Array, what: str) -> Array:
    """Return labels as `(N,)` int64."""
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


def _class_names(arrays: Mapping[str, Array], path: Path, count: int) -> tuple[str, ...]:
    """Return the names in the file, or "0", "1", … for `count` classes."""
    if "class_names" not in arrays:
        return tuple(str(number) for number in range(count))
    names = _array(arrays, "class_names", path)
    if names.ndim != 1 or names.dtype.kind not in "US":
        raise WorkbenchError(
            f"class_names of {path.name} must be K texts, shape (K,). Got {names.dtype} of shape {names.shape}."
        )
    if len(names) < count:
        raise WorkbenchError(
            f"{path.name} names {len(names)} classes, so labels must lie in 0…{len(names) - 1}. Got {count - 1}."
        )
    return tuple(name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in names.tolist())


def _chunks(count: int, size: int = 4096) -> Iterator[slice]:
    for start in range(0, count, size):
        yield slice(start, start + size)
