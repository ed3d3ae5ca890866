"""What images cannot be chosen by yet, and the work that makes it known."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from workbench.app.page.comparing import read_address, read_side
from workbench.app.page.images.compared import answered_by
from workbench.app.page.images.near import compute_near
from workbench.app.page.images.sets import analysis_of
from workbench.app.page.jobs import Job
from workbench.diagnosis import registry
from workbench.models.turns import NEXT, TURNS

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk
    from workbench.app.page.owners import Owner
    from workbench.app.page.view import View
    from workbench.session.images import Images
    from workbench.session.session import Session

PATIENCE = 0.3
"""Seconds that quick work gets before the page says that it is being done."""
SET, NEAR, PROPERTIES, PREDICTIONS = "set", "near", "properties", "predictions"


def started(desk: Desk, view: View, images: Images, owner: Owner | None = None) -> tuple[str, Job] | None:
    """Return the key and the job of what a view asks to be computed, begun if need be; None where it asks nothing.

    Args:
        desk: where it is done.
        view: what is asked for.
        images: all of the part.
        owner: who wants it.
    """
    what = view.compute
    if what == SET and (asked := analysis_of(view.set)) is not None:
        return desk.answer(*asked, wait=PATIENCE, owner=owner)
    if what == SET and (either := _of_either(desk, view.set)) is not None:
        return desk.answer(*either[1:], wait=PATIENCE, owner=owner, session=either[0])
    if what == SET and (compared := read_address(view.set)) is not None:
        return desk.comparing.start(desk.session, compared[0], owner)
    if what in registry.analyses():
        return desk.answer(what, {}, wait=PATIENCE, owner=owner)
    study = images.session
    works: dict[str, Callable[[], Any]] = {
        PROPERTIES: lambda: study.properties,
        PREDICTIONS: lambda: study.predictions,
        NEAR: lambda: compute_near(desk, images.part),
    }
    if what not in works:
        return None

    def work() -> None:
        if what == PROPERTIES:
            works[what]()
        else:
            with TURNS.claimed(NEXT):  # somebody may click meanwhile
                works[what]()

    key = f"images-{what}-{images.part}"
    return key, desk.jobs.start(key, work, wait=PATIENCE, owner=owner)


def _of_either(desk: Desk, address: str) -> tuple[Session, str, dict[str, Any]] | None:
    """Return which model of a comparison is to be asked what, for a set of its answer."""
    side = read_side(address)
    if side is None or desk.comparing.known(side[0]) is None:
        return None
    answered = answered_by(desk, address)
    asked = None if answered is None else analysis_of(answered[1])
    return None if answered is None or asked is None else (answered[0], *asked)
