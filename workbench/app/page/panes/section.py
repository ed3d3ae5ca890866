"""One analysis: its question, its parameters, its answer. Built from the registry; no analysis is known by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workbench.app.page.html import breakable, element, escape, link, plain, problem, waiting
from workbench.app.page.panes.findings import findings_html
from workbench.app.page.panes.form import form_html, values_of
from workbench.app.page.panes.scatter import points_of, scatter_html
from workbench.app.page.panes.tables import tables_html
from workbench.app.page.view import View
from workbench.core.result import Result
from workbench.diagnosis import registry

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk

PATIENCE = 0.25
"""Seconds that a quick or known answer gets before the pane says that it is being worked on."""


def section_html(desk: Desk, view: View) -> str:
    """Build the side of a section: all analyses, and the form of this one."""
    kinds = registry.analyses()
    kind = kinds[view.section]
    links = "".join(
        link(
            breakable(name),
            {"section": name},
            title=each.question(),
            aria_current="page" if name == view.section else None,
        )
        for name, each in kinds.items()
    )
    return (
        f'<div class="side"><nav class="list" aria-label="analyses">{links}</nav></div>'
        f'<div class="ask"><h2>{escape(kind.question())}</h2>{form_html(desk, kind.Params, view.params)}</div>'
    )


def answer_html(desk: Desk, view: View) -> str:
    """Build the answer, or say how far it is; a wrong parameter raises one sentence."""
    kind = registry.analyses()[view.section]
    values = values_of(kind.Params, view.params)
    key = desk.analysis_key(view.section, values)
    if desk.result(key) is None:
        step = desk.pending(model=kind.needs_model and registry.cached(desk.session, view.section, values) is None)
        if step is not None:
            return problem(step[1].error) if step[1].error else waiting(step[0], step[2], step[1].what)
        if reason := registry.missing(desk.session, view.section):
            return f'<p class="empty"><b>Not here.</b> {escape(reason)}</p>'
    key, job = desk.answer(view.section, values, wait=PATIENCE)
    if not job.done.is_set():
        return waiting(key, "Working on it …", job.what)
    return problem(job.error) if job.error else result_html(desk, job.value, key, view)


def result_html(desk: Desk, result: Result, key: str, view: View) -> str:
    """Build the map if it has one, findings, figure, tables, and how it was computed."""
    question = registry.analyses()[result.analysis].question()
    findings = findings_html(result.findings, desk.part) or '<p class="empty">Nothing stands out.</p>'
    image = element("img", alt=question, src=f"figure/{key}.png")
    opened = element("a", image, href=f"figure/{key}.png", target="_blank", title="open in its own tab")
    figure = f'<figure class="chart">{opened}</figure>'
    tables = tables_html(result.tables, key, len(desk.session.dataset))
    return f'<div class="answer">{map_html(desk, result, key, view)}{findings}{figure}{tables}{_how(result)}</div>'


def map_html(desk: Desk, result: Result, key: str, view: View) -> str:
    """Build the map of an answer that lays images out in the plane; nothing for any other."""
    points = points_of(desk, result)
    return "" if points is None else scatter_html(desk, points, key, view)


def _how(result: Result) -> str:
    facts: Mapping[str, Any] = {"analysis": result.analysis, **result.params, **result.context}
    rows = "".join(
        f"<dt>{escape(name.replace('_', ' '))}</dt><dd>{escape(plain(value))}</dd>" for name, value in facts.items()
    )
    return f'<details class="how"><summary>How this was computed</summary><dl>{rows}</dl></details>'
