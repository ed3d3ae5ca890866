"""Faults to plant into data and networks, one a file; a module with a `Fault` in it is found by its presence."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from workbench.core.discovery import discovered
from workbench.core.errors import unknown
from workbench.diagnosis.planting.fault import Fault


@cache
def faults() -> Mapping[str, type[Fault]]:
    """Return every fault by its name, the name of its module with `-`."""
    return {name: kind for name, kind in discovered(__name__, __path__, Fault).items() if kind is not Fault}


def fault(name: str) -> type[Fault]:
    """Return one fault by its name.

    Raises:
        WorkbenchError: if there is none of this name; the nearest names are offered.
    """
    if name not in faults():
        raise unknown("fault", name, faults())
    return faults()[name]
