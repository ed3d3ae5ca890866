"""What images cannot be chosen by yet, and the work that makes it known."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from workbench.app.page.comparing import read_address
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
