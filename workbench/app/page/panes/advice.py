"""Which maps are advised for the model, as a line below those that are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.app.markup import Html, code, element
from workbench.app.page import maps
from workbench.core.wording import plural

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk
    from workbench.app.page.view import View


def note_html(desk: Desk, view: View) -> Html:
    """Say where the choice of maps is from, while nobody has chosen others; empty where nothing was asked."""
    advice = None if view.methods else maps.advice_of(desk)
    if advice is None:
        return Html()
    images = plural(advice.images, "image")
    if not advice.advised:
        said = (
            f"`workbench advise` compared the methods on {images} of {advice.dataset}: none has maps that are surely "
        )
        return element("p", code(f"{said}better than random ones."), class_="help advice")
    whys = " ".join(
        f"{each.title}: better than random maps by {each.control.share} of the measures." for each in advice.advised
    )
    said = (
        f"Shown first is what `workbench advise` named for this model on {advice.created[:10]}, measured on maps of "
        f"the predicted class of {images} of {advice.dataset} that had no part in the choice. {whys}"
    )
    return element("p", code(said), class_="help advice")
