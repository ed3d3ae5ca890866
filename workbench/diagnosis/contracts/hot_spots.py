"""What every figure owes to who points at it: pictures and bars lead to the images that they stand for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import numpy as np

from workbench.core.errors import WorkbenchError
from workbench.core.image_set import Part
from workbench.core.wording import plural
from workbench.data.thumbnails import as_rgb, thumbnails_of
from workbench.diagnosis.contracts.check import hold
from workbench.diagnosis.contracts.sessions import Sessions
from workbench.plotting.hot_spots import OF_NO_IMAGES, Box, Spot, hot_spots, places_said
from workbench.plotting.rendering import marks_in, pictures_in

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from workbench.core.result import Result
    from workbench.session.session import Session

NEAR = 1.5
"""Pixels by which the middle of what is drawn may lie beside its place."""
LONGEST = 1200
"""Characters of an address that a page reads."""
COUNT = re.compile(r": ([\d,]+)(?: of [\d,]+)? images?\b")
"""How many images a title says there are."""


def leads_to_its_images(trial: Sessions, name: str) -> None:
    """Each picture of an image leads to it, and what stands for several leads to as many as it says."""
    result = trial.answer(name)
    figure = trial.drawn(name).figure
    spots = hot_spots(figure)
    for spot in spots:
        left, top, width, height = spot["box"]
        inside = min(left, top) >= 0 and max(left + width, top + height) <= 1 + 1e-4 and min(width, height) > 0
        hold(inside, f"{spot['title']!r} lies outside of the picture: {spot['box']}.")
        hold(spot["title"].strip(), f"The spot of {spot['address']} has no title.")
        _check_address(spot, result, trial.usual)
    _check_marks(figure)
    _check_pictures(figure, spots, trial.usual)


def _check_address(spot: dict[str, Any], result: Result, session: Session) -> None:
    """See that an address leads somewhere, to as many images as the title says."""
    address, title = spot["address"], spot["title"]
    part: Part = address.get("part", "data")
    said = COUNT.search(title)
    hold(len(urlencode(address)) <= LONGEST, f"The address of {title!r} is too long: {address}.")
    if "image" in address:
        _check_named([int(address["image"])], result, session, part, title)
        return
    of = address.get("analysis", result.analysis)
    hold(of == result.analysis, f"{title!r} leads to the answer of {of!r}.")
    try:
        found = _found_at(address, result, session)
    except WorkbenchError as error:
        hold(False, f"{title!r} leads to a query that is none, {address['query']!r}: {error}")
        return
    hold(found, f"{title!r} leads to no image: {address}.")
    hold(
        said is None or int(said[1].replace(",", "")) == found,
        f"{title!r} leads to {plural(found, 'image')}, by {address}.",
    )


def _check_named(rows: list[int], result: Result, session: Session, part: Part, title: str) -> None:
    dataset = session.dataset if part == "data" else session.train
    known = dataset is not None and all(0 <= row < len(dataset) for row in rows)
    hold(known and all(result.image_name(row, part) in title for row in rows), f"{title!r} does not name {rows}.")


def _found_at(address: dict[str, str], result: Result, session: Session) -> int:
    """Return how many images an address leads to."""
    part: Part = address.get("part", "data")  # type: ignore[assignment]
    if "rows" in address:
        rows = list(map(int, address["rows"].split(",")))
        dataset = session.dataset if part == "data" else session.train
        return sum(1 for row in set(rows) if dataset is not None and 0 <= row < len(dataset))
    if "region" in address:
        points, (left, lower, right, upper) = (
            next(iter(result.tables.values())),
            map(float, address["region"].split(",")),
        )
        return int((points["x"].between(left, right) & points["y"].between(lower, upper)).sum())
    if "finding" in address:
        return len(result.findings[int(address["finding"])].evidence)
    if "set" in address:
        images = result.sets[address["set"]]
        return len(session.images_of(images).where(address.get("query", "")))
    if "query" in address:
        return len(session.images_of(part).where(address["query"]))
    true, predicted = (int(address[name]) for name in ("true", "predicted"))
    known_as = session.predictions
    return int(((known_as.labels == true) & (known_as.predicted == predicted)).sum())


def _check_marks(figure: Figure) -> None:
    """See that of every bar, cell and point it is said what it stands for."""
    said: dict[int, list[tuple[Box, Spot | None]]] = {}
    for axes, box, spot in places_said(figure):
        said.setdefault(id(axes), []).append((box, spot))
    for axes, kind, (x, y), seen in marks_in(figure):
        if getattr(axes, OF_NO_IMAGES, False):
            continue
        known = any(
            left - NEAR <= x <= right + NEAR and bottom - NEAR <= y <= top + NEAR
            for (left, right, bottom, top), spot in said.get(id(axes), ())
            if spot is not None or not seen
        )
        called = axes.get_title(loc="left") or axes.get_xlabel() or "a panel"
        hold(
            known,
            f"What stands for images leads to them: the {kind} at ({x:.0f}, {y:.0f}) of {called!r} has no spot. Say "
            "which images it stands for (`place_bars`, `place_points`, `place_cells`, `place_scatter`), or that it "
            "stands for none (`of_no_images`).",
        )


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
