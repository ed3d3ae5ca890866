"""What is wrong, the worst first: the head of the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.app.page.html import breakable, button, count, element, escape, link, problem, waiting
from workbench.app.page.panes.findings import ORDER, evidence_of, said_html
from workbench.app.page.panes.form import typed_of
from workbench.core.finding import Finding
from workbench.diagnosis import registry

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk
    from workbench.app.page.pictures import Parts
    from workbench.diagnosis.diagnose import Diagnosed, Diagnosis

MOST = 8
"""Faults that are shown at once."""
EVIDENCE = 10


def diagnosis_html(desk: Desk, *, whole: bool = False) -> str:
    """Build the diagnosis: as it was answered before, or what is known by now while it is being made.

    Args:
        desk: where it is made; the predictions are there.
        whole: whether all questions are to be asked, not only those that take seconds.
    """
    session, diagnosing = desk.session, desk.diagnosing
    found = diagnosing.answered(session, quick=False)
    if found is None and not whole:
        found = diagnosing.answered(session, quick=True)
    if found is not None:
        return _section(desk, found, "")
    so_far = None if not whole else diagnosing.answered(session, quick=True)
    so_far = so_far or diagnosing.so_far(session, quick=not whole)
    step = desk.pending(model=True)
    if step is not None:
        state = problem(step[1].error) if step[1].error else waiting(step[0], "Waiting for the model …", step[1].what)
        return _section(desk, so_far, state)
    key, job = diagnosing.start(session, quick=not whole)
    if job.done.is_set():
        found = diagnosing.answered(session, quick=not whole)
        return _section(desk, found or so_far, problem(job.error) if job.error else "")
    asking = "Asking every question; this takes minutes …" if whole else "Looking for faults …"
    return _section(desk, so_far, waiting(key, asking, job.what, parts=job.parts))


def _section(desk: Desk, found: Diagnosis | None, state: str) -> str:
    faults = () if found is None else found.findings
    head = f"<header><h2>Diagnosis</h2>{_summary(faults, done=not state)}"
    if found is not None and found.quick and not state:
        head += button(
            "Run the whole diagnosis",
            {"whole": "1"},
            class_="button",
            title="asks also what takes its time, each question in full: some minutes",
        )
    images = len(desk.session.dataset)
    items = [_item(each, desk.part, images) for each in faults]
    first, rest = _list(items[:MOST], 1), _list(items[MOST:], MOST + 1)
    more = f"<details><summary>{count(len(items) - MOST, 'more finding')}</summary>{rest}</details>" if rest else ""
    left = "" if found is None or state else _left_out(found)
    return f'<section class="headlines diagnosis">{head}</header>{state}{first}{more}{left}</section>'


def _list(items: Sequence[str], start: int) -> str:
    return element("ol", "".join(items), class_="findings", start=start) if items else ""


def _summary(faults: Sequence[Diagnosed], *, done: bool) -> str:
    counts = Counter(str(each.finding.severity) for each in faults)
    said = [f'<b class="{name}">{counts[name]} {name}</b>' for name in ORDER if counts[name]]
    nothing = "Nothing was found that would have to be mended." if done else ""
    return f"<p>{' · '.join(said) or nothing}</p>"


def _item(each: Diagnosed, parts: Parts, images: int) -> str:
    finding = each.finding
    kind = element("span", escape(finding.kind.replace("-", " ")), class_="kind") if finding.kind else ""
    rank = f'<b class="rank">{each.rank}</b>'
    body = f"<p>{said_html(finding)}</p>{_stake(finding, images)}{evidence_of(finding, parts, EVIDENCE)}"
    for title, text in (("What to do", finding.advice), ("What would confirm it", finding.confirm)):
        body += f'<p class="advice"><b>{title}</b> {escape(text)}</p>' if text else ""
    return element("li", f"{rank}{kind}{body}{_sources(each)}", class_=f"finding {finding.severity}")


def _stake(finding: Finding, images: int) -> str:
    """Say how many of the images are wrong, or counted wrongly, because of it."""
    if finding.cost is None or finding.cost.value <= 0:
        return ""
    interval = ""
    if finding.cost.interval is not None:
        low, high = (round(end * images) for end in finding.cost.interval)
        interval = f" (95 % interval {low:,}–{high:,})"
    about = round(finding.cost.value * images)
    said = f"{about:,}" if about else "fewer than 1"
    return f'<p class="stake"><b>{said}</b> of {count(images, "image")} at stake{interval}</p>'


def _sources(each: Diagnosed) -> str:
    """Lead to the analysis that found it, asked as it was, and name those that say the same."""
    kinds = registry.analyses()
    typed = typed_of(kinds[each.analysis].Params, each.params) if each.analysis in kinds else {}
    said = [link(f"{breakable(each.analysis)} →", {"section": each.analysis, **typed})]
    others = dict.fromkeys(name for name, _ in each.also if name != each.analysis)
    also = ", ".join(link(breakable(name), {"section": name}) for name in others)
    return f'<p class="source">{said[0]}{f" <span>also: {also}</span>" if also else ""}</p>'


def _left_out(found: Diagnosis) -> str:
    facts = f"{count(len(found.asked), 'question')} asked"
    if not found.left_out:
        return f'<p class="foot"><span>{facts}</span></p>'
    rows = "".join(
        f"<dt>{link(escape(name), {'section': name})}</dt><dd>{escape(reason)}</dd>"
        for name, reason in found.left_out.items()
    )
    return f'<details class="how"><summary>{facts}, {len(found.left_out)} left out</summary><dl>{rows}</dl></details>'
