"""The figure of an answer: a place of its size, into which figures.js puts the picture of the theme, and links."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from workbench.app.drawn_figure import DrawnFigure
from workbench.app.markup import Html, element
from workbench.app.page.images.sets import finding_address, of_rows, shown_address, typed_for
from workbench.core.result import Result


def figure_html(key: str, question: str, size: tuple[int, int] | None) -> Html:
    """Build the place of a figure.

    Args:
        key: of the answer.
        question: of the analysis, which the picture answers.
        size: its width and height, where they are known before it is drawn.
    """
    width, height = size or (960, 540)
    blank = f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}'/>"
    image = element(
        "img", alt=question, src=f"data:image/svg+xml,{quote(blank)}", width=width, height=height, data_figure=key
    )
    places = element("div", class_="spots", role="group", aria_label="Images behind the figure; arrow keys go on")
    sheet = element("div", image, places, class_="sheet loading", style=f"width:{width}px")
    opened = element("a", "Open in a new tab", href=f"figure/{key}.png", target="_blank", class_="alone")
    wide = element("button", "Whole width", type="button", class_="button", data_wide=True, aria_pressed="false")
    foot = element("div", opened, wide, class_="foot")
    window = element("div", sheet, class_="window", tabindex="0", role="region", aria_label="figure")
    return element("figure", window, foot, class_="chart")


def places_of(figure: DrawnFigure, result: Result) -> list[dict[str, object]]:
    """Return the links that lie over a figure, as one reads: `box` in percent, `href` of a view, `title`, `level`.

    Where places lie above each other, the smaller ones are on top: these have the larger `level`.
    """
    spots = sorted(figure.spots, key=lambda spot: (round(spot["box"][1], 2), spot["box"][0]))
    by_area = sorted(range(len(spots)), key=lambda n: -spots[n]["box"][2] * spots[n]["box"][3])
    level = {place: number for number, place in enumerate(by_area)}
    return [
        {
            "box": [round(100 * side, 3) for side in spot["box"]],
            "href": "?" + urlencode(view_of(spot["address"], result)),
            "title": spot["title"],
            "level": level[n],
        }
        for n, spot in enumerate(spots)
    ]


def view_of(address: Mapping[str, str], result: Result) -> dict[str, str]:
    """Return the view that an address of a spot leads to."""
    part = {"part": "train"} if address.get("part") == "train" else {}
    if "image" in address:
        return {"section": "images" if part else "errors", **part, "image": address["image"]}
    if "analysis" in address:
        return _of_answer(address, result)
    if "rows" in address:
        return {"section": "images", **part, "set": of_rows(list(map(int, address["rows"].split(","))))}
    if "query" in address:
        return {"section": "images", "where": address["query"], **part}
    return {"section": "errors", "true": address["true"], "predicted": address["predicted"]}


def _of_answer(address: Mapping[str, str], result: Result) -> dict[str, str]:
    """Return the view of what is known by an answer alone: a part of its map, a finding, or a set of it."""
    name, params = result.analysis, result.params
    if "region" in address:
        return {"section": name, **typed_for(name, params), "_region": address["region"]}
    if "finding" in address:
        place = int(address["finding"])
        found, of = result.findings[place].evidence, finding_address(name, params, place)
    else:
        found, of = result.sets[address["set"]], shown_address(name, params, address["set"])
    where = {"where": address["query"]} if "query" in address else {}
    whose = {"part": found.part} if found.part != "data" else {}
    return {"section": "images", **where, **whose, "set": of}
