"""Measures of a map's quality, one per file; a new file is found without another line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.core.discovery import Catalogue

if TYPE_CHECKING:
    from workbench.faithfulness.measure import Measure

MEASURES: Catalogue[Measure] = Catalogue(__name__, "workbench.faithfulness.measure:Measure", "measure", room="measures")


def measures() -> dict[str, type[Measure]]:
    """CLI name -> class of every measure, in alphabetical order; imports TensorFlow."""
    return MEASURES.all()


def measure(name: str) -> type[Measure]:
    """Return one measure by its CLI name; see `Catalogue.get`."""
    return MEASURES.get(name)
