"""One report of the small run, compared with itself, of few questions: made once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from workbench.app.report.content import Report
from workbench.diagnosis.opening import Session


@dataclass(frozen=True)
class Made:
    """A report, and whose it is."""

    report: Report
    session: Session
    html: str
    markdown: str


@pytest.fixture(scope="package")
def made(tiny_run: Any) -> Made:
    from workbench.app.report.document import as_html
    from workbench.app.report.gathering import gather
    from workbench.app.report.paths import without_folders
    from workbench.app.report.text import as_markdown
    from workbench.diagnosis import registry
    from workbench.diagnosis.diagnose import diagnose
    from workbench.diagnosis.opening import open_session

    session = open_session(tiny_run.folder / tiny_run.name)
    some = {name: registry.analysis(name) for name in ("most-confused", "per-class", "triage", "overview")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "analyses", lambda: some)
        patch.setattr("workbench.app.report.gathering.ALWAYS", ("overview",))
        found = diagnose(session, quick=True)
        source = ["--data", tiny_run.data.name]
        report = gather(session, found=found, against=session, methods=("saliency",), source=source)
    hidden = without_folders(session)
    return Made(report, session, as_html(report, hidden), as_markdown(report, hidden))
