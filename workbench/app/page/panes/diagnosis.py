"""What is wrong, the worst first: the head of the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.app.markup import Html, element, join
from workbench.app.page.html import button, link, problem, waiting
from workbench.app.page.images.sets import address_among, typed_for
from workbench.app.page.panes.analysis_links import title_of
from workbench.app.page.panes.findings import ORDER, evidence_of, interval_html, work_link
from workbench.app.page.panes.report import report_html
from workbench.core.finding import Finding
from workbench.core.wording import plural

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk
    from workbench.app.pictures import Parts
    from workbench.diagnosis.diagnose import Diagnosis
    from workbench.diagnosis.ranking import Diagnosed

MOST = 12
"""Faults that are shown at once."""
EVIDENCE = 10


def diagnosis_html(desk: Desk, *, whole: bool = False, report: bool = False) -> Html:
    """Build the diagnosis: as it was answered before, or what is known by now while it is being made.

    Args:
        desk: where it is made; the predictions are there.
        whole: whether all questions are to be asked, not only those that take seconds.
        report: whether a report is wanted, once there is something to tell.
    """
    session, diagnosing = desk.session, desk.diagnosing
    found = diagnosing.diagnosis(session, quick=False)
    if found is None and not whole:
        found = diagnosing.diagnosis(session, quick=True)
    if found is not None:
        return _section(desk, found, _report(desk, found) if report else None, made=True, report=report)
    so_far = None if not whole else diagnosing.diagnosis(session, quick=True)
    so_far = so_far or diagnosing.so_far(session, quick=not whole)
    step = desk.pending(model=True)
    if step is not None:
        state = problem(step[1].error) if step[1].error else waiting(step[0], "Waiting for the model …", step[1].what)
        return _section(desk, so_far, state)
    key, job = diagnosing.start(session, quick=not whole)
    if job.done.is_set():
        found = diagnosing.diagnosis(session, quick=not whole)
        return _section(desk, found or so_far, problem(job.error) if job.error else None, made=not job.error)
    asking = "Running every analysis; this takes minutes …" if whole else "Looking for problems …"
    return _section(desk, so_far, waiting(key, asking, job.what, parts=job.parts))


def _report(desk: Desk, found: Diagnosis) -> Html:
    step = desk.pending(model=not desk.session.only_predictions)
    if step is None:
        return report_html(desk, found)
    return problem(step[1].error) if step[1].error else waiting(step[0], "Waiting for the model …", step[1].what)


def _section(
    desk: Desk, found: Diagnosis | None, state: Html | None = None, *, made: bool = False, report: bool = False
) -> Html:
    faults = () if found is None else found.findings
    whole = ask = None
    if made and not report:
        ask = button("Write a report", {"report": "1"}, class_="button", title="one file to read, print and hand on")
    if made and found is not None and found.quick:
        whole = button(
            "Run the full diagnosis",
            {"whole": "1"},
            class_="button",
            title="runs the slow analyses too; takes a few minutes",
        )
    asks = element("span", whole, ask, class_="right") if whole or ask else None
    head = element("header", element("h2", "Problems"), _summary(faults, done=made), asks)
    images = len(desk.session.dataset)
    items = [_item(each, desk.part, images, _address(desk, each)) for each in faults]
    first, rest = _list(items[:MOST], 1), _list(items[MOST:], MOST + 1)
    summary = element("summary", plural(len(items) - MOST, "more finding"))
    more = None if rest is None else element("details", summary, rest, data_stay="more findings")
    left = _left_out(found) if made and found is not None else None
    return element("section", head, state, first, more, left, class_="headlines diagnosis")


def _list(items: Sequence[Html], start: int) -> Html | None:
    return element("ol", *items, class_="findings", start=start) if items else None


def _summary(faults: Sequence[Diagnosed], *, done: bool) -> Html:
    counts = Counter(str(each.finding.severity) for each in faults)
    severities = [element("b", f"{counts[name]} {name}", class_=name) for name in ORDER if counts[name]]
    nothing = "No problems found." if done else ""
    return element("p", Html(" · ").join(severities) or nothing)


def _address(desk: Desk, each: Diagnosed) -> str:
    return address_among(desk.session, each.analysis, each.params, each.finding) if each.finding.evidence else ""


def _item(each: Diagnosed, parts: Parts, images: int, address: str) -> Html:
    """Build one line, and what is seen once it is opened: a template, so that no picture is decoded before."""
    finding, stake = each.finding, _stake(each.finding, images)
    advice = (("What to do", finding.advice), ("How to check it", finding.confirm))
    line = element(
        "summary",
        element("b", str(each.rank), class_="rank"),
        element("span", str(finding.severity), class_="severity"),
        element("span", finding.claim, class_="claim"),
        element("span", element("span", finding.kind.replace("-", " "), class_="kind") if finding.kind else None),
        element(
            "span",
            "" if stake is None else "fewer than 1 image" if not stake else f"about {plural(stake, 'image')}",
            class_="stake",
        ),
    )
    inside = element(
        "div",
        _affected(finding, images),
        evidence_of(finding, parts, EVIDENCE, address),
        element("p", work, class_="work") if (work := work_link(finding, address)) else None,
        *(element("p", element("b", title), " ", text, class_="advice") for title, text in advice if text),
        _sources(each),
        class_="opened",
    )
    folded = element("details", line, element("template", inside), data_stay=f"{finding.kind} {finding.claim}")
    return element("li", folded, class_=f"finding {finding.severity}")


def _stake(finding: Finding, images: int) -> int | None:
    """Return how many images are wrong, or counted wrongly, because of it; None where none are, or it is not known."""
    return round(finding.cost.value * images) if finding.cost is not None and finding.cost.value > 0 else None


def _affected(finding: Finding, images: int) -> Html | None:
    """Say the same with its interval, and how far the effect itself is known."""
    said = []
    if (stake := _stake(finding, images)) is not None:
        about, interval = f"about {stake:,}" if stake else "fewer than 1", ""
        if finding.cost is not None and finding.cost.interval is not None:
            low, high = (round(end * images) for end in finding.cost.interval)
            interval = f" (95 % interval {low:,}–{high:,})"
        said.append("Affects " + element("b", about) + f" of {plural(images, 'image')}{interval}. ")
    said.append(interval_html(finding))
    return element("p", *said) if any(said) else None


def _sources(each: Diagnosed) -> Html:
    """Lead to the analysis that found it, asked as it was, and name those that say the same."""
    typed = typed_for(each.analysis, each.params)
    source = link(f"{title_of(each.analysis)} →", {"section": each.analysis, **typed})
    others = dict.fromkeys(name for name, _ in each.also if name != each.analysis)
    also = Html(", ").join(link(title_of(name), {"section": name}) for name in others)
    return element("p", source, " " + element("span", "also: ", also) if others else None, class_="source")


def _left_out(found: Diagnosis) -> Html:
    facts = f"{plural(len(found.asked), 'analysis')} run"
    if not found.left_out:
        return element("p", element("span", facts), class_="foot")
    skipped = found.left_out.items()
    rows = join(element("dt", link(title_of(name), {"section": name})) + element("dd", why) for name, why in skipped)
    summary = element("summary", f"{facts}, {len(found.left_out)} skipped")
    return element("details", summary, element("dl", rows), class_="how", data_stay="skipped")
