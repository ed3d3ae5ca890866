"""The images at an address of a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.app.page.comparing import Compared, NotCompared, read_address
from workbench.core.errors import WorkbenchError
from workbench.core.image_set import ImageSet

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk


def compared_of(desk: Desk, address: str) -> Compared | None:
    """Return the comparison that a set comes from, where it was made; None for any other set."""
    asked = read_address(address)
    return None if asked is None else desk.comparing.known(asked[0])


def set_of_comparison(desk: Desk, address: str) -> ImageSet:
    """Return the images at an address of a comparison.

    Raises:
        NotCompared: if it was not made.
        WorkbenchError: if there is no such set.
    """
    asked = read_address(address)
    if asked is None:
        raise WorkbenchError(f"There is no set {address[:60]!r}.")
    against, what, narrowed = asked
    compared = desk.comparing.known(against)
    if compared is None:
        raise NotCompared(against)
    return compared.images(what, narrowed)
