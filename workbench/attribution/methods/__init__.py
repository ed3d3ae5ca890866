"""Attribution methods, one per file; a new file is found without another line."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from workbench.core.discovery import discovered
from workbench.core.errors import unknown

if TYPE_CHECKING:
    from workbench.attribution.explainer import Explainer


@cache
def _found() -> dict[str, type[Explainer]]:
    from workbench.attribution.explainer import Explainer

    return discovered(__name__, __path__, Explainer)  # type: ignore[type-abstract]  # a base class is meant


def explainers() -> dict[str, type[Explainer]]:
    """CLI name -> class of every attribution method, in alphabetical order; imports TensorFlow."""
    return dict(_found())


def explainer(name: str) -> type[Explainer]:
    """Return one method by its CLI name.

    Raises:
        WorkbenchError: if there is none of this name; the nearest names are offered.
    """
    if name not in _found():
        raise unknown("attribution method", name, _found())
    return _found()[name]
