"""The images at an address of a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.app.page.comparing import SIDES, Compared, NotCompared, read_address, read_side
from workbench.core.errors import WorkbenchError
from workbench.core.image_set import ImageSet

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk
    from workbench.session.session import Session


def compared_of(desk: Desk, address: str) -> Compared | None:
    """Return the comparison that a set comes from, where it was made; None for any other set."""
    asked = read_address(address)
    return None if asked is None else desk.comparing.known(asked[0])


def answered_by(desk: Desk, address: str) -> tuple[Session, str] | None:
    """Return the model that a set comes from, and its address there; None for what neither of two models found alone.

    Raises:
        NotCompared: if the comparison was not made.
    """
    asked = read_side(address)
    if asked is None:
        return None
    against, side, inner = asked
    compared = desk.comparing.known(against)
    if compared is None:
        raise NotCompared(against)
    return (desk.session if side == SIDES[0] else compared.other), inner


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
