"""The first view: what run this is, how good it is, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.app.page.html import Html, breakable, element, join, link
from workbench.app.page.panes.analysis_link import analysis_link
from workbench.app.page.panes.diagnosis import diagnosis_html
from workbench.app.page.view import View
from workbench.core.wording import bare_percent, cell, plural, significant
from workbench.diagnosis import registry
from workbench.statistics.confusion import recall
from workbench.statistics.rates import wilson

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk

LEFT_OUT = (
    *("name", "dataset", "metrics", "class_names", "dataset_fingerprints", "versions", "settings", "image_shape"),
    *("files", "checksum"),
)
LONG = 18
"""Letters of a class name from which it is written smaller, so that a card keeps its height."""
CALLED = {"seconds": "training time", "created": "trained at"}


def side_html(desk: Desk) -> Html:
    """Build the manifest and the list of questions."""
    return _manifest(desk) + _questions(desk)


def overview_html(desk: Desk, view: View) -> Html:
    """Build the numbers and the diagnosis; needs the predictions."""
    return _numbers(desk) + diagnosis_html(desk, whole=view.whole)


def _numbers(desk: Desk) -> Html:
    board, names = desk.board, desk.session.class_names
    assert board is not None  # noqa: S101  # the page waits for it
    images = len(board.labels)
    low, high = (float(end) for end in wilson(images - board.wrong, images))
    rates = recall(board.counts)
    known = np.flatnonzero(~np.isnan(rates))
    order = known[np.argsort(rates[known], kind="stable")]
    worst, best = int(order[0]), int(order[-1])
    wrong = board.confidence[board.predicted != board.labels]
    errors = {"section": "errors", "true": "any", "predicted": "any"}
    mean = f"{bare_percent(float(wrong.mean()))} %" if len(wrong) else "–"
    span = f"95 % interval {bare_percent(low, 1)} to {bare_percent(high, 1)}"
    cards = [
        _card("Accuracy", f"{bare_percent(1 - board.wrong / images, 2)} %", span),
        _card("Errors", f"{board.wrong:,}", f"of {plural(images, 'image')}", errors),
        *(
            _card(title, names[each], f"recall {bare_percent(float(rates[each]), 1)} %", _all_of(each))
            for title, each in (("Hardest class", worst), ("Easiest class", best))
            if worst != best
        ),
        _card("Mean confidence when wrong", mean, "lower is better", errors),
    ]
    said = filter(None, [desk.assumed, desk.session.reading])
    notes = [element("p", each, class_="assumed", role="note") for each in said]
    return Html().join(notes) + element("div", *cards, class_="cards")


def _all_of(index: int) -> dict[str, str]:
    return {"section": "errors", "true": str(index), "predicted": "any"}


def _card(title: str, value: str, note: str, query: Mapping[str, str] | None = None) -> Html:
    large = element("b", breakable(value), class_="long" if len(value) > LONG else None)
    inner = element("small", title) + large + element("small", note)
    return link(inner, query, class_="card") if query else element("div", inner, class_="card")


def _manifest(desk: Desk) -> Html:
    session = desk.session
    facts: dict[str, Any] = {"model": session.name, "data": session.dataset.name, "images": f"{len(session.dataset):,}"}
    if session.dataset.has_images:
        height, width, channels = session.dataset.image_shape
        facts["image size"] = f"{height} × {width}, {'grey' if channels == 1 else 'colour'}"
    facts["classes"] = len(session.class_names)
    if session.dataset.notes:
        facts["about the data"] = session.dataset.notes
    if session.run is not None:
        manifest = session.run.manifest.model_dump(mode="json")
        for split, metrics in manifest.get("metrics", {}).items():
            facts[f"{split} metrics"] = ", ".join(
                f"{name} {significant(float(value))}" for name, value in metrics.items()
            )
        for name, value in manifest.items():
            if name not in LEFT_OUT:
                facts[CALLED.get(name, name.replace("_", " "))] = _fact(name, value)
        facts["settings"] = manifest.get("settings")
        facts["versions"] = manifest.get("versions")
    if session.settled and not session.only_predictions:
        facts["preprocessing"] = f"{session.preprocessing}{f' ({session.found})' if session.found else ''}"
    if session.ready:
        facts["scores"] = session.probe.note
    rows = join(element("dt", name) + _sentences(value) for name, value in facts.items())
    title = "This model" if session.run is None else "This run"
    return element("section", element("h2", title), element("dl", rows), class_="facts")


def _sentences(value: Any) -> Html:
    """Write a fact; several sentences one below the other."""
    sentences = value if isinstance(value, tuple) else (value,)
    return element("dd", Html("<br>").join(cell(each) for each in sentences))


def _fact(name: str, value: Any) -> Any:
    """Shorten what nobody reads to its end."""
    if name == "seconds":
        return f"{value / 60:.0f} minutes" if value >= 120 else f"{value:.0f} seconds"
    if name in ("git_revision", "model_sha256") and value:
        return str(value)[:12]
    if name == "parameters":
        return f"{value:,}"
    if name == "created":
        return str(value)[:16].replace("T", " ")
    return value


def _questions(desk: Desk) -> Html:
    items = (
        element("li", analysis_link(desk, name, kind, question=True)) for name, kind in registry.analyses().items()
    )
    return element("section", element("h2", "Analyses"), element("ul", *items), class_="questions")
