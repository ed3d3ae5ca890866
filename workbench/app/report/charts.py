"""Figures of a report: the picture, and what each of its places stands for, as links that need no script."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from workbench.app.drawn_figure import drawn, keep_figure, kept_figure
from workbench.app.report.content import Chart, Place
from workbench.diagnosis import registry

if TYPE_CHECKING:
    from workbench.app.report.pictured import Pictures
    from workbench.core.result import Result
    from workbench.session.session import Session

BOX = 28
"""Pixels of the longer side of an image in the list of a figure's places."""


def chart(session: Session, result: Result, pictures: Pictures, command: str) -> Chart:
    """Return the figure of an answer, drawn unless it is kept, with its places and its sentences.

    Args:
        session: whose answer it is.
        result: the answer.
        pictures: makes the images of its places.
        command: what draws it again.
    """
    kind = registry.analysis(result.analysis)
    figure = kept_figure(session, result, "light")
    if figure is None:
        figure = drawn(registry.draw(result))
        keep_figure(session, result, "light", figure)
    spots = sorted(figure.spots, key=lambda spot: -spot["box"][2] * spot["box"][3])  # the smaller ones lie on top
    places = []
    for spot in spots:
        left, top, width, height = (f"{100 * side:.2f}%" for side in spot["box"])
        address = spot["address"]
        picture = (
            pictures.one(int(address["image"]), address.get("part", "data"), box=BOX) if "image" in address else None
        )
        style = f"left:{left};top:{top};width:{width};height:{height}"
        places.append(Place(title=spot["title"], style=style, picture=picture))
    return Chart(
        name=result.analysis,
        title=kind.title,
        question=kind.question(),
        uri="data:image/png;base64," + base64.b64encode(figure.png).decode(),
        width=figure.size[0],
        height=figure.size[1],
        places=tuple(places),
        findings=tuple(each.claim for each in result.findings),
        command=command,
    )
