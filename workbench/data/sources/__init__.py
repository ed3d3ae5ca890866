"""Public data sets, one to a file, and what finds them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Protocol, cast

from workbench.core.dataset import Dataset
from workbench.core.progress import Progress


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
