"""Attribution methods, one per file; a new file is found without another line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.core.discovery import Catalogue

if TYPE_CHECKING:
    from workbench.attribution.explainer import Explainer

METHODS: Catalogue[Explainer] = Catalogue(
    __name__, "workbench.attribution.explainer:Explainer", "attribution method", room="methods"
)


def explainers() -> dict[str, type[Explainer]]:
    """CLI name -> class of every attribution method, in alphabetical order; imports TensorFlow."""
    return METHODS.all()


def explainer(name: str) -> type[Explainer]:
    """Return one method by its CLI name; see `Catalogue.get`."""
    return METHODS.get(name)
