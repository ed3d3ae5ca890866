"""What every analysis owes, whichever it is: these run over all that are discovered."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from contextlib import nullcontext
from functools import cache
from pathlib import Path

import keras
import pytest

from workbench.app.page.panes.columns import columns_of
from workbench.core.errors import WorkbenchError
from workbench.core.finding import Finding
from workbench.core.image_names import TITLES
from workbench.core.params import ChooseFrom, describe
from workbench.core.result import Result
from workbench.diagnosis import registry
from workbench.diagnosis.contracts.analyses import (
    CHECKS,
    can_be_drawn,
    check_result,
    check_severities,
    takes_the_edge_cases,
)
from workbench.diagnosis.contracts.check import Broken
from workbench.diagnosis.contracts.sessions import CASES, Case, Planted, Sessions
from workbench.statistics.rates import ENOUGH, FEWEST

ROOT = Path(__file__).parents[2]
ALL = sorted(registry.analyses())
FAST = {
    "attribution-gallery": {"methods": "hires-cam,saliency", "images": 2},
    "faithfulness-table": {"methods": "saliency,input-x-gradient", "measures": "deletion,relevance-mass"},
    "filters": {"steps": 2, "excite": 3, "images": 4},
    "method-agreement": {"methods": "saliency,input-x-gradient,random", "images": 8},
    "randomisation-test": {"methods": "saliency,random"},
    "reference-sensitivity": {"steps": 2, "images": 8},
    "smallest-evidence": {"images": 2, "examples": 2},
}
"""What the degenerate cases ask of a slow analysis; the bare defaults have a test of their own."""
COUNTED = ("class-balance", "near-duplicates", "samples")
"""What counts, and does not estimate: a class without images and an exact copy are facts, however few there are."""
OF_WEIGHTS = ("generalisation", "learning-curves")
"""What judges the weights or the training besides, whichever images are looked at."""
NEED_PLACES = (
    "channel-relevance",
    "concept-test",
    "concepts",
    "contrast-maps",
    "counterfactual-examples",
    "feature-maps",
    "feature-visualisation",
    "filters",
    "grad-cam-maps",
)
"""What reads an inner layer with places, and says so where there is none."""


def fast(name):
    """Parameters with which an analysis takes seconds."""
    return {**(registry.analysis(name).quick or {}), **FAST.get(name, {})}


@pytest.fixture(scope="module")
def trial():
    """The sessions that plug-ins are tried on too, each answer computed once."""
    return Sessions()


@pytest.fixture(scope="module")
def open_case(trial):
    """Open the session of a case, once for all analyses, as the usual one is."""
    return cache(trial.open)


@pytest.fixture(scope="module")
def usual(trial):
    return trial.usual


def test_all_that_the_workbench_promises_are_there():
    promised = (
        "samples class-balance pixel-values learning-curves confusion-matrix per-class most-confused top-losses "
        "grad-cam-maps filters feature-maps attribution-gallery contrast-maps cell-dossier faithfulness-table "
        "method-agreement randomisation-test reference-sensitivity"
    )
    assert set(promised.split()) <= set(ALL)


def test_finding_the_analyses_loads_nothing_heavy():
    heavy = ("tensorflow", "keras", "matplotlib", "seaborn", "scipy", "sklearn", "pandas")
    asked = (
        f"import sys, workbench.diagnosis.registry as r; r.analyses(); print([m for m in {heavy} if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, cwd=ROOT)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    "check", [each for each in CHECKS if each.run is not takes_the_edge_cases], ids=lambda each: each.claim
)
def test_what_plug_ins_owe_is_kept(name, check, trial):
    check.run(trial, name)


def test_all_are_listed_once_and_those_of_the_workbench_in_a_group_of_their_own_choice():
    listed = [name for kinds in registry.grouped().values() for name in kinds]
    assert sorted(listed) == ALL
    assert [name for name in ALL if not {"group", "title"} <= set(registry.analysis(name).__dict__)] == []
    assert "Your own" not in registry.grouped()
    assert registry.analysis("grad-cam-maps").title == "Grad-CAM maps"


@pytest.mark.parametrize("name", ALL)
def test_the_figure_says_what_it_is(name, trial):
    figure = trial.drawn(name).figure
    assert " ".join(figure.get_suptitle().split()) == registry.analysis(name).question()
    below = " ".join(figure.get_supxlabel().split())
    assert r"a\$b\$/_test_ · 24 images" in below
    for parameter in trial.answer(name).params:
        assert f"{parameter}=" in below or f"{TITLES.get(parameter)}=" in below


@pytest.mark.parametrize("name", ALL)
def test_the_page_has_words_above_its_columns_and_few_digits_in_them(name, trial):
    result = trial.answer(name)
    for title, frame in result.named.items():
        columns, _ = columns_of(frame)
        headings = [each.heading for each in columns]
        assert [each for each in headings if "_" in each or (len(each) < 2 and each not in "XYP")] == [], title
        of = [(each.heading, each.about) for each in columns]
        assert len(set(of)) == len(of), title
        written = [each.write(row) for each in columns if each.numeric for row in range(min(20, len(frame)))]
        assert [each for each in written if re.search(r"\.\d{5}|\d\.\d{3}\d*e", each)] == [], title


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("error", "ignore:Glyph", "ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")
def test_degenerate_data_is_answered_and_drawn(name, case, open_case):
    """No traceback, no warning, no interval without width, and of a few images nothing that had to be measured."""
    session = open_case(CASES[case])
    result = registry.compute(session, name, fast(name))
    check_result(result, session)
    check_severities(result, session)
    can_be_drawn(result)
    if len(session.dataset) < ENOUGH and name not in COUNTED:
        most = "info" if len(session.dataset) < FEWEST else "mild"
        above = [each.claim for each in result.findings if each.severity > most and each.part == "data"]
        assert not above or name in OF_WEIGHTS, above


@pytest.mark.parametrize("name", [name for name in ALL if registry.analysis(name).needs_model])
def test_what_needs_a_model_uses_it(name):
    file = Path(inspect.getfile(registry.analysis(name)))
    parts = file.parent.glob("*.py") if file.name == "__init__.py" else [file]
    source = "".join(each.read_text("utf-8") for each in parts)
    assert any(
        word in source
        for word in ("probe", "attribute", "contrasts", "embeddings", "smallest_evidence", "training", "counterfactual")
    )


@pytest.mark.parametrize("name", ALL)
def test_layers_are_chosen_from_the_model(name, usual):
    for parameter in describe(registry.analysis(name).Params):
        if parameter.choose_from == ChooseFrom("layers").what:
            first = usual.probe.spatial_layers[0]
            values = {**fast(name), parameter.name: first}
            said = " ".join(finding.claim for finding in registry.compute(usual, name, values).findings)
            assert first in said


@pytest.fixture(scope="module")
def open_flat(usual):
    """Open the usual session with a model that has no places."""
    flat = keras.Sequential([keras.layers.Input((12, 10, 1)), keras.layers.Flatten(), keras.layers.Dense(4)])

    def opened():
        session = Planted(flat, usual.dataset, train=usual.train, cache=False)
        session.planted = usual.planted
        return session

    return opened


@pytest.fixture(scope="module")
def without_places(open_flat):
    """One such session, for all that answers nevertheless."""
    return open_flat()


@pytest.mark.parametrize("name", [name for name in ALL if registry.analysis(name).needs_model])
def test_a_model_without_places_is_told_in_a_sentence_not_crashed_on(name, without_places, open_flat):
    if name not in NEED_PLACES:
        check_result(registry.compute(without_places, name, fast(name)), without_places)
        return
    session = open_flat()
    for _ in range(2):  # before and after the model is loaded
        with pytest.raises(WorkbenchError, match="This model has no"):
            registry.compute(session, name)
        assert session.probe is not None


@pytest.mark.parametrize(
    ("severity", "classes", "kind", "fine"),
    [("info", (), None, True), ("mild", (), None, False), ("mild", (3,), None, False), ("mild", (), "leakage", True)],
)
def test_the_contract_refuses_what_few_images_cannot_show(open_case, severity, classes, kind, fine):
    """Four images, of which none has the fourth class; what is only counted may be said of any number."""
    session = open_case(Case((0, 1, 2, 0), 4))
    said = Finding("It is so.", severity=severity, classes=classes, kind=kind, evidence=(0,))
    with nullcontext() if fine else pytest.raises(Broken, match="use `workbench"):
        check_severities(Result(findings=(said,)), session)
