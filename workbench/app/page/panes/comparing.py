"""The page's model and a run of the place on the same images: what the run mends and breaks, and what is chance."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING

from workbench.app.markup import Html, code, element, join
from workbench.app.page.comparing import GROUPS, Compared, side_address
from workbench.app.page.html import button, link, options, problem, waiting
from workbench.app.page.images.sets import of_finding
from workbench.app.page.panes.analysis_links import title_of
from workbench.app.page.panes.findings import evidence_html
from workbench.app.page.panes.overview import card_html
from workbench.app.page.panes.tables import Order, table_html
from workbench.core.image_set import ImageSet
from workbench.core.wording import SMALLEST_P, bare_percent, number, p_value, plural
from workbench.diagnosis.changed_findings import STATES, FindingChange

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk
    from workbench.app.page.owners import Owner
    from workbench.app.page.view import View
    from workbench.core.estimate import Estimate
    from workbench.training.runs import Run

FINDINGS = "findings"
"""In a view's `compute`: both models are to be diagnosed."""
SHOWN = 18
"""Images of a strip."""
OUTCOMES = {
    "fixed": ("Fixed", "wrong in A, right in B"),
    "broken": ("Broken", "right in A, wrong in B"),
    "both_wrong": ("Both wrong, alike", "as the same class"),
    "both_wrong_otherwise": ("Both wrong, otherwise", "as different classes"),
    "both_right": ("Both right", "nothing changes"),
}


def side_html(desk: Desk, view: View) -> Html:
    """Build what stands above: both models, and which run is compared with."""
    heading = element("h2", "Compare")
    runs = [name for name, (_, why) in desk.comparing.runs(desk.session).items() if not why]
    if not runs and not view.against:
        return heading
    own = desk.session.name
    entries = [(name, f"{name} (the same run)" if name == own else name) for name in runs]
    unknown = [] if not view.against or view.against in runs else [(view.against, view.against)]
    first = [("", "choose a run …")] if not view.against else []
    select = element(
        "select",
        options([*first, *entries, *unknown], view.against),
        data_set="against",
        data_also="compute=",
        aria_label="run to compare with",
    )
    one = element("span", element("i", "A", class_="model"), element("b", own))
    other = element("label", element("i", "B", class_="model"), select)
    switch = element("div", one, element("span", "→", class_="ar"), other, class_="switch")
    return heading + switch


def answer_html(desk: Desk, view: View, owner: Owner | None = None) -> Html:
    """Build the comparison, or say how far it is."""
    if not view.against:
        return _choice(desk)
    step = desk.pending()
    if step is not None:
        return problem(step[1].error) if step[1].error else waiting(step[0], step[2], step[1].what)
    key, job = desk.comparing.start(desk.session, view.against, owner)
    if not job.done.is_set():
        return waiting(key, f"Comparing with {view.against} …", job.what)
    if job.error:
        return problem(job.error)
    compared: Compared = job.value
    findings = _findings(desk, compared, view, owner)
    parts = (_headline(compared), _outcomes(desk, compared), _tables(desk, compared, key, view), findings)
    return element("div", *parts, class_="answer compared")


def _choice(desk: Desk) -> Html:
    """Offer the runs of the place, each with what it is."""
    words = "Choose a run. It is compared with this model on the same images, one by one."
    runs = desk.comparing.runs(desk.session) if desk.opened else {}
    cards = []
    for run in [run for run, why in runs.values() if not why]:
        made = run.manifest
        measured = made.metrics.get(desk.session.split, {}).get("accuracy")
        value = "–" if measured is None else f"{bare_percent(measured, 2)} %"
        note = f"{made.architecture}, {plural(made.epochs, 'epoch')}, {made.created[:10]}"
        cards.append(card_html(run.name, value, note, {"section": "compare", "against": run.name}))
    if not cards:
        words = "There is no run here with these classes and this image size. Train one: `workbench train NAME`."
        return element("p", code(words), class_="empty") + _elsewhere(desk, runs)
    return element("p", words, class_="help") + element("div", *cards, class_="cards") + _elsewhere(desk, runs)


def _elsewhere(desk: Desk, runs: Mapping[str, tuple[Run, str]]) -> Html:
    """Say which runs cannot be compared here, and why; and how a file is, which no page may open by its path."""
    run, data = desk.session.run, ""
    own = "MODEL" if run is None else shlex.quote(run.name)
    if run is None or run.manifest.dataset_fingerprints.get(desk.session.split) != desk.session.dataset.fingerprint:
        data = " --data DATA"
    wrong = [element("li", element("b", name), f": {why}") for name, (_, why) in runs.items() if why]
    others = element("ul", *wrong, class_="others") if wrong else None
    title = element("h3", "Not on these images") if wrong else None
    how = f"A model file or saved predictions, from the terminal: `workbench compare {own} FILE{data}`."
    return element("section", title, others, element("p", code(how), class_="help"), class_="elsewhere")


def _headline(compared: Compared) -> Html:
    found = compared.found
    one, other = found.accuracies
    gap = found.difference
    sign, ends = "+" if gap.value > 0 else "", [number(100 * end) for end in gap][1:]
    cards = [
        card_html("A: accuracy", f"{bare_percent(one.value, 2)} %", _span(one)),
        card_html("B: accuracy", f"{bare_percent(other.value, 2)} %", _span(other)),
        card_html(
            "Difference, B − A", f"{sign}{number(100 * gap.value)} points", f"95 % interval {ends[0]} to {ends[1]}"
        ),
        card_html("McNemar's exact test", p_value(found.chance, named=True), chance_in_words(found.chance)),
        card_html("Same prediction", f"{bare_percent(found.agreement[0].value, 1)} %", _kappa(found.agreement[1])),
    ]
    assumed = [each.assumed for each in (found.first, found.second) if each.settled and each.assumed]
    notes = [element("p", note, class_="assumed", role="note") for note in dict.fromkeys([*found.notes, *assumed])]
    return join([element("p", found.sentence, class_="sentence"), *notes, element("div", *cards, class_="cards")])


def _span(share: Estimate) -> str:
    return f"95 % interval {bare_percent(share.low, 1)} to {bare_percent(share.high, 1)}"


def _kappa(kappa: Estimate) -> str:
    return "Cohen's κ is not defined" if kappa.value != kappa.value else f"Cohen's κ {number(kappa.value)}"


def chance_in_words(p: float) -> str:
    """Say a p-value as how often two equally good models would differ as much."""
    if p >= 1:
        return "no difference to explain"
    if p < SMALLEST_P:
        return "by chance less than once in 10,000 times"
    return f"by chance about once in {round(1 / p):,} times" if p < 0.5 else "by chance more often than not"


def _outcomes(desk: Desk, compared: Compared) -> Html:
    found, cards = compared.found, list[Html]()
    for name, (title, note) in OUTCOMES.items():
        count = found.counts[name]
        query = {"section": "images", "set": compared.address(name)} if count else None
        cards.append(card_html(title, f"{count:,}", note, query))
    strips = [_strip(desk, compared, name) for name in ("fixed", "broken") if found.counts[name]]
    return element("div", *cards, class_="cards outcomes") + element("div", *strips, class_="strips")


def _strip(desk: Desk, compared: Compared, outcome: str) -> Html | None:
    images: ImageSet = compared.found.images(outcome)
    if (part := desk.part("data")) is None:
        return None
    title, note = OUTCOMES[outcome]
    heading = element("h3", f"{title} ", element("small", f"{note}, the largest change first"))
    return element("section", heading, evidence_html(images, part, SHOWN, compared.address(outcome)))


def _tables(desk: Desk, compared: Compared, key: str, view: View) -> Html:
    parts, result = [], compared.result
    for place, (name, frame) in enumerate(result.tables.items()):
        if name == GROUPS and not len(frame):
            tested = plural(len(compared.found.moved), "group")
            words = f"None: {tested} found on one half of the images, none of them confirmed on the other."
            if not compared.found.moved:
                words = "None: no group of images seems to change otherwise than the rest."
            told = element("p", words, class_="empty none-moved")
            parts.append(element("section", element("h3", name), told))
        elif len(frame):
            parts.append(
                table_html(result, key, place, desk.part, Order.read(view.tables, place), opens=compared.opens)
            )
    return element("div", *parts, class_="tables")


def _findings(desk: Desk, compared: Compared, view: View, owner: Owner | None) -> Html:
    title = element("h3", "Findings that went, stayed and came")
    found = desk.comparing.findings(compared)
    if found is None:
        if view.compute == FINDINGS:
            key, job = desk.comparing.diagnose(compared, owner)
            if not job.done.is_set():
                return element("section", title, waiting(key, "Diagnosing both models …", job.what))
            if job.error:
                return element("section", title, problem(job.error))
            found = desk.comparing.findings(compared)
        if found is None:
            offer = button("Diagnose both", {"compute": FINDINGS}, class_="button main", data_how="replace")
            words = "Not every model of the two was diagnosed. This takes minutes."
            return element("section", title, element("p", offer, " ", words, class_="help"), class_="changes")
    states = ("came", "stayed", "went")
    lists = [_changes(state, [each for each in found if each.state == state], compared.against) for state in states]
    return element("section", title, *lists, class_="changes")


def _images(each: FindingChange, against: str) -> Html | None:
    """Lead to the images of a finding of either model."""
    links = []
    for side, finding, answer in (("A", each.first, each.first_in), ("B", each.second, each.second_in)):
        if finding is None or answer is None or not finding.evidence:
            continue
        where = {"section": "images", "set": side_address(against, side, of_finding(answer, finding))}
        part = {} if finding.part == "data" else {"part": str(finding.part)}
        noun = "training image" if finding.part == "train" else "image"
        links.append(link(f"{side}: {plural(len(finding.evidence), noun)} →", {**where, **part}))
    return element("p", Html(" · ").join(links), class_="shown") if links else None


def _changes(state: str, changes: list[FindingChange], against: str) -> Html | None:
    if not changes:
        return None
    words = next(text for name, text in STATES.items() if name == state)
    heading = element("h4", f"{state.capitalize()} ", element("small", f"{plural(len(changes), 'finding')} {words}"))
    items = [
        element(
            "li",
            element(
                "p",
                element("span", str(each.finding.severity), class_="severity"),
                " ",
                code(each.finding.claim),
                " ",
                link(f"{title_of(each.analysis)} →", {"section": each.analysis}),
            ),
            _images(each, against),
            class_=f"finding {each.finding.severity}",
        )
        for each in changes
    ]
    return heading + element("ul", *items, class_="findings")
