"""The page opens with what is wrong, and fills in while it is being found."""

from __future__ import annotations

import threading

from playwright.sync_api import expect

from tests.patience import PATIENCE
from workbench.app.page import diagnosing as made
from workbench.app.page.desk import Desk
from workbench.core.dataset import Dataset
from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Severity
from workbench.core.progress import report
from workbench.diagnosis.diagnose import Diagnosis
from workbench.diagnosis.opening import open_session
from workbench.diagnosis.ranking import Diagnosed
from workbench.session.parts import Parts

EVIL = "<img src=x onerror=alert(1)>"
FIRST = Finding(
    f"{EVIL} is confused.",
    severity=Severity.MILD,
    evidence=(3,),
    kind="confused-pair",
    advice="Look.",
    cost=Estimate(0.1),
)
WORST = Finding(
    "Labels are wrong.", severity=Severity.SERIOUS, evidence=(1, 2), kind="label-noise", advice="Mend.", part="train"
)


def diagnosis(*findings: Finding, quick: bool = True) -> Diagnosis:
    found = tuple(
        Diagnosed(rank=rank, finding=each, analysis="samples", params={"count": 3})
        for rank, each in enumerate(findings, 1)
    )
    return Diagnosis(findings=found, asked={}, left_out={}, context={}, quick=quick)


def test_the_diagnosis_is_made_behind_the_page_and_the_whole_of_it_on_demand(served, settled, tiny_run, monkeypatch):
    session = open_session(tiny_run.folder / tiny_run.name)
    data = session.dataset
    turned, labels = data.images[::-1], data.labels[::-1].copy()
    train = Dataset(turned, labels, class_names=data.class_names, indices=data.indices, name="made/train")
    session._parts = Parts({"train": train})
    go_on, there = threading.Event(), []

    def diagnose(_, *, quick):
        report("Diagnosis", 1, 3)
        there.append(FIRST)
        assert not quick or go_on.wait(PATIENCE)
        return diagnosis(WORST, FIRST, quick=quick) if quick else diagnosis(WORST, quick=False)

    monkeypatch.setattr(made, "diagnose", diagnose)
    monkeypatch.setattr(made, "known_diagnosis", lambda *_, quick, partly=False: diagnosis(*there) if partly else None)
    page = served(Desk(session), "")
    try:
        expect(page.locator(".diagnosis .waiting")).to_contain_text("analysis 2 of 3")
        expect(page.locator(".diagnosis .finding")).to_have_count(1)  # what is known by now comes by itself
        page.get_by_role("link", name="Errors", exact=True).click()  # nobody has to wait for it
        expect(page.locator("#gallery .grid button").first).to_be_visible()
        page.go_back()
        expect(page.locator(".diagnosis .waiting")).to_be_visible()
    finally:
        go_on.set()
    expect(page.locator(".diagnosis .waiting")).to_have_count(0)
    expect(page.locator(".diagnosis .severity")).to_have_text(["serious", "mild"])
    expect(page.locator(".diagnosis")).to_contain_text(EVIL)
    page.locator(".diagnosis .finding summary").first.click()
    learned = page.locator(".diagnosis .finding").first.locator(".evidence")
    expect(learned.locator("img")).to_have_count(2)
    assert "part=train" in learned.locator("a").first.get_attribute("href")
    assert learned.locator("img").first.get_attribute("alt").startswith("training image ")
    page.get_by_role("button", name="Run the full diagnosis").click()
    page.wait_for_function("location.search.includes('whole=1')")
    settled(page)
    expect(page.locator(".diagnosis .finding")).to_have_count(1)
    expect(page.get_by_role("button", name="Run the full diagnosis")).to_have_count(0)
    page.locator(".diagnosis .source a").click()
    page.wait_for_function("location.search === '?section=samples&count=3'")
