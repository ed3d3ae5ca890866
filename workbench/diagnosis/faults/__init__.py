"""Faults to plant into data and networks, one a file; a module with a `Fault` in it is found by its presence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.core.discovery import Catalogue

if TYPE_CHECKING:
    from workbench.diagnosis.planting.fault import Fault

FAULTS: Catalogue[Fault] = Catalogue(__name__, "workbench.diagnosis.planting.fault:Fault", "fault", room="faults")


def faults() -> dict[str, type[Fault]]:
    """Return every fault by its name, the name of its module with `-`."""
    return FAULTS.all()


def fault(name: str) -> type[Fault]:
    """Return one fault by its name; see `Catalogue.get`."""
    return FAULTS.get(name)
