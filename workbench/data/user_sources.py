"""Data sets of your own program, known by a name while it runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from workbench.core.dataset import Dataset, Lazy
from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.types import Array
from workbench.data.arrays import channels_last, checked_images, checked_labels

Loaded = Dataset | tuple[Array, Array] | tuple[Array, Array, Sequence[str]] | None
Load = Callable[[str], Loaded]

_known: dict[str, Load] = {}


def register_dataset(name: str, load: Load) -> None:
    """Register a data set under a name, for this process.

        wb.register_dataset("satellites", lambda split: (images[split], labels[split], ["city", "forest"]))
        wb.load_dataset("satellites", split="train")

    A second one of the same name takes the place of the first.

    Args:
        name: letters, digits, ".", "_" and "-", beginning with a letter.
        load: called with "train", "test" or "validation"; returns a `Dataset`, or images `(N, H, W)` or `(N, H, W, C)`
            uint8 or float in [0, 1], labels `(N,)` and, if you like, class names; None for a part that there is not.

    Raises:
        WorkbenchError: if the name cannot be one, or the workbench itself has a data set of it.
    """
    from workbench.data.sources import sources

    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9._-]{0,99}", name) or name.endswith(".npz"):
        raise WorkbenchError(
            f"The name of a data set is made of letters, digits, '.', '_' and '-', begins with a letter and does not "
            f"end in .npz. Got {name!r}."
        )
    if name in sources():
        raise WorkbenchError(f"{name!r} is a data set of the workbench. Choose another name.")
    if not callable(load):
        raise WorkbenchError(f"`load` must be a function of the split. Got {type(load).__name__}.")
    _known[name] = load


def registered_names() -> tuple[str, ...]:
    """Return the names that were registered."""
    return tuple(_known)


def load_registered(name: str, split: str) -> Dataset:
    """Load one split of a registered data set.

    Raises:
        Unavailable: if it has no such part.
        WorkbenchError: if what its function returned is no data set.
    """
    loaded = _known[name](split)
    if loaded is None:
        raise Unavailable(f"The data set {name!r} has no {split} part.")
    if isinstance(loaded, Dataset):
        return loaded if loaded.name.endswith(f"/{split}") else replace(loaded, name=f"{name}/{split}")
    if not isinstance(loaded, tuple | list) or len(loaded) not in (2, 3):
        raise WorkbenchError(
            f"`load` of {name!r} must return a Dataset, or (images, labels) or (images, labels, class_names). "
            f"Got {type(loaded).__name__}."
        )
    images: Any = loaded[0]
    whole = isinstance(images, Lazy | np.memmap)
    what, notes = f"The images of {name!r}", tuple[str, ...]()
    if not whole:
        images, notes = channels_last(np.asarray(images), what)
        images = checked_images(images, what)
    labels = checked_labels(np.asarray(loaded[1]), f"The labels of {name!r}")
    count = 1 + int(labels.max(initial=0))
    names = tuple(map(str, loaded[2])) if len(loaded) == 3 else tuple(map(str, range(count)))
    return Dataset(
        images, labels, class_names=names, indices=np.arange(len(labels)), name=f"{name}/{split}", notes=notes
    )
