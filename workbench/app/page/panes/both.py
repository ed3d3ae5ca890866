"""One image as two models see it: both predictions, and both models' maps side by side with their difference."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.app.markup import Html, element, join
from workbench.app.page import maps
from workbench.app.page.both_maps import BothMaps, maps_of_both
from workbench.app.page.panes import advice, detail, map_card
from workbench.app.page.subject import Subject

if TYPE_CHECKING:
    from workbench.app.page.comparing import Compared
    from workbench.app.page.desk import Desk
    from workbench.app.page.view import View


def probabilities_html(compared: Compared, subject: Subject, row: int, view: View) -> Html:
    """List the most probable classes of both models."""
    place = compared.places[row]
    said, names = compared.found.after, compared.found.first.class_names
    key = ("against", compared.against, subject.key)
    other = replace(subject, key=key, probabilities=said.probabilities[place], predicted=int(said.predicted[place]))
    one, second = compared.found.names
    return element(
        "div",
        detail.probabilities_html(subject, names, view, title=f"A: {one}"),
        detail.probabilities_html(other, names, view, title=f"B: {second}", asked=subject),
        class_="both-said",
    )


def explanation_html(desk: Desk, compared: Compared, subject: Subject, view: View) -> Html:
    """Show the maps of both models side by side; both have to be loaded."""
    about, view = advice.note_html(desk, view), maps.as_advised(desk, view)
    shown = [_method(each, subject, view, desk) for each in maps_of_both(desk, compared, subject, view)]
    note = element(
        "p",
        "The three maps of a method share one colour scale. B − A: the map of B less that of A, pixel by pixel.",
        class_="help",
    )
    return detail.section_html(desk, subject, view, element("div", *shown, class_="map-rows"), note, about)


def _method(each: BothMaps, subject: Subject, view: View, desk: Desk) -> Html:
    head = element("h3", each.kind.title)
    if not each.shown:
        return element("section", head, element("p", each.reason, class_="problem"))
    figures = map_card.maps_html(each.shown, subject, view, desk.session.class_names)
    return element("section", head, element("div", figures, class_="maps"), join([map_card.use_html(each.shown[0])]))
