"""Files -> Dataset. One source a file; a module with `NAME` and `load` is found by its presence."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Protocol, cast

from workbench.contracts import Dataset
from workbench.errors import unknown
from workbench.progress import Progress, silent

SPLITS = ("train", "test")


class Source(Protocol):
    """What a module of this folder offers to be found: its CLI name and a way to load one split."""

    NAME: str

    def load(self, split: str, data_dir: str | Path | None, progress: Progress) -> Dataset:
        """Return the split "train" or "test"."""


@cache
def sources() -> Mapping[str, Source]:
    """Return every data set that is known by name."""
    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    return {module.NAME: cast("Source", module) for module in modules if hasattr(module, "NAME")}


def load_dataset(
    name: str | Path = "fashion-mnist",
    *,
    split: str = "test",
    data_dir: str | Path | None = None,
    progress: Progress = silent,
) -> Dataset:
    """Load one split of a data set.

    Args:
        name: name of a data set, or the path of an `.npz` file in the Keras convention
            (`x_train`, `y_train`, `x_test`, `y_test`, optional `class_names`).
        split: "train" or "test".
        data_dir: folder to look into first; only for data sets known by name.
        progress: told what is read or fetched.

    Raises:
        WorkbenchError: if name or split is unknown, or what was read is not what it should be.
        Unavailable: if no source has the data.
    """
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    if str(name) in sources():
        return sources()[str(name)].load(split, data_dir, progress)
    if Path(name).suffix == ".npz":
        from workbench.datasets.npz import load_npz

        return load_npz(name, split)
    raise unknown("data set", name, [*sources(), "FILE.npz"])
