"""Formats that a model can be exported to, one a file; a module with an `Exporter` is found by its presence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.core.discovery import Catalogue

if TYPE_CHECKING:
    from workbench.exporting.format import Exporter

FORMATS: Catalogue[Exporter] = Catalogue(__name__, "workbench.exporting.format:Exporter", "format", room="formats")


def formats() -> list[str]:
    """Return the name of every format, the name of its module with `-`; imports none of them."""
    return FORMATS.names()


def exporters() -> dict[str, type[Exporter]]:
    """Return every format by its name."""
    return FORMATS.all()
