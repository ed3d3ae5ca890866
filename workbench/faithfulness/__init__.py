"""Measures of a map's quality, one per file; a new file is found without another line."""

from __future__ import annotations

import inspect
import pkgutil
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from workbench.errors import unknown

if TYPE_CHECKING:
    from workbench.faithfulness.base import Measure


@cache
def _found() -> dict[str, type[Measure]]:
    from workbench.faithfulness.base import Measure

    found = {}
    for module in sorted(each.name for each in pkgutil.iter_modules(__path__)):
        loaded = import_module(f"{__name__}.{module}")
        for _, kind in inspect.getmembers(loaded, inspect.isclass):
            if issubclass(kind, Measure) and kind.__module__ == loaded.__name__ and not inspect.isabstract(kind):
                found[kind.name] = kind
    return found


def measures() -> dict[str, type[Measure]]:
    """CLI name -> class of every measure, in alphabetical order; imports TensorFlow."""
    return dict(_found())


def measure(name: str) -> type[Measure]:
    """Return one measure by its CLI name.

    Raises:
        WorkbenchError: if there is none of this name; the nearest names are offered.
    """
    if name not in _found():
        raise unknown("measure", name, _found())
    return _found()[name]
