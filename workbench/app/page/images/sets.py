"""The address of a set of images: a finding, a saved set, some rows, the neighbours of an image, of a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

import numpy as np

from workbench.app.page.comparing import KIND
from workbench.app.page.images.compared import answered_by, set_of_comparison
from workbench.app.page.panes.form import typed_of, values_of
from workbench.core.errors import Unavailable, WorkbenchError, unknown
from workbench.core.image_set import LISTED, ImageSet, Part
from workbench.core.wording import plural
from workbench.diagnosis import registry
from workbench.session.images import Images

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk
    from workbench.core.finding import Finding
    from workbench.core.result import Result
    from workbench.session.session import Session


class NotAnswered(Unavailable):
    """The analysis that a set comes from was not asked yet."""

    def __init__(self, analysis: str) -> None:
        super().__init__(f"This set is part of the answer of {analysis}, which is not computed here.")


def of_finding(result: Result, finding: Finding) -> str:
    """Return the address of a finding's images; empty where the answer has no such finding."""
    place = next((n for n, each in enumerate(result.findings) if each is finding), None)
    return "" if place is None else finding_address(result.analysis, result.params, place)


def finding_address(analysis: str, params: Mapping[str, Any], place: int) -> str:
    """Return the address of the images of a finding, by its place in the answer."""
    return f"finding/{analysis}/{place}{_asked(analysis, params)}"


def shown_address(analysis: str, params: Mapping[str, Any], name: str) -> str:
    """Return the address of a set that an answer has for its figure, by its name."""
    return f"shown/{analysis}/{quote(name, safe='')}{_asked(analysis, params)}"


def _asked(analysis: str, params: Mapping[str, Any]) -> str:
    typed = typed_for(analysis, params)
    return f"?{urlencode(typed)}" if typed else ""


def typed_for(analysis: str, params: Mapping[str, Any]) -> dict[str, str]:
    """Return what one would type for the parameters of an answer; nothing, where the analysis is none of today's."""
    kinds = registry.analyses()
    return typed_of(kinds[analysis].Params, params) if analysis in kinds else {}


def address_among(session: Session, analysis: str, params: Mapping[str, Any], finding: Finding) -> str:
    """Return the address of a finding that a diagnosis names; empty where the answer is not kept."""
    result = registry.cached(session, analysis, params) if analysis in registry.analyses() else None
    for place, each in enumerate(() if result is None else result.findings):
        if each.claim == finding.claim:
            return finding_address(analysis, params, place)
    return ""


def of_rows(rows: list[int]) -> str:
    """Return the address of some images, those that an address can list."""
    return "rows/" + ",".join(map(str, rows[:LISTED]))


def analysis_of(address: str) -> tuple[str, dict[str, Any]] | None:
    """Return the analysis that a set comes from, and its parameters; None where it is none's."""
    kind, _, rest = address.partition("/")
    path, _, query = rest.partition("?")
    name = path.partition("/")[0]
    if kind not in ("finding", "shown") or name not in registry.analyses():
        return None
    return name, values_of(registry.analysis(name).Params, dict(parse_qsl(query)))


def set_of(desk: Desk, address: str, images: Images) -> ImageSet:
    """Return the images at an address, with their title.

    Args:
        desk: whose session it is.
        address: as the functions above write it.
        images: all of the part.

    Raises:
        NotAnswered: if its analysis was not asked.
        WorkbenchError: if there is no such set.
    """
    kind, _, rest = address.partition("/")
    if kind in ("finding", "shown"):
        return _of_answer(desk.session, address, images.part)
    if (answered := answered_by(desk, address)) is not None:
        return _of_answer(*answered, images.part)
    if kind == KIND and images.part == "data":
        return set_of_comparison(desk, address)
    if kind == "saved":
        return _saved(desk, rest, images)
    if kind == "rows":
        rows = dict.fromkeys(int(each) for each in rest.split(",")[:LISTED] if each.isascii() and each.isdigit())
        return ImageSet([row for row in rows if row < len(images)], part=images.part, title="chosen images")
    if kind == "near":
        from workbench.app.page.images.near import set_near

        return set_near(desk, rest, images.part)
    raise WorkbenchError(
        "A set is a finding, a place of a figure, a saved set, rows, neighbours, or part of a comparison. "
        f"Got {kind[:40]!r}."
    )


def _of_answer(session: Session, address: str, part: Part) -> ImageSet:
    asked = analysis_of(address)
    if asked is None:
        raise unknown("analysis", address.split("/")[1] if "/" in address else "", registry.analyses())
    name, values = asked
    result = registry.cached(session, name, values)
    if result is None:
        raise NotAnswered(name)
    place = address.partition("?")[0].rpartition("/")[2]
    if address.startswith("shown/"):
        if (found := result.sets.get(unquote(place))) is None:
            raise WorkbenchError(f"The figure of {name} has no place that is called {unquote(place)[:40]!r}.")
        title = found.title
    else:
        findings = result.findings
        if not (place.isascii() and place.isdigit() and len(place) < 6 and int(place) < len(findings)):
            raise WorkbenchError(
                f"{name} has {plural(len(findings), 'finding')}, from 0 on. There is no finding {place[:20]!r}."
            )
        finding = findings[int(place)]
        found, title = finding.evidence, finding.claim
    if found.part != part and found:
        whose = "training images" if found.part == "train" else "evaluated images"
        raise WorkbenchError(f"These are {whose}: choose that part.")
    return ImageSet(found, part=part, title=title)


def _saved(desk: Desk, name: str, images: Images) -> ImageSet:
    sets = desk.session.workspace.sets()
    if name not in sets:
        raise unknown("saved set", name, sets)
    saved = sets[name]
    if saved.keys:
        keys = images.keys
        at = {str(key): row for key, row in zip(reversed(keys.tolist()), reversed(images.rows.tolist()), strict=True)}
        rows = np.array([at[key] for key in saved.keys if key in at], np.int64)
        return ImageSet(rows, part=images.part, title=name)
    return ImageSet(images.where(saved.query).rows, part=images.part, title=name)
