"""Maps of one image by two models: the same method, classes and colour scale, and their difference."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workbench.app.page import maps
from workbench.app.page.maps import ShownMap
from workbench.attribution.map_difference import difference_of
from workbench.core.errors import WorkbenchError
from workbench.plotting.colours import scale_of

if TYPE_CHECKING:
    from workbench.app.page.comparing import Compared
    from workbench.app.page.desk import Desk
    from workbench.app.page.subject import Subject
    from workbench.app.page.view import View
    from workbench.attribution.explainer import Explainer


@dataclass(frozen=True, kw_only=True)
class BothMaps:
    """One method on both models.

    Attributes:
        kind: the method.
        shown: the map of either model, and the difference, the second less the first.
        reason: why there are none.
    """

    kind: type[Explainer]
    shown: tuple[ShownMap, ...] = ()
    reason: str = ""


def maps_of_both(desk: Desk, compared: Compared, subject: Subject, view: View) -> list[BothMaps]:
    """Compute what a view shows, for both models; a method that fails on either says why and leaves others alone."""
    found, there, other = [], maps.methods(desk), compared.other
    classes = subject.target(view.explain)
    names = [f"{side} · {name}" for side, name in zip("AB", compared.found.names, strict=True)]
    for name in maps.method_names(desk, view):
        kind = there[name]
        try:
            if (missing := kind.missing(other.probe)) is not None:
                raise WorkbenchError(f"{compared.against}: {missing}")
            one = maps.attribution(desk, subject, maps.method_of(desk, view, kind), classes)
            second = maps.attribution(desk, subject, maps.method_of(desk, view, kind, other), classes, other)
        except WorkbenchError as error:
            found.append(BothMaps(kind=kind, reason=str(error)))
            continue
        gap = difference_of(one, second)
        scale = max(scale_of(each.values, each.signed) for each in (one, second, gap))
        first = ShownMap(kind=kind, attribution=one, scale=scale, key=desk.judges.put(subject, one), title=names[0])
        last = replace(
            first, attribution=second, key=desk.judges.put(subject, second, other), title=names[1], mark="-b"
        )
        apart = replace(
            first,
            attribution=gap,
            key=desk.judges.put(subject, gap, other, mark="difference"),
            title="B − A",
            mark="-d",
            ends=("larger in A", "larger in B"),
            judged=False,
        )
        found.append(BothMaps(kind=kind, shown=(first, last, apart)))
    return found
