"""The report from the page: asked for by a button, made in the background, then a file to open or to keep."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from tests.patience import PATIENCE
from workbench.app.page import diagnosing
from workbench.app.page.panes.diagnosis import diagnosis_html
from workbench.app.page.panes.report import report_of
from workbench.core.errors import WorkbenchError
from workbench.core.progress import report
from workbench.diagnosis.diagnose import Diagnosis


@pytest.fixture
def there(desk, monkeypatch):
    """A desk whose model and quick diagnosis are there, and a report that is held back until it is told to go on."""
    found = Diagnosis(findings=(), asked={}, left_out={}, context={}, quick=True)
    known = lambda *_, quick, partly=False: found if quick and not partly else None  # noqa: E731
    monkeypatch.setattr(diagnosing, "known_diagnosis", known)
    desk.loading.run(lambda: None)
    desk.go_on, desk.said = threading.Event(), "<p>made</p>"

    def gather(session, *, found, source):
        report("Report: maps", 2, 5)
        assert desk.go_on.wait(PATIENCE)
        if isinstance(desk.said, Exception):
            raise desk.said
        return SimpleNamespace(source=source)

    monkeypatch.setattr("workbench.app.report.gathering.gather", gather)
    monkeypatch.setattr("workbench.app.report.document.as_html", lambda made, hidden: f"{desk.said} {made.source}")
    return desk


def asked(desk):
    return str(diagnosis_html(desk, report=True))


def test_a_button_asks_for_it_and_it_comes_with_its_progress(there, parse):
    page = parse(diagnosis_html(there))
    assert page.all("button", data_go="report=1")
    assert there.jobs.get("report-quick") is None  # nothing is made unasked
    waits = parse(asked(there))
    assert [a["data-wait"] for a in waits.all("div", class_="waiting")] == ["report-quick"]
    assert not waits.all("button", data_go="report=1")
    assert there.progress_of("report-quick") is there.jobs.get("report-quick")
    assert report_of(there, "report-quick") is None
    there.go_on.set()
    assert there.jobs.get("report-quick").done.wait(PATIENCE)
    links = parse(asked(there)).all("a", href="report/report-quick.html")
    assert [each.get("target") for each in links] == ["_blank", None]
    assert links[1]["download"].endswith(".html")
    assert report_of(there, "report-quick") == "<p>made</p> ['--model', 'FILE', '--data', 'DATA']"


def test_nothing_else_is_given_out_as_a_report(there):
    there.jobs.start("another", lambda: "<p>secret</p>", wait=PATIENCE)
    assert report_of(there, "another") is None and report_of(there, "report-none") is None


def test_what_goes_wrong_is_one_sentence(there, parse):
    there.said = WorkbenchError("The images are gone.")
    there.go_on.set()
    asked(there)
    assert there.jobs.get("report-quick").done.wait(PATIENCE)
    page = parse(asked(there))
    assert "The images are gone." in page.text and page.all("p", class_="problem")
    assert report_of(there, "report-quick") is None
