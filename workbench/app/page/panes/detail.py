"""One image: how probable each class is, and what speaks for one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench.app.page import maps
from workbench.app.page.html import breakable, button, choices, element, escape, link, options, probability, waiting
from workbench.app.page.panes import map_card, method_menu
from workbench.app.page.pictures import fit, shown, tag
from workbench.app.page.subject import Subject
from workbench.app.page.view import View
from workbench.diagnosis import registry

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk

BOX = 224
TOP = 5
TOP_OF_OWN = 8


def image_html(subject: Subject, row: int) -> str:
    """Show the image itself, and where else to look at it."""
    height, width = subject.pixels.shape[:2]
    size = fit(height, width, BOX)
    picture = tag(shown(subject.pixels, size), size, subject.title)
    return f'<section class="one"><h2>{escape(subject.title)}</h2>{picture}{_also(row)}</section>'


def _also(row: int) -> str:
    """Link to the canvas, and to every analysis that can be asked about one image."""
    links = [link("change it", {"section": "own", "start": str(row)})]
    for name, kind in registry.analyses().items():
        if "row" in kind.Params.model_fields:
            links.append(link(breakable(name), {"section": name, "row": str(row)}, title=kind.question()))
    return f'<p class="also">{" · ".join(links)}</p>'


def probabilities_html(subject: Subject, names: Sequence[str], view: View) -> str:
    """List the most probable classes, and always the true one; each can be chosen to be explained."""
    order = [int(k) for k in np.argsort(-subject.probabilities, kind="stable")]
    top = order[: TOP_OF_OWN if subject.label is None else TOP]
    if subject.label is not None and subject.label not in top:
        top[-1] = subject.label
    rows = "".join(_row(subject, names, k, subject.target(view.explain) == (k, None)) for k in top)
    title = f"Top {len(top)} of {len(names)} classes, %" if len(names) > len(top) else "Classes, %"
    return f'<section class="pr"><h2>{title}</h2><ol>{rows}</ol>{_key(subject, order)}</section>'


def _row(subject: Subject, names: Sequence[str], k: int, explained: bool) -> str:
    share = float(subject.probabilities[k])
    role, word = "", str(k)
    if k == subject.predicted:
        role, word = "p", "predicted"
    elif k == subject.label:
        role, word = "t", "true"
    bar = f'<s><i style="width:{100 * share:.1f}%"></i></s>'
    label = f"<span>{breakable(names[k])}</span>{bar}<b>{probability(share, 1)}</b>"
    inner = button(label, {"explain": word}, pressed=explained, title=f"explain {names[k]}")
    return f'<li class="{role}">{inner}</li>'


def _key(subject: Subject, order: list[int]) -> str:
    if subject.label is None:
        return '<p class="key"><span class="rp">■ predicted</span></p>'
    if subject.label == subject.predicted:
        return '<p class="key"><span class="rp">■ predicted, and true</span></p>'
    rank = order.index(subject.label) + 1
    said = f", rank {rank}" if rank > 2 else ""
    return f'<p class="key"><span class="rp">■ predicted</span><span class="rt">■ true{said}</span></p>'


def explanation_html(desk: Desk, subject: Subject, view: View) -> str:
    """Show the maps and what they can be changed by; the model has to be there."""
    names = desk.session.class_names
    figures = map_card.maps_html(
        maps.shown(desk, subject, view), subject, view, names, lambda each: method_menu.about_html(desk, view, each)
    )
    slider = element(
        "input", type="range", min=0, max=100, value=85, data_overlay=True, aria_label="opacity of the overlay"
    )
    tools = f'{_layers(desk, view)}{_settings(desk, view)}<label class="overlay">overlay {slider}</label>'
    head = f'<header><h2>What speaks for</h2>{_which(subject, names, view)}<div class="tools">{tools}</div></header>'
    return f'<section class="ex">{head}<div class="maps">{figures}</div></section>'


def waiting_html(key: str, words: str, detail: str) -> str:
    """Stand in for the maps until the model is there."""
    return f'<section class="ex"><h2>What speaks for it</h2>{waiting(key, words, detail)}</section>'


def _which(subject: Subject, names: Sequence[str], view: View) -> str:
    first, second = (_cut(names[each]) for each in (subject.predicted, subject.second))
    target = subject.target(view.explain)
    told = "predicted" if subject.label is None or subject.wrong else "predicted, true"
    entries: list[tuple[str, str, tuple[int, int | None]]] = [
        (f"{first} <small>{told}</small>", "predicted", (subject.predicted, None))
    ]
    if subject.wrong:
        entries.append((f"{second} <small>true</small>", "true", (subject.second, None)))
    if target[1] is None and target[0] not in (subject.predicted, subject.second if subject.wrong else -1):
        entries.append((_cut(names[target[0]]), str(target[0]), target))
    rest = "true − predicted" if subject.wrong else f"<small>rather than</small> {second}"
    entries.append((rest, "difference", subject.target("difference")))
    return choices("class to explain", [(label, {"explain": word}, target == of) for label, word, of in entries])


def _cut(name: str) -> str:
    """Write a name that may be cut where it is too long."""
    return element("span", escape(name), class_="cut", title=name)


def _layers(desk: Desk, view: View) -> str:
    there = maps.methods(desk)
    if not any(there[name].needs_layer() for name in maps.chosen(desk, view)):
        return ""
    probe = desk.session.probe
    tails = Counter(name.rpartition("/")[2] for name in probe.spatial_layers)
    values = []
    for name in probe.spatial_layers:
        (height, width), tail = probe.layers[name].shape[:2], name.rpartition("/")[2]
        values.append((name, f"{tail if tails[tail] == 1 else name} {height}×{width}"))
    now = maps.layer_of(desk, view) or probe.default_layer or ""
    return f'<label>layer <select data-set="layer">{options(values, now)}</select></label>'


def _settings(desk: Desk, view: View) -> str:
    """Offer the methods, the colour scale and the resolution in one menu."""
    scales = [("own", "each by its own largest value"), ("shared", "one for both classes and their difference")]
    grids = [("smooth", "smooth"), ("native", "as the layer has it")]
    rows = (
        ("colour scale", [(text, {"scale": word}, view.scale == word) for word, text in scales]),
        ("maps of a layer", [(text, {"grid": word}, view.grid == word) for word, text in grids]),
    )
    said = f"Maps ({len(maps.chosen(desk, view))}) ▾"
    lines = "".join(f'<div class="line"><span>{label}</span>{choices(label, entries)}</div>' for label, entries in rows)
    listed = f'<div class="families">{method_menu.menu_html(desk, view)}</div>'
    return (
        element("button", said, type="button", class_="pop", popovertarget="methods", aria_haspopup="true")
        + f'<div popover id="methods" class="menu wide">{lines}{listed}</div>'
    )
