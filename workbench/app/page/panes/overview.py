"""The first view: what run this is, how good it is, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.app.markup import Html, element, join
from workbench.app.page.html import breakable, link
from workbench.app.page.panes.analysis_links import analysis_links
from workbench.app.page.panes.diagnosis import diagnosis_html
from workbench.app.page.view import View
from workbench.core.wording import bare_percent, cell, plural, significant
from workbench.statistics.confusion import recall
from workbench.statistics.rates import wilson
from workbench.statistics.top_five import top_five
from workbench.training.manifest import Manifest

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk

TOLD = (
    *("name", "dataset", "class_names", "image_shape", "architecture", "parameters", "recipe", "epochs", "best_epoch"),
    *("metrics", "created", "seconds", "seed", "settings", "preprocessing"),
)
OF_PROGRAMS = ("dataset_fingerprints", "versions", "git_revision", "model_sha256", "files", "checksum")
NOTHING: tuple[Any, ...] = (None, "", (), [], {})
LONG = 18
"""Letters of a class name from which it is written smaller, so that a card keeps its height."""


def side_html(desk: Desk) -> Html:
    """Build what stands below the numbers and the problems: all analyses, and folded what run this is."""
    listed = element("nav", analysis_links(desk), class_="groups", aria_label="list of analyses")
    return element("section", element("h2", "Analyses"), listed, class_="asked") + _manifest(desk)


def overview_html(desk: Desk, view: View) -> Html:
    """Build the numbers and the diagnosis; needs the predictions."""
    return _numbers(desk) + diagnosis_html(desk, whole=view.whole, report=view.report)


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
        card_html("Accuracy", f"{bare_percent(1 - board.wrong / images, 2)} %", span),
        *_of_five(desk),
        card_html("Errors", f"{board.wrong:,}", f"of {plural(images, 'image')}", errors),
        *(
            card_html(title, names[each], f"recall {bare_percent(float(rates[each]), 1)} %", _all_of(each))
            for title, each in (("Hardest class", worst), ("Easiest class", best))
            if worst != best
        ),
        card_html("Mean confidence when wrong", mean, "lower is better", errors),
    ]
    said = filter(None, [desk.assumed, desk.session.reading])
    notes = [element("p", each, class_="assumed", role="note") for each in said]
    return Html().join(notes) + element("div", *cards, class_="cards", style=f"--cards:{len(cards)}")


def _of_five(desk: Desk) -> list[Html]:
    """Build the card of the top-5 accuracy, where there are enough classes for it."""
    share = top_five(desk.session.predictions)
    if share is None:
        return []
    span = f"95 % interval {bare_percent(share.low, 1)} to {bare_percent(share.high, 1)}"
    return [card_html("Top-5 accuracy", f"{bare_percent(share.value, 2)} %", span)]


def _all_of(index: int) -> dict[str, str]:
    return {"section": "errors", "true": str(index), "predicted": "any"}


def card_html(title: str, value: str, note: str, query: Mapping[str, str] | None = None) -> Html:
    """Build a card: what it is, its value and a note; a link to a view where there is one."""
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
    facts["about the data"] = session.dataset.notes
    if session.run is not None:
        facts |= _of_run(session.run.manifest)
    if session.settled and not session.only_predictions:
        facts["preprocessing"] = f"{session.preprocessing}{f' ({session.found})' if session.found else ''}"
    if session.ready:
        facts["scores"] = session.probe.note
    rows = join(element("dt", name) + _sentences(value) for name, value in facts.items() if value not in NOTHING)
    title = "About this model" if session.run is None else "About this run"
    inside = element("summary", title) + element("dl", rows)
    return element("details", inside, class_="facts how", data_stay="facts")


def _of_run(manifest: Manifest) -> dict[str, Any]:
    """Return what people want to know of a run; programs read the rest in its run.json."""
    written = manifest.model_dump(mode="json")
    minutes = manifest.seconds / 60
    taken = plural(round(minutes), "minute") if minutes >= 2 else plural(round(manifest.seconds), "second")
    facts = {
        "network": f"{manifest.architecture}, {plural(manifest.parameters, 'parameter')}",
        "recipe": manifest.recipe,
        "epochs": manifest.epochs if manifest.best_epoch is None else f"{manifest.epochs}, best {manifest.best_epoch}",
        **{
            f"on {split} images": ", ".join(f"{name} {significant(value)}" for name, value in metrics.items())
            for split, metrics in manifest.metrics.items()
        },
        "trained": f"{manifest.created[:16].replace('T', ' ')}, in {taken}",
        "seed": manifest.seed,
        "settings": manifest.settings,
    }
    rest = (name for name in written if name not in (*TOLD, *OF_PROGRAMS) and written[name] != _default(name))
    return facts | {name.replace("_", " "): written[name] for name in rest}


def _default(name: str) -> Any:
    return Manifest.model_fields[name].default


def _sentences(value: Any) -> Html:
    """Write a fact; several sentences one below the other."""
    sentences = value if isinstance(value, tuple) else (value,)
    return element("dd", Html("<br>").join(cell(each) for each in sentences))
