"""Attribution maps of one image: which, computed once, and drawn over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.colours import gradient, rgba, scale_of
from workbench.attribution import Attribution
from workbench.errors import WorkbenchError
from workbench.ui.pictures import Size, data_uri, fit, shrunk, tag
from workbench.ui.subject import Subject
from workbench.ui.view import View
from workbench.ui.words import element, escape, number

if TYPE_CHECKING:
    from workbench.explainers.base import Explainer
    from workbench.ui.desk import Desk

AT_FIRST = 4
"""Methods that are shown until somebody chooses."""
BOX = 196


@dataclass(frozen=True)
class Shown:
    """One map as it is drawn, or the sentence why it cannot be."""

    kind: type[Explainer]
    attribution: Attribution | None
    scale: float = 0.0
    reason: str = ""


def methods(desk: Desk) -> dict[str, type[Explainer]]:
    """Return the methods that apply to this model; the model has to be there."""
    from workbench.explainers import explainers

    return {name: kind for name, kind in explainers().items() if kind.missing(desk.session.probe) is None}


def chosen(desk: Desk, view: View) -> list[str]:
    """Return the names of the methods that a view shows."""
    there = methods(desk)
    return [name for name in view.methods if name in there] or list(there)[:AT_FIRST]


def layer_of(desk: Desk, view: View) -> str | None:
    """Return the layer that a view reads, or None for the default one."""
    return view.layer if view.layer in desk.session.probe.spatial_layers else None


def attribution(
    desk: Desk, subject: Subject, method: str, classes: tuple[int, int | None], layer: str | None
) -> Attribution:
    """Return one map, `values` (1, h, w); computed once.

    Args:
        desk: who has the model.
        subject: the image.
        method: CLI name of the attribution method.
        classes: the class to explain, and the one it is contrasted with, if any.
        layer: where methods that need one read; None for the default one.
    """
    target, against = classes
    layer = layer if methods(desk)[method].needs_layer() else None
    key = (subject.key, method, target, against, layer)
    known: Attribution | None = desk.maps.get(key)
    if known is None:
        other = None if against is None else np.array([against])
        params: dict[str, Any] = {} if layer is None else {"layer": layer}
        known = desk.session.attribute_images(method, subject.pixels[None], np.array([target]), against=other, **params)
        desk.maps.put(key, known)
    return known


def shown(desk: Desk, subject: Subject, view: View) -> list[Shown]:
    """Compute what a view shows, in order; a method that fails says why and leaves the others alone."""
    layer, found = layer_of(desk, view), []
    there = methods(desk)
    for name in chosen(desk, view):
        kind = there[name]
        try:
            mine = attribution(desk, subject, name, subject.target(view.explain), layer)
            scale = scale_of(mine.values, kind.signed)
            if view.scale == "shared":
                pair = (
                    attribution(desk, subject, name, (each, None), layer)
                    for each in (subject.predicted, subject.second)
                )
                scale = max(scale, *(scale_of(each.values, kind.signed) for each in pair))
            found.append(Shown(kind, mine, scale))
        except WorkbenchError as error:
            found.append(Shown(kind, None, reason=str(error)))
    return found


def maps_html(found: Sequence[Shown], subject: Subject, view: View, names: Sequence[str]) -> str:
    """Build the figures; `names` are those of the classes."""
    height, width = subject.pixels.shape[:2]
    size = fit(height, width, BOX)
    base = data_uri(shrunk(subject.pixels, size))
    target, against = subject.target(view.explain)
    classes = (names[target], None if against is None else names[against])
    return "".join(_figure(each, tag(base, size), size, view, classes) for each in found)


def _figure(each: Shown, under: str, size: Size, view: View, classes: tuple[str, str | None]) -> str:
    what = classes[0] if classes[1] is None else f"{classes[0]} rather than {classes[1]}"
    summary = each.kind.summary()
    title = f"<b>{escape(each.kind.title)}</b>"
    if each.attribution is None:
        said = f'<figcaption>{title}</figcaption><p class="problem">{escape(each.reason)}</p>'
        return element("figure", said, style=f"--w:{size.width}px")
    values, native, pixels = each.attribution, each.attribution.values.shape[1:], each.attribution.image_size
    where = _grid(values, native, pixels, view)
    as_is = native == pixels or view.grid == "native"
    heat = (values.values if as_is else values.at_pixels())[0]
    largest = scale_of(values.values, each.kind.signed)
    ink = data_uri(rgba(heat, signed=each.kind.signed, scale=each.scale))
    over = tag(ink, size, f"{each.kind.title} for {what}", "ov px" if view.grid == "native" else "ov")
    if largest == 0:
        nothing = "no evidence" if each.kind.signed else "no positive evidence"
        over = f'<span class="none" role="img" aria-label="{nothing} for {escape(what)}">{nothing}</span>'
    caption = f"<figcaption>{title}<small>{escape(where or summary)}</small></figcaption>"
    stack = element("div", under + over, class_="st", style=f"height:{size.height}px")
    return element("figure", caption + stack + _bar(each, largest, classes), style=f"--w:{size.width}px", title=summary)


def _grid(values: Attribution, native: tuple[int, ...], pixels: tuple[int, int], view: View) -> str:
    if values.layer is None and native == pixels:
        return ""
    places = f"{native[0]}×{native[1]}"
    drawn = " as it is" if view.grid == "native" or native == pixels else f" → {pixels[0]}×{pixels[1]}"
    return f"{values.layer}, {places}{drawn}" if values.layer else f"{places}{drawn}"


def _unit(each: Shown) -> str:
    score = {"logit": "logit", "probability": "probability", "contrast": "logit difference"}
    name = score[each.attribution.score] if each.attribution is not None else "score"
    return each.kind.unit.replace("score", name, 1)


def _bar(each: Shown, largest: float, classes: tuple[str, str | None]) -> str:
    """Build the colour bar with its unit.

    Its ends are raw numbers; where the scale is shared the largest value is said too, and where two classes are
    contrasted which end speaks for which.
    """
    end, unit = number(each.scale), _unit(each)
    low = f"−{end}" if each.kind.signed else "0"
    said = f"{unit}, largest {number(largest)}" if each.scale > largest else unit
    ramp = element("i", style=f"background:{gradient(each.kind.signed)}")
    bar = f'<p class="bar"><span>{low}</span>{ramp}<span>{end}</span></p>'
    if each.kind.signed and classes[1] is not None:
        short = escape(said.replace("logit difference", "Δ logit"))
        ends = f"<b>← {escape(classes[1])}</b><span>{short}</span><b>{escape(classes[0])} →</b>"
        return bar + element("p", ends, class_="unit ends", title=f"{said}: {classes[1]} left, {classes[0]} right")
    return bar + element("p", escape(said), class_="unit", title=said)
