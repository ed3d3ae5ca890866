"""Attribution maps of one image: which, computed once, and on which scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np

from workbench.app.page.method_options import options_of
from workbench.app.page.subject import Subject
from workbench.app.page.view import View
from workbench.attribution.methods import explainers
from workbench.core.attribution import Attribution
from workbench.core.errors import WorkbenchError
from workbench.core.params import make
from workbench.diagnosis.advice.record import kept
from workbench.diagnosis.advice.shown import fitting
from workbench.plotting.colours import scale_of

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk
    from workbench.attribution.explainer import Explainer
    from workbench.diagnosis.advice.record import Advice
    from workbench.session.session import Session

AT_FIRST = 4
"""Methods that are shown until somebody chooses."""
QUICK = ("grad-cam", "integrated-gradients", "saliency", "occlusion", "input-x-gradient", "smooth-grad")
"""What is shown at first, as far as it applies: quick methods, each of which looks at the model in its own way."""


@dataclass(frozen=True, kw_only=True)
class ShownMap:
    """One map as it is drawn, or the sentence why it cannot be.

    Attributes:
        kind: the method.
        attribution: its map, `values` (1, h, w).
        scale: magnitude that is drawn opaque.
        reason: why there is no map.
        key: under which its verdict and its raw values are asked for.
        title: what stands above it; empty for the method's.
        mark: tells it apart from the method's other maps of the page; empty for the only one.
        ends: what the low and the high end of the colours speak for; empty for the classes.
        judged: whether there is a verdict on it.
    """

    kind: type[Explainer]
    attribution: Attribution | None
    scale: float = 0.0
    reason: str = ""
    key: str = ""
    title: str = ""
    mark: str = ""
    ends: tuple[str, ...] = ()
    judged: bool = True


def all_methods(desk: Desk) -> Mapping[str, tuple[type[Explainer], str | None]]:
    """Return every method and, where it does not apply to this model, why; the model has to be there."""
    known: dict[str, tuple[type[Explainer], str | None]] | None = desk.maps.get("methods")
    if known is None:
        probe = desk.session.probe
        known = desk.maps.put("methods", {name: (kind, kind.missing(probe)) for name, kind in explainers().items()})
    return known


def methods(desk: Desk) -> dict[str, type[Explainer]]:
    """Return the methods that apply to this model; the model has to be there."""
    return {name: kind for name, (kind, missing) in all_methods(desk).items() if missing is None}


def method_names(desk: Desk, view: View) -> list[str]:
    """Return the names of the methods that a view shows."""
    there = methods(desk)
    first = [name for name in QUICK if name in there] or list(there)
    return [name for name in view.methods if name in there] or first[:AT_FIRST]


def advice_of(desk: Desk) -> Advice | None:
    """Return what `workbench advise` said about this model, if it was asked and the model is the same."""
    return kept(desk.session)


def as_advised(desk: Desk, view: View) -> View:
    """Return a view that names what it shows: the advised methods, where nobody has chosen some and there are any.

    Their parameters are the advised ones but for what the view says itself.
    """
    advice = None if view.methods else advice_of(desk)
    there = methods(desk)
    fits = {} if advice is None else fitting(advice)
    found = {name: settings for name, settings in fits.items() if name in there}
    options = [
        f"{method}.{name}:{quote(str(value), safe='')}"
        for method, settings in found.items()
        for name, value in settings.items()
        if not (name == "layer" and view.layer)
    ]
    if not found:
        return view
    return replace(view, methods=tuple(found), options=(*options, *view.options))


def layer_of(desk: Desk, view: View, of: Session | None = None) -> str | None:
    """Return the layer that a view reads, or None for the default one; of another model, where it has that one."""
    return view.layer if view.layer in (of or desk.session).probe.spatial_layers else None


def method_of(desk: Desk, view: View, kind: type[Explainer], of: Session | None = None) -> Explainer:
    """Return a method with the parameters and the layer of a view; `of` is another model than the desk's.

    A layer that the other model does not have is left out, so that its default one is read.

    Raises:
        WorkbenchError: if a parameter is unknown or its value does not fit.
    """
    layer, options = layer_of(desk, view, of) if kind.needs_layer() else None, options_of(view.options, kind.name)
    if of is not None and "layer" in options and options["layer"] not in of.probe.spatial_layers:
        del options["layer"]
    return make(kind, ({} if layer is None else {"layer": layer}) | options)


def attribution(
    desk: Desk, subject: Subject, method: Explainer, classes: tuple[int, int | None], of: Session | None = None
) -> Attribution:
    """Return one map, `values` (1, h, w); computed once.

    Args:
        desk: who has the model.
        subject: the image.
        method: with its parameters.
        classes: the class to explain, and the one it is contrasted with, if any.
        of: whose model is explained; the desk's own, if not given.
    """
    target, against = classes
    key = (subject.key, method.name, target, against, method.key, None if of is None else of.model_fingerprint)
    known: Attribution | None = desk.maps.get(key)
    if known is None:
        other = None if against is None else np.array([against])
        known = (of or desk.session).explain(method, subject.pixels[None], np.array([target]), against=other)
        desk.maps.put(key, known)
    return known


def maps_of(desk: Desk, subject: Subject, view: View) -> list[ShownMap]:
    """Compute what a view shows, in order; a method that fails says why and leaves the others alone."""
    found, there = [], methods(desk)
    for name in method_names(desk, view):
        kind = there[name]
        try:
            method = method_of(desk, view, kind)
            mine = attribution(desk, subject, method, subject.target(view.explain))
            scale = scale_of(mine.values, kind.signed)
            if view.scale == "shared":
                both = ((subject.predicted, None), (subject.second, None), subject.target("difference"))
                others = (attribution(desk, subject, method, each) for each in both)
                scale = max(scale, *(scale_of(each.values, kind.signed) for each in others))
            found.append(ShownMap(kind=kind, attribution=mine, scale=scale, key=desk.judges.put(subject, mine)))
        except WorkbenchError as error:
            found.append(ShownMap(kind=kind, attribution=None, reason=str(error)))
    return found
