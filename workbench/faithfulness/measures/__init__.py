"""Measures of a map's quality, one per file; a new file is found without another line."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from workbench.core.discovery import discovered
from workbench.core.errors import unknown

if TYPE_CHECKING:
    from workbench.faithfulness.measure import Measure


@cache
def _found() -> dict[str, type[Measure]]:
    from workbench.faithfulness.measure import Measure

    return discovered(__name__, __path__, Measure)  # type: ignore[type-abstract]  # a base class is meant


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
