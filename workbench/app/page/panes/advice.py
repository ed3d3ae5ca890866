"""Which maps are advised for the model, as a line below those that are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.app.markup import Html, code, element
from workbench.app.page import maps
from workbench.core.wording import plural
from workbench.diagnosis.advice.shown import fitting, origin

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk
    from workbench.app.page.view import View


def note_html(desk: Desk, view: View) -> Html:
    """Say where the choice of maps is from, while nobody has chosen others; empty where nothing was asked."""
    advice = None if view.methods else maps.advice_of(desk)
    if advice is None:
        return Html()
    if not advice.advised:
        images = plural(advice.images, "image")
        said = f"`workbench advise` compared the methods on {images} of {advice.dataset}: {advice.short}."
        return element("p", code(said), class_="help advice")
    names = [each for each in fitting(advice) if each in maps.methods(desk)]
    if not names:
        return Html()
    said = origin(advice, desk.session.dataset.fingerprint, names)
    return element("p", code(f"Shown first is {said}"), class_="help advice")
