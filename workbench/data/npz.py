"""A user's own data: one .npz file in the Keras convention, x_train, y_train, x_test, y_test, class_names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from workbench.core.array_file import ArrayFile, UnreadableArrays
from workbench.core.dataset import Dataset
from workbench.core.errors import Unavailable, WorkbenchError, unknown
from workbench.core.types import Array
from workbench.core.wording import plural
from workbench.data.arrays import channels_last, checked_images, checked_labels
from workbench.data.class_names import begin_at_one, from_one, matching_names, starts_at_one, with_names
from workbench.data.folder.part_words import part_and_rest

SPLITS = ("train", "test", "validation")
IMAGES = ("x", "images", "image", "imgs", "data")
LABELS = ("y", "labels", "label", "targets", "target")
"""What arrays may be called beside the word for their part, in lower case: x_test, test_images, X. Keras' first."""
WHOLE = ""
"""The part of arrays whose names say none."""


def holds_arrays(path: Path) -> bool:
    """Whether a file is a zip archive of arrays, whatever it is called."""
    try:
        with ArrayFile(path) as arrays:
            return bool(arrays) and arrays.only_arrays
    except (FileNotFoundError, UnreadableArrays):
        return False


def parts_of(path: str | Path, test_share: float = 0.2) -> tuple[str, ...]:
    """Return the parts that an .npz file holds or is split into, of "train", "test", "validation".

    Raises:
        WorkbenchError: if it holds no images with labels.
    """
    path = Path(path)
    with _opened(path) as arrays:
        held = _pairs(arrays)
        if not held:
            raise WorkbenchError(_lacking(path, "test", arrays))
        return ("train", *(["test"] if test_share else [])) if WHOLE in held else tuple(held)


def load_npz(
    path: str | Path,
    split: str = "test",
    class_names: tuple[str, ...] | None = None,
    *,
    seed: int = 0,
    test_share: float = 0.2,
) -> Dataset:
    """Load one split of an .npz file.

    Images: `x_<split>` (also `x_val`), `(N, H, W)` or `(N, H, W, C)` with C = 1 or 3, uint8, or float in [0, 1], which
    is rounded to 256 steps; `(N, C, H, W)` is transposed. Labels: `y_<split>`, `(N,)` or `(N, 1)` whole numbers from 0,
    or `(N, K)` one-hot. `class_names`: K texts; without them the classes are "0", "1", … up to the highest label of all
    splits. Other names that say the same are read too (`test_images`, `images_test`, `X_test`); `X` and `y` alone are
    shuffled, and a share of each class is held out as the test part.

    Args:
        path: the file; it needs to hold only one of the splits.
        split: "train", "test" or "validation".
        class_names: names to be used in place of the file's.
        seed: of the shuffling of images that have no parts.
        test_share: share of each class of these that becomes the test part.

    Raises:
        Unavailable: if there is no such file, or it does not hold this split.
        WorkbenchError: if an array is not what it should be.
    """
    path = Path(path)
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    with _opened(path) as arrays:
        held = _pairs(arrays)
        own = WHOLE if WHOLE in held and split != "validation" else split
        if own not in held:
            raise (Unavailable if held else WorkbenchError)(_lacking(path, split, arrays))
        labels = {part: checked_labels(_array(arrays, y, path), f"{y} of {path.name}") for part, (_, y) in held.items()}
        every = np.unique(np.concatenate(list(labels.values())))
        count = 1 + int(every.max(initial=0))
        if class_names is not None or "class_names" in arrays:
            given = class_names if class_names is not None else _array(arrays, "class_names", path)
            _refuse_from_one(every, len(given), path)
        names = _class_names(arrays, path, count)
        named = "class_names" in arrays
        if class_names is not None and not named:
            names = matching_names(class_names, names, path.name, named=False)
        x, y = held[own]
        what = f"{x} of {path.name}"
        images, notes = channels_last(_array(arrays, x, path), what)
        images = checked_images(images, what)
    if len(images) != len(labels[own]):
        raise WorkbenchError(
            f"{x} and {y} of {path.name} must have the same length. Got {plural(len(images), 'image')} and "
            f"{plural(len(labels[own]), 'label')}."
        )
    chosen = labels[own]
    if (x[:2], y[:2]) != ("x_", "y_"):
        notes = (f"images are {x}, labels {y}", *notes)
    if own == WHOLE:
        rows, tested = _split(chosen, split, seed, test_share)
        if not len(rows):
            raise Unavailable(f"{path.name} has no {split} part: {100 * test_share:g} % of each class are no image.")
        images, chosen = images[rows], chosen[rows]
        share = f"{100 * test_share:g} % of each class held out as test part, {plural(tested, 'image')} (seed {seed})"
        notes = (*notes, f"no train and test arrays: {share}")
    dataset = Dataset(
        images,
        chosen,
        class_names=names,
        indices=np.arange(len(images)),
        name=f"{path.stem}/{split}",
        notes=(*notes, *starts_at_one(every.tolist(), names)),
    )
    return with_names(dataset, class_names, path.name) if class_names is not None and named else dataset


def _refuse_from_one(labels: Array, names: int, path: Path) -> None:
    """Say that labels begin at 1, where they would fit the names that way and do not fit as they are."""
    if begin_at_one(labels, names):
        raise from_one(path.name, names)


def read_arrays(path: Path) -> dict[str, Array]:
    """Return every array of an .npz file that needs no pickle.

    Raises:
        WorkbenchError: if it is none, damaged, or holds pickled objects.
    """
    with _opened(path) as arrays:
        return {name: _array(arrays, name, path) for name in arrays}


def _pairs(arrays: Mapping[str, Array]) -> dict[str, tuple[str, str]]:
    """Return the names of the images and labels of each part of which there are both; `WHOLE` where none has any."""
    found: dict[tuple[str, bool], list[tuple[int, int, str]]] = {}
    for name in arrays:
        part, rest = part_and_rest(name)
        words = [word for word in (rest if part else name).casefold().split("_") if word and word != "set"]
        for words_of, labels in ((IMAGES, False), (LABELS, True)):
            if len(words) == 1 and words[0] in words_of:
                exact = name == f"{words[0]}_{part}"  # x_validation before x_val
                found.setdefault((part, labels), []).append((words_of.index(words[0]), not exact, name))
    parts = {
        part: (min(found[part, False])[-1], min(found[part, True])[-1])
        for part in (*SPLITS, WHOLE)
        if (part, False) in found and (part, True) in found
    }
    return parts if list(parts) == [WHOLE] else {part: pair for part, pair in parts.items() if part != WHOLE}


def _lacking(path: Path, split: str, arrays: Mapping[str, Array]) -> str:
    there = ", ".join(arrays) or "nothing"
    return f"{path.name} must hold the arrays x_{split} and y_{split}. It holds {there}."


def _split(labels: Array, split: str, seed: int, test_share: float) -> tuple[Array, int]:
    """Return the rows of a part, shuffled, and how many the test part has; each class has its share in both."""
    order = np.random.default_rng(seed).permutation(len(labels))
    tested = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = order[labels[order] == label]
        tested[rows[: round(len(rows) * test_share)]] = True
    return order[tested[order] == (split == "test")], int(tested.sum())


def _opened(path: Path) -> ArrayFile:
    """Open the archive; its arrays are read when asked for."""
    try:
        return ArrayFile(path)
    except FileNotFoundError:
        beside = sorted(file.name for file in path.parent.glob("*.npz")) if path.parent.is_dir() else []
        raise Unavailable(f"{unknown('data file', path.name, beside)} Looked in {path.parent.resolve()}.") from None
    except UnreadableArrays as error:
        raise WorkbenchError(
            f"{path.name} is not an .npz file as `numpy.savez` writes it, or a damaged one: {error}."
        ) from None


def _array(arrays: Mapping[str, Array], name: str, path: Path) -> Array:
    """Read one array; what would have to be unpickled, and so could run code, is refused."""
    try:
        return arrays[name]
    except UnreadableArrays as error:
        if error.pickled:
            raise WorkbenchError(
                f"{name} of {path.name} holds pickled Python objects, which could run code when read, so it is "
                "not opened. Save it as an array of numbers or of text (`np.array(names, dtype=str)`)."
            ) from None
        raise WorkbenchError(f"{name} of {path.name} cannot be read: {error.reason}.") from None


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
            f"{path.name} names {plural(len(names), 'class')}, so labels must lie in 0…{len(names) - 1}. "
            f"Got {count - 1}."
        )
    return tuple(name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in names.tolist())
