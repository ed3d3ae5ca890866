"""Public data sets, one to a file, and what finds them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Protocol, cast

from workbench.core import plugins
from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.core.progress import Progress


class Source(Protocol):
    """What a module of this folder offers to be found: its CLI name and a way to load one split."""

    NAME: str

    def load(self, split: str, data_dir: str | Path | None, progress: Progress) -> Dataset:
        """Return the split "train" or "test"."""


def sources() -> Mapping[str, Source]:
    """Return every data set that is known by name, those of plug-ins too.

    Raises:
        WorkbenchError: if two have the same name.
    """
    return _with(tuple(plugins.modules("sources")))


@cache
def _with(brought: tuple[plugins.Module, ...]) -> Mapping[str, Source]:
    modules: list[Any] = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    for each in brought:
        loaded = plugins.load(each)
        if isinstance(getattr(loaded, "NAME", None), str) and callable(getattr(loaded, "load", None)):
            modules.append(loaded)
        elif loaded is not None:
            plugins.leave_out(each.path, "it must define NAME, a text, and load(split, data_dir, progress)")
    found: dict[str, Any] = {}
    for module in modules:
        if hasattr(module, "NAME") and found.setdefault(module.NAME, module) is not module:
            both = f"{found[module.NAME].__file__} and {module.__file__}"
            raise WorkbenchError(f"There is more than one data set {module.NAME!r}: {both}. Rename a plug-in's.")
    return {name: cast("Source", module) for name, module in found.items()}
