"""One image: how probable each class is, and what speaks for one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench.app.markup import Html, element, join
from workbench.app.page import maps
from workbench.app.page.html import breakable, button, choices, link, options, waiting
from workbench.app.page.image_name import short_name
from workbench.app.page.panes import advice, map_card, method_menu
from workbench.app.page.subject import Subject
from workbench.app.page.view import View
from workbench.app.pictures import fit, image_uri, tag
from workbench.core.wording import plural, probability
from workbench.diagnosis import registry

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk

BOX = 224
TOP = 5
TOP_OF_OWN = 8


def image_html(desk: Desk, subject: Subject, *, editable: bool = True, below: Html | None = None) -> Html:
    """Show the image itself.

    Args:
        desk: of the model.
        subject: the image.
        editable: whether it can be changed here, to see what would change the prediction.
        below: what stands under it.
    """
    height, width = subject.pixels.shape[:2]
    size = fit(height, width, BOX)
    picture = tag(image_uri(subject.pixels, size), size, subject.title)
    written, whole = short_name(subject.title)
    editable = editable and not desk.session.only_predictions
    edit = button("Change it and watch", {"edit": "1"}, class_="button edit") if editable else None
    return element("section", element("h2", written, title=whole), picture, edit, below, class_="one")


def also_html(desk: Desk, row: int, *, known: bool = False) -> Html | None:
    """Link to where else one image can be looked at: what is known of it, and every analysis that can be asked of it.

    Args:
        desk: whose analyses these are.
        row: of the dataset under study.
        known: whether what is known and said of it stands beside it.
    """
    links = [] if known else [link("Tags and neighbours", {"section": "images", "image": str(row)})]
    image = str(desk.session.dataset.names[row])
    for name, kind in registry.analyses().items():
        if "row" in kind.Params.model_fields and not desk.lacks(name):
            links.append(link(kind.title, {"section": name, "row": image}, title=kind.question()))
    return element("p", Html(" · ").join(links), class_="also") if links else None


def probabilities_html(
    subject: Subject,
    names: Sequence[str],
    view: View,
    *,
    title: str = "",
    asked: Subject | None = None,
    below: Html | None = None,
) -> Html:
    """List the most probable classes, and always the true one; each can be chosen to be explained.

    Args:
        subject: the image and what a model says of it.
        names: of the classes.
        view: what is explained.
        title: what stands above; how many classes these are, if not given.
        asked: the image as the model sees it that the view is about, where `subject` is what another one says.
        below: what stands under them.
    """
    meant = asked or subject
    order = [int(k) for k in np.argsort(-subject.probabilities, kind="stable")]
    top = order[: TOP_OF_OWN if subject.label is None else TOP]
    if subject.label is not None and subject.label not in top:
        top[-1] = subject.label
    rows = join(_row(subject, names, k, meant, explained=meant.target(view.explain) == (k, None)) for k in top)
    count = f"Top {len(top)} of {plural(len(names), 'class')}, %" if len(names) > len(top) else "Classes, %"
    head = element("h2", title or count)
    return element("section", head, element("ol", rows), _key(subject, order), below, class_="pr")


def _row(subject: Subject, names: Sequence[str], k: int, meant: Subject, *, explained: bool) -> Html:
    share = float(subject.probabilities[k])
    role = "p" if k == subject.predicted else "t" if k == subject.label else ""
    word = "predicted" if k == meant.predicted else "true" if k == meant.label else str(k)
    bar = element("s", element("i", style=f"width:{100 * share:.1f}%"))
    label = element("span", breakable(names[k])) + bar + element("b", probability(share, 1))
    return element("li", button(label, {"explain": word}, pressed=explained, title=f"explain {names[k]}"), class_=role)


def _key(subject: Subject, order: list[int]) -> Html:
    predicted, true = "■ predicted", None
    if subject.label == subject.predicted:
        predicted = "■ predicted, and true"
    elif subject.label is not None:
        rank = order.index(subject.label) + 1
        true = element("span", f"■ true, rank {rank}" if rank > 2 else "■ true", class_="rt")
    return element("p", element("span", predicted, class_="rp"), true, class_="key")


def explanation_html(desk: Desk, subject: Subject, view: View) -> Html:
    """Show the maps and what they can be changed by; the model has to be there."""
    names, note = desk.session.class_names, advice.note_html(desk, view)
    view = maps.as_advised(desk, view)
    figures = map_card.maps_html(
        maps.maps_of(desk, subject, view), subject, view, names, lambda each: method_menu.about_html(desk, view, each)
    )
    return section_html(desk, subject, view, element("div", figures, class_="maps"), note)


def section_html(desk: Desk, subject: Subject, view: View, *inside: Html) -> Html:
    """Build what stands above maps, and the maps below it."""
    names = desk.session.class_names
    slider = element(
        "input", type="range", min=0, max=100, value=85, data_overlay=True, aria_label="opacity of the overlay"
    )
    overlay = element("label", "overlay ", slider, class_="overlay")
    tools = element("div", _layers(desk, view), _settings(desk, view), overlay, class_="tools")
    head = element("header", element("h2", "Evidence for"), _which(subject, names, view), tools)
    return element("section", head, *inside, class_="ex")


def waiting_html(key: str, words: str, detail: str) -> Html:
    """Stand in for the maps until the model is there."""
    return element("section", element("h2", "Evidence"), waiting(key, words, detail), class_="ex")


def _which(subject: Subject, names: Sequence[str], view: View) -> Html:
    first, second = (_short_name(names[each]) for each in (subject.predicted, subject.second))
    target = subject.target(view.explain)
    role = "predicted" if subject.label is None or subject.wrong else "predicted, true"
    entries: list[tuple[str, str, tuple[int, int | None]]] = [
        (first + " " + element("small", role), "predicted", (subject.predicted, None))
    ]
    if subject.wrong:
        entries.append((second + " " + element("small", "true"), "true", (subject.second, None)))
    if target[1] is None and target[0] not in (subject.predicted, subject.second if subject.wrong else -1):
        entries.append((_short_name(names[target[0]]), str(target[0]), target))
    rest = "true − predicted" if subject.wrong else element("small", "rather than") + " " + second
    entries.append((rest, "difference", subject.target("difference")))
    return choices("class to explain", [(label, {"explain": word}, target == of) for label, word, of in entries])


def _short_name(name: str) -> Html:
    """Write a name that may be cut where it is too long."""
    return element("span", name, class_="cut", title=name)


def _layers(desk: Desk, view: View) -> Html | None:
    there = maps.methods(desk)
    if not any(there[name].needs_layer() for name in maps.method_names(desk, view)):
        return None
    probe = desk.session.probe
    tails = Counter(name.rpartition("/")[2] for name in probe.spatial_layers)
    values = []
    for name in probe.spatial_layers:
        (height, width), tail = probe.layers[name].places, name.rpartition("/")[2]
        values.append((name, f"{tail if tails[tail] == 1 else name} {height}×{width}"))
    now = maps.layer_of(desk, view) or probe.default_layer or ""
    return element("label", "layer ", element("select", options(values, now), data_set="layer"))


def _settings(desk: Desk, view: View) -> Html:
    """Offer the methods, the colour scale and the resolution in one menu."""
    scales = [("own", "each by its own maximum"), ("shared", "shared by both classes and their difference")]
    grids = [("smooth", "smooth"), ("native", "native resolution")]
    rows = (
        ("colour scale", [(text, {"scale": word}, view.scale == word) for word, text in scales]),
        ("layer maps", [(text, {"grid": word}, view.grid == word) for word, text in grids]),
    )
    label = f"Maps ({len(maps.method_names(desk, view))}) ▾"
    lines = [element("div", element("span", name), choices(name, entries), class_="line") for name, entries in rows]
    families = element("div", method_menu.menu_html(desk, view), class_="families")
    opener = element("button", label, type="button", class_="pop", popovertarget="methods", aria_haspopup="true")
    return opener + element("div", *lines, families, popover=True, id="methods", class_="menu wide")
