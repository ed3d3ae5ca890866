"""Formats that a model can be exported to, one a file; a module with an `Exporter` is found by its presence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.exporting.format import Exporter


def formats() -> Iterator[str]:
    """Yield the name of every format, the name of its module with `-`; imports nothing."""
    return (each.name.replace("_", "-") for each in iter_modules(__path__))


@cache
def exporters() -> Mapping[str, type[Exporter]]:
    """Return every format by its name."""
    from workbench.core.discovery import discovered
    from workbench.exporting.format import Exporter

    return discovered(__name__, __path__, Exporter)  # type: ignore[type-abstract]
