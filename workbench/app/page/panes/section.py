"""One analysis: its question, its parameters, its answer. Built from the registry; no analysis is known by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workbench.app.markup import Html, code, element, join
from workbench.app.page.html import problem, waiting
from workbench.app.page.images.sets import of_finding
from workbench.app.page.owners import Owner
from workbench.app.page.panes.analysis_links import analysis_links
from workbench.app.page.panes.figure import figure_html
from workbench.app.page.panes.findings import findings_html
from workbench.app.page.panes.form import form_html, values_of
from workbench.app.page.panes.scatter import points_of, scatter_html
from workbench.app.page.panes.tables import tables_html
from workbench.app.page.view import View
from workbench.core.result import Result
from workbench.core.wording import cell
from workbench.diagnosis import registry

if TYPE_CHECKING:
    from workbench.app.page.desk import Desk

PATIENCE = 0.25
"""Seconds that a quick or known answer gets before the pane says that it is being worked on."""


def section_html(desk: Desk, view: View) -> Html:
    """Build the side of a section: all analyses, and below them the form of this one."""
    kind = registry.analyses()[view.section]
    links = analysis_links(desk, view.section)
    listed = element("nav", links, class_="list groups", data_stay="analyses", aria_label="list of analyses")
    heading = element("h2", kind.title) + element("p", kind.question(), class_="question")
    settings = element("summary", "Settings") + form_html(desk, kind.Params, view.params)
    folded = element("details", settings, class_="settings", open=True, data_stay="settings")
    return listed + element("div", heading, folded, class_="ask")


def answer_html(desk: Desk, view: View, owner: Owner | None = None) -> Html:
    """Build the answer, or say how far it is; a wrong parameter raises one sentence."""
    kind = registry.analyses()[view.section]
    values = values_of(kind.Params, view.params)
    key = desk.analysis_key(view.section, values)
    if desk.result(key) is None:
        model = kind.needs_model and not desk.session.only_predictions
        step = desk.pending(model=model and registry.cached(desk.session, view.section, values) is None)
        if step is not None:
            return problem(step[1].error) if step[1].error else waiting(step[0], step[2], step[1].what)
        if reason := desk.lacks(view.section):
            return element("p", element("b", "Not available."), " ", code(reason), class_="empty")
    key, job = desk.answer(view.section, values, wait=PATIENCE, owner=owner)
    if not job.done.is_set():
        return waiting(key, "Computing …", job.what)
    return problem(job.error) if job.error else result_html(desk, job.value, key, view)


def result_html(desk: Desk, result: Result, key: str, view: View) -> Html:
    """Build the map if it has one, findings, figure, tables, and how it was computed."""
    question = registry.analyses()[result.analysis].question()
    found = findings_html(result.findings, desk.part, address=lambda finding: of_finding(result, finding))
    findings = found or element("p", "No findings.", class_="empty")
    figure = figure_html(key, question, desk.figure_size(key))
    tables = tables_html(result, key, desk.part, view.tables)
    return element("div", map_html(desk, result, key, view), findings, figure, tables, _how(result), class_="answer")


def map_html(desk: Desk, result: Result, key: str, view: View) -> Html:
    """Build the map of an answer that lays images out in the plane; nothing for any other."""
    points = points_of(desk, result)
    return Html() if points is None else scatter_html(desk, points, key, view)


def _how(result: Result) -> Html:
    params = result.params if result.names is None else result.names.values(result.params)
    facts: Mapping[str, Any] = {"analysis": result.analysis, **params, **result.context}
    rows = join(element("dt", name.replace("_", " ")) + element("dd", cell(value)) for name, value in facts.items())
    return element("details", element("summary", "How this was computed"), element("dl", rows), class_="how")
