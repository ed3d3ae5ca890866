"""What every figure owes to who points at it: pictures and bars lead to the images that they stand for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.image_set import Part
from workbench.data.thumbnails import as_rgb, thumbnails_of
from workbench.diagnosis.contracts.check import hold
from workbench.diagnosis.contracts.sessions import Sessions
from workbench.plotting.hot_spots import hot_spots
from workbench.plotting.rendering import pictures_in

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from workbench.core.result import Result
    from workbench.session.session import Session

COUNT = re.compile(r": ([\d,]+)(?: of [\d,]+)? images?\b")
"""How many images a title says there are."""


def leads_to_its_images(trial: Sessions, name: str) -> None:
    """Each picture of an image leads to it, and what stands for several leads to as many as it says."""
    result = trial.answer(name)
    figure, _ = trial.drawn(name)
    spots = hot_spots(figure)
    for spot in spots:
        left, top, width, height = spot["box"]
        inside = min(left, top) >= 0 and max(left + width, top + height) <= 1 + 1e-4 and min(width, height) > 0
        hold(inside, f"{spot['title']!r} lies outside of the picture: {spot['box']}.")
        hold(spot["title"].strip(), f"The spot of {spot['address']} has no title.")
        _check_address(spot, result, trial.usual)
    _check_pictures(figure, spots, trial.usual)


def _check_address(spot: dict[str, Any], result: Result, session: Session) -> None:
    """See that an address leads somewhere, to as many images as the title says."""
    address, title = spot["address"], spot["title"]
    part: Part = address.get("part", "data")
    said = COUNT.search(title)
    if "image" in address:
        dataset = session.dataset if part == "data" else session.train
        row = int(address["image"])
        known = dataset is not None and 0 <= row < len(dataset)
        hold(known and result.image_name(row, part) in title, f"{title!r} does not name its image, {address}.")
        return
    if "query" in address:
        try:
            found = len(session.images_of(part).where(address["query"]))
        except WorkbenchError as error:
            hold(False, f"{title!r} leads to a query that is none, {address['query']!r}: {error}")
            return
    elif "finding" in address:
        hold(address["analysis"] == result.analysis, f"{title!r} leads to a finding of {address['analysis']!r}.")
        found = len(result.findings[int(address["finding"])].evidence)
    else:
        true, predicted = (int(address[name]) for name in ("true", "predicted"))
        known_as = session.predictions
        found = int(((known_as.labels == true) & (known_as.predicted == predicted)).sum())
    hold(found, f"{title!r} leads to no image: {address}.")
    hold(said is None or int(said[1].replace(",", "")) == found, f"{title!r} leads to {found:,} images, by {address}.")


def _check_pictures(figure: Figure, spots: list[dict[str, Any]], session: Session) -> None:
    """See that whatever is drawn of the pixels of an image leads to it."""
    rows: dict[bytes, dict[str, str]] = {}
    for part, dataset in (("data", session.dataset), ("train", session.train)):
        pictures = () if dataset is None else thumbnails_of(dataset, np.arange(len(dataset)))
        for row, picture in enumerate(pictures):
            pixels = as_rgb(picture).tobytes()
            rows.setdefault(pixels, {"image": str(row), **({"part": part} if part != "data" else {})})
    middles = np.array([[x + w / 2, 1 - y - h / 2] for x, y, w, h in (spot["box"] for spot in spots)])
    for values, at in pictures_in(figure):
        found = rows.get(values.tobytes())
        if found is None:
            continue
        off = np.abs(middles - at).max(axis=1) if len(spots) else np.ones(1)
        near = spots[int(off.argmin())]["address"] if off.min() < 0.01 else None
        hold(near == found, f"The picture of {found} leads to {near}: give its tile a `spot`, or place one.")
