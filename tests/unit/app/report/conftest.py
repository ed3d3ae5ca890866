"""One report of the small run, compared with another one, of few questions: made once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.tiny import moved_beside
from workbench.app.report.content import Report
from workbench.diagnosis.opening import Session


@dataclass(frozen=True)
class Made:
    """A report, and whose it is."""

    report: Report
    session: Session
    other: Session
    html: str
    markdown: str


@pytest.fixture(scope="package")
def made(tiny_run: Any, tmp_path_factory: pytest.TempPathFactory) -> Made:
    from workbench.app.report.document import as_html
    from workbench.app.report.gathering import gather
    from workbench.app.report.paths import without_folders
    from workbench.app.report.text import as_markdown
    from workbench.diagnosis import registry
    from workbench.diagnosis.diagnose import diagnose
    from workbench.diagnosis.opening import open_session

    session = open_session(tiny_run.folder / tiny_run.name)
    place = tmp_path_factory.mktemp("place")
    other = open_session(place / moved_beside(tiny_run, place))
    some = {name: registry.analysis(name) for name in ("most-confused", "per-class", "label-issues", "overview")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "analyses", lambda: some)
        patch.setattr("workbench.app.report.gathering.ALWAYS", ("overview",))
        found = diagnose(session, quick=True)
        source = ["--data", tiny_run.data.name]
        report = gather(session, found=found, against=other, methods=("saliency",), source=source)
    hidden = without_folders(session, other)
    return Made(report, session, other, as_html(report, hidden), as_markdown(report, hidden))
