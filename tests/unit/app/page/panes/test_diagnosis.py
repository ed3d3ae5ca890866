"""The page opens with what is wrong: ranked, with evidence, and what would be done about it."""

from __future__ import annotations

import threading

import pytest

from tests.patience import PATIENCE
from tests.unit.app.page.conftest import EVIL
from workbench.app.page import diagnosing as made
from workbench.app.page.panes.diagnosis import diagnosis_html
from workbench.core.dataset import Dataset
from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Severity
from workbench.core.progress import report
from workbench.diagnosis import registry
from workbench.diagnosis.diagnose import Diagnosis
from workbench.diagnosis.ranking import Diagnosed
from workbench.session.parts import Parts

WORST = Finding(
    f"{EVIL} labels are wrong.",
    severity=Severity.SERIOUS,
    effect=Estimate(0.2, 0.1, 0.3),
    evidence=(0, 5),
    advice=f"Mend {EVIL}.",
    kind="label-noise",
    part="train",
    cost=Estimate(0.25, 0.125, 0.5),
    confirm=f"Train without {EVIL}.",
)
MILD = Finding("Two classes are confused.", severity=Severity.MILD, evidence=(3,), advice="Look.", kind="confused-pair")


def diagnosis(*, quick: bool = True, findings: tuple[Diagnosed, ...] | None = None) -> Diagnosis:
    found = (
        Diagnosed(rank=1, finding=WORST, analysis="samples", params={"count": 3}, also=(("class-balance", MILD),)),
        Diagnosed(rank=2, finding=MILD, analysis="most-confused", params={}),
    )
    return Diagnosis(
        findings=found if findings is None else findings,
        asked={"samples": None},
        left_out={"filters": EVIL},
        context={},
        quick=quick,
    )


@pytest.fixture
def known(monkeypatch):
    """What is known before anything is asked: by (quick, partly)."""
    there: dict[tuple[bool, bool], Diagnosis] = {}
    monkeypatch.setattr(made, "known_diagnosis", lambda session, quick, partly=False: there.get((quick, partly)))
    return there


def test_a_fault_says_rank_severity_kind_stake_evidence_advice_and_what_would_confirm_it(desk, known, parse):
    known[True, False] = diagnosis()
    data = desk.session.dataset
    train = Dataset(data.images, data.labels, class_names=("a", "b", EVIL), indices=data.indices, name="t")
    desk.session._parts = Parts({"train": train})
    page = parse(diagnosis_html(desk))
    assert [a["class"] for a in page.all("li")] == ["finding serious", "finding mild"]
    assert "1 serious · 1 mild" in page.text
    for said in (
        "label noise",
        "Affects about 2 of 8 images (95 % interval 1–4)",
        f"What to do Mend {EVIL}.",
        f"How to check it Train without {EVIL}.",
        f"{EVIL} labels are wrong.",
        "0.20 (95 % interval 0.10 to 0.30)",
    ):
        assert said in page.text
    assert [i["alt"] for i in page.all("img")] == [
        "training image t/100, a",
        "training image t/105, b",
        "test/103, T-shirt/top",
    ]
    links = [a["href"] for a in page.all("a")]
    learned = [f"?section=images&part=train&image={row}" for row in (0, 5)]
    assert links[:4] == [*learned, "?section=samples&count=3", "?section=class-balance"]
    assert "?section=errors&image=3" in links
    assert "?section=errors&image=5" not in links  # row 5 of the training images
    assert page.all("button", data_go="whole=1") != []


def test_a_whole_diagnosis_that_is_known_needs_no_button_and_comes_first(desk, known, parse):
    known[True, False] = diagnosis()
    known[False, False] = diagnosis(quick=False, findings=())
    page = parse(diagnosis_html(desk))
    assert "No problems found." in page.text
    assert [each["data-go"] for each in page.all("button")] == ["report=1"]
    assert "1 analysis run, 1 skipped" in page.text
    assert EVIL in page.text


def test_more_faults_than_fit_are_folded_away(desk, known, parse):
    many = tuple(Diagnosed(rank=rank, finding=MILD, analysis="samples", params={}) for rank in range(1, 16))
    known[True, False] = diagnosis(findings=many)
    page = parse(diagnosis_html(desk))
    assert [a["start"] for a in page.all("ol")] == ["1", "13"]
    assert "3 more findings" in page.text


def test_before_the_model_is_loaded_nothing_is_asked_and_what_is_known_is_shown(desk, known, parse, monkeypatch):
    monkeypatch.setattr(made, "diagnose", lambda *_, **__: pytest.fail("the model is not there"))
    known[True, True] = diagnosis()
    page = parse(diagnosis_html(desk))
    assert page.all("div", data_wait="loading") != []
    assert "Two classes are confused." in page.text
    assert page.all("button") == []
    desk.loading.fail("model.keras is damaged.")
    assert "model.keras is damaged." in parse(diagnosis_html(desk)).text


def test_it_is_made_in_the_background_once_and_its_parts_are_told(desk, known, parse, monkeypatch):
    asked, go_on, reached = [], threading.Event(), threading.Event()

    def diagnose(session, *, quick):
        asked.append(quick)
        report("Diagnosis", 1, 4)
        report("inner <loop>", 5, 10)
        reached.set()
        assert go_on.wait(PATIENCE)
        return diagnosis(quick=quick)

    monkeypatch.setattr(made, "diagnose", diagnose)
    desk.loading.done.set()
    known[True, True] = diagnosis(findings=(Diagnosed(rank=1, finding=MILD, analysis="samples", params={}),))
    diagnosis_html(desk)
    assert reached.wait(PATIENCE)  # TensorFlow is imported first
    page = parse(diagnosis_html(desk))
    assert "analysis 2 of 4 · inner <loop>: 5 of 10" in page.text
    assert page.all("div", data_wait="diagnosis-quick", data_parts="1") != []
    assert "Two classes are confused." in page.text
    job = desk.progress_of("diagnosis-quick")
    assert (job.parts, job.share) == (1, 0.25)
    go_on.set()
    assert job.done.wait(PATIENCE)
    done = parse(diagnosis_html(desk))
    assert "label noise" in done.text
    assert done.all("div", class_="waiting") == []
    whole = parse(diagnosis_html(desk, whole=True))
    assert whole.all("div", data_wait="diagnosis-whole") != []
    assert "label noise" in whole.text  # what is known meanwhile
    assert desk.progress_of("diagnosis-whole").done.wait(PATIENCE)
    assert asked == [True, False]


def test_a_diagnosis_that_fails_is_one_sentence_beside_what_is_known(desk, known, parse, monkeypatch):
    monkeypatch.setattr(made, "diagnose", lambda *_, **__: 1 / 0)
    desk.loading.done.set()
    known[True, True] = diagnosis()
    _, job = desk.diagnosing.start(desk.session, quick=True)
    assert job.done.wait(PATIENCE)
    page = parse(diagnosis_html(desk))
    assert len(page.all("p", class_="problem")) == 1
    assert "Two classes are confused." in page.text


def test_every_analysis_named_by_a_fault_is_one_that_is_there(known):
    assert {"samples", "class-balance", "most-confused", "filters"} <= set(registry.analyses())
