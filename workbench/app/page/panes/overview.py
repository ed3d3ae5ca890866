"""The first view: what run this is, how good it is, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.app.page.html import breakable, count, element, escape, link, number, percent, plain
from workbench.app.page.panes.diagnosis import diagnosis_html
from workbench.app.page.view import View
from workbench.diagnosis import registry
from workbench.statistics.confusion import recall
from workbench.statistics.rates import wilson

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk

LEFT_OUT = ("name", "dataset", "metrics", "class_names", "dataset_fingerprints", "versions", "settings", "image_shape")
LONG = 18
"""Letters of a class name from which it is written smaller, so that a card keeps its height."""
CALLED = {"seconds": "training took", "created": "trained on"}


def side_html(desk: Desk) -> str:
    """Build the manifest and the list of questions."""
    return _manifest(desk) + _questions()


def overview_html(desk: Desk, view: View) -> str:
    """Build the numbers and the diagnosis; needs the predictions."""
    return f"{_numbers(desk)}{diagnosis_html(desk, whole=view.whole)}"


def _numbers(desk: Desk) -> str:
    board, names = desk.board, desk.session.class_names
    assert board is not None  # noqa: S101  # the page waits for it
    images = len(board.labels)
    low, high = (float(end) for end in wilson(images - board.wrong, images))
    rates = recall(board.counts)
    known = np.flatnonzero(~np.isnan(rates))
    worst, best = int(known[rates[known].argmin()]), int(known[rates[known].argmax()])
    wrong = board.confidence[board.predicted != board.labels]
    errors = {"section": "errors", "true": "any", "predicted": "any"}
    mean = f"{percent(float(wrong.mean()))} %" if len(wrong) else "–"
    span = f"95 % interval {percent(low, 1)} to {percent(high, 1)}"
    cards = [
        _card("Accuracy", f"{percent(1 - board.wrong / images, 2)} %", span),
        _card("Errors", f"{board.wrong:,}", f"of {count(images, 'image')}", errors),
        _card("Hardest class", names[worst], f"{percent(float(rates[worst]), 1)} % recognised", _all_of(worst)),
        _card("Easiest class", names[best], f"{percent(float(rates[best]), 1)} % recognised", _all_of(best)),
        _card("Confidence of errors", mean, "on average; low where a model knows its limits", errors),
    ]
    return f'<div class="cards">{"".join(cards)}</div>'


def _all_of(index: int) -> dict[str, str]:
    return {"section": "errors", "true": str(index), "predicted": "any"}


def _card(title: str, value: str, note: str, query: Mapping[str, str] | None = None) -> str:
    large = element("b", breakable(value), class_="long" if len(value) > LONG else None)
    inner = f"<small>{escape(title)}</small>{large}<small>{escape(note)}</small>"
    return link(inner, query, class_="card") if query else f'<div class="card">{inner}</div>'


def _manifest(desk: Desk) -> str:
    session = desk.session
    facts: dict[str, Any] = {"model": session.name, "data": session.dataset.name, "images": f"{len(session.dataset):,}"}
    facts["image size"] = " × ".join(str(side) for side in session.dataset.image_shape[:2]) + (
        ", grey" if session.dataset.image_shape[2] == 1 else ", colour"
    )
    facts["classes"] = len(session.class_names)
    if session.dataset.notes:
        facts["about the data"] = session.dataset.notes
    if session.run is not None:
        manifest = session.run.manifest.model_dump(mode="json")
        for split, metrics in manifest.get("metrics", {}).items():
            facts[f"{split} metrics"] = ", ".join(f"{name} {number(float(value))}" for name, value in metrics.items())
        for name, value in manifest.items():
            if name not in LEFT_OUT:
                facts[CALLED.get(name, name.replace("_", " "))] = _fact(name, value)
        facts["settings"] = manifest.get("settings")
        facts["versions"] = manifest.get("versions")
    facts["preprocessing"] = f"{session.preprocessing}{f' ({session.found})' if session.found else ''}"
    if session.ready:
        facts["its scores"] = session.probe.note
    rows = "".join(f"<dt>{escape(name)}</dt>{_said(value)}" for name, value in facts.items())
    title = "This model" if session.run is None else "This run"
    return f'<section class="facts"><h2>{title}</h2><dl>{rows}</dl></section>'


def _said(value: Any) -> str:
    """Write a fact; several sentences one below the other."""
    sentences = value if isinstance(value, tuple) else (value,)
    return f"<dd>{'<br>'.join(escape(plain(each)) for each in sentences)}</dd>"


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


def _questions() -> str:
    items = "".join(
        f"<li>{link(f'<b>{breakable(name)}</b><span>{escape(kind.question())}</span>', {'section': name})}</li>"
        for name, kind in registry.analyses().items()
    )
    return f'<section class="questions"><h2>Questions to ask</h2><ul>{items}</ul></section>'
