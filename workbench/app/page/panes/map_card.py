"""Attribution maps as HTML: the image below, the map over it, its colour bar, and what is said about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from workbench.app.markup import Html, element, join
from workbench.app.page.html import paper_link
from workbench.app.page.maps import ShownMap
from workbench.app.page.method_options import descriptions, options_of
from workbench.app.page.panes.verdict import place_html
from workbench.app.page.subject import Subject
from workbench.app.page.view import View
from workbench.app.pictures import Size, data_uri, fit, image_uri, tag
from workbench.core.attribution import Attribution
from workbench.core.wording import significant
from workbench.plotting.colours import CONTRASTING, gradient, rgba, scale_of

BOX, WIDE = 196, 252
"""Pixels that a map has at most: usually, and on a screen that has room for four of them."""


def maps_html(
    found: Sequence[ShownMap],
    subject: Subject,
    view: View,
    names: Sequence[str],
    about: Callable[[ShownMap], Html] | None = None,
) -> Html:
    """Build the figures.

    Args:
        found: the maps.
        subject: the image.
        view: what is asked for.
        names: of the classes.
        about: builds what stands behind a method's name.
    """
    height, width = subject.pixels.shape[:2]
    size, wide = fit(height, width, BOX), fit(height, width, WIDE)
    sizes = f"--usual-w:{size.width}px;--usual-h:{size.height}px;--wide-w:{wide.width}px;--wide-h:{wide.height}px"
    under = tag(image_uri(subject.pixels, size), size)
    target, against = subject.target(view.explain)
    classes = (names[target], None if against is None else names[against])
    return join(
        element(
            "figure",
            _head(each, about),
            _figure(each, under, size, view, classes, error=subject.wrong),
            None if each.title else use_html(each),
            style=sizes,
        )
        for each in found
    )


def _head(each: ShownMap, about: Callable[[ShownMap], Html] | None) -> Html:
    title, there = element("b", each.title or each.kind.title), f"about-{each.kind.name}"
    if about is not None and not each.title:
        title = element("button", title, type="button", class_="name", popovertarget=there, aria_haspopup="true")
        title += element("div", about(each), popover=True, id=there, class_="menu about")
    return element("figcaption", title)


def use_html(each: ShownMap) -> Html:
    """Say what a method is good for, and where it stands."""
    return element("p", f"{each.kind.use} ", paper_link(each.kind.paper, short=True), class_="use")


def _figure(
    each: ShownMap, under: Html, size: Size, view: View, classes: tuple[str, str | None], *, error: bool
) -> Html:
    if each.attribution is None:
        return element("p", each.reason, class_="problem")
    what = classes[0] if classes[1] is None else f"{classes[0]} rather than {classes[1]}"
    values, native, pixels = each.attribution, each.attribution.values.shape[1:], each.attribution.image_size
    as_is = native == pixels or view.grid == "native"
    heat = (values.values if as_is else values.at_pixels())[0]
    contrast = error and values.signed and classes[1] is not None and not each.ends
    called = f"{each.kind.title}, {each.title}," if each.title else each.kind.title
    ink = data_uri(rgba(heat, signed=values.signed, scale=each.scale, contrast=contrast))
    over = tag(ink, size, f"{called} for {what}", "ov px" if view.grid == "native" else "ov")
    largest = scale_of(values.values, values.signed)
    if largest == 0:
        nothing = "no difference" if each.ends else "no evidence" if values.signed else "no positive evidence"
        over = element("span", nothing, class_="none", role="img", aria_label=f"{nothing} for {what}")
    stack = element(
        "div",
        under,
        over,
        class_="st",
        tabindex=0,
        role="group",
        aria_label=f"{called} for {what}: raw values; move with the arrow keys",
        data_values=each.key,
        data_grid=f"{native[0]},{native[1]}",
        data_pixels=f"{pixels[0]},{pixels[1]}",
        data_unit=values.unit,
        data_layer=values.layer or "",
    )
    place = place_html(each.key, f"{each.kind.name}{each.mark}") if each.judged else element("div", class_="unjudged")
    return (
        place
        + stack
        + _bar(each, signed=values.signed, contrast=contrast)
        + _ends(each, classes, error=error)
        + _note(each, view, largest)
    )


def _bar(each: ShownMap, *, signed: bool, contrast: bool) -> Html:
    """Build the colour bar; its ends are raw numbers."""
    end = significant(each.scale)
    low = f"−{end}" if signed else "0"
    colours = f"linear-gradient(90deg,{','.join(CONTRASTING)})" if contrast else gradient(signed)
    ramp = element("i", style=f"background:{colours}")
    return element("p", element("span", low), ramp, element("span", end), class_="bar")


def _ends(each: ShownMap, classes: tuple[str, str | None], *, error: bool) -> Html:
    """Say which end of a contrast speaks for which class, in their colours."""
    if each.ends:
        low, high = (element("span", name) for name in each.ends)
        ends = element("b", "← ", low, title=each.ends[0]), element("b", high, " →", title=each.ends[1])
        return element("p", *ends, class_="ends")
    if not each.kind.signed or classes[1] is None:
        return Html()
    roles = ("rp", "rt") if error else (None, "rp")
    left = element("b", "← ", element("span", classes[1]), class_=roles[0], title=classes[1])
    right = element("b", element("span", classes[0]), " →", class_=roles[1], title=classes[0])
    return element("p", left, right, class_="ends")


def _note(each: ShownMap, view: View, largest: float) -> Html:
    """Say the unit, the largest value where the scale does not end there, where the map was read, and how well."""
    made = each.attribution
    assert made is not None  # noqa: S101  # a figure without a map says why instead
    parts = [made.unit.replace("logit difference", "Δ logit")]
    if each.scale > largest:
        parts.append(f"largest {significant(largest)}")
    parts += _where(made, view)
    told = [f"{name} {significant(float(values[0]))}" for name, values in made.details.items()]
    changed = options_of(view.options, each.kind.name)
    rest = descriptions({name: value for name, value in changed.items() if name != "layer"})
    whole, short = (" · ".join([*parts, *some, *rest]) for some in (told, told[:1]))  # the first says how well it went
    short = short if made.layer is None else short.replace(made.layer, made.layer.rpartition("/")[2], 1)
    return element("p", short, class_="unit", title=whole)


def _where(made: Attribution, view: View) -> list[str]:
    native, pixels = made.values.shape[1:], made.image_size
    if made.layer is None and native == pixels:
        return []
    drawn = " as it is" if view.grid == "native" or native == pixels else f" → {pixels[0]}×{pixels[1]}"
    size = f"{native[0]}×{native[1]}{drawn}"
    return [f"{made.layer}, {size}" if made.layer else size]
