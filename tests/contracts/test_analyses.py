"""What every analysis owes, whichever it is: these run over all that are discovered."""

from __future__ import annotations

import inspect
import io
import json
import math
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from matplotlib import cbook
from matplotlib.text import Text

from workbench.core.cache import load_result, save_result
from workbench.core.dataset import Dataset
from workbench.core.errors import WorkbenchError
from workbench.core.params import ChooseFrom, describe, make
from workbench.core.predictions import Predictions
from workbench.diagnosis import registry
from workbench.session.session import Session
from workbench.training.dynamics import Dynamics

ROOT = Path(__file__).parents[2]
ALL = sorted(registry.analyses())
HOSTILE = (
    "$\\frac{1}{0}$",
    "<script>alert(1)</script>",
    "_under_score_",
    "line\nbreak\x1b[31m",
    "\u202etfel ot thgir",
    "日本語",
    "%s {0} \\",
    "",
)
FAST = {
    "attribution-gallery": {"methods": "hires-cam,saliency", "images": 2},
    "faithfulness-table": {"methods": "saliency,input-x-gradient", "measures": "deletion,relevance-mass"},
    "filters": {"steps": 2, "excite": 3, "images": 4},
    "method-agreement": {"methods": "saliency,input-x-gradient,random", "images": 8},
    "randomisation-test": {"methods": "saliency,random"},
    "reference-sensitivity": {"steps": 2, "images": 8},
}
"""What the degenerate cases ask of a slow analysis; the bare defaults have a test of their own."""
NEED_PLACES = ("contrast-maps", "feature-maps", "filters", "grad-cam-maps")
"""What reads an inner layer with places, and says so where there is none."""


def fast(name):
    """Parameters with which an analysis takes seconds."""
    return {**(registry.analysis(name).quick or {}), **FAST.get(name, {})}


class Kept(Session):
    """A session with planted predictions and learning curves."""

    planted: Predictions | None = None
    curves: pd.DataFrame | None = None
    noted: Dynamics | None = None

    @property
    def dynamics(self) -> Dynamics | None:
        return self.noted

    @property
    def predictions(self) -> Predictions:
        return self.planted or super().predictions  # those of the training images are the model's own

    @property
    def history(self) -> pd.DataFrame | None:
        return self.curves


@dataclass(frozen=True)
class Case:
    """Labels, classes, image shape, and which class is predicted for each label."""

    labels: tuple[int, ...]
    classes: int
    shape: tuple[int, int, int] = (12, 10, 1)
    wrong: float = 0.3


CASES = {
    "one image": Case((2,), 4, wrong=0.0),
    "all right": Case((0, 1, 2, 3, 0, 1), 4, wrong=0.0),
    "all wrong": Case((0, 1, 2, 3, 0, 1), 4, wrong=1.0),
    "a class without examples": Case((0, 0, 1, 1, 3, 3), 4),
    "two classes": Case((0, 1, 1, 0, 1, 0, 1), 2),
    "thirty classes in colour": Case(tuple(range(30)) * 2, 30, (20, 24, 3)),
    "one class only": Case((1, 1, 1), 2, wrong=0.0),
}


@pytest.fixture(scope="module")
def models():
    """One untrained model for each K and image shape; its last convolution lies in a nested model."""
    made: dict[object, keras.Model] = {}

    def model(classes, shape):
        if (classes, shape) not in made:
            keras.utils.set_random_seed(3)
            inner = [keras.layers.Input(shape), keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.Conv2D(5, 3)]
            head = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(classes, activation="softmax")]
            made[classes, shape] = keras.Sequential(
                [keras.layers.Input(shape), keras.Sequential(inner, name="inner"), *head]
            )
        return made[classes, shape]

    return model


@pytest.fixture(scope="module")
def open_case(models):
    """Build the session of a case, with hostile class names and pixels that nobody may write to."""

    def build(case: Case) -> Kept:
        random = np.random.default_rng(5)
        labels = np.array(case.labels, np.int64)
        images = random.integers(0, 256, (len(labels), *case.shape), dtype=np.uint8)
        images.flags.writeable = False
        names = tuple(
            HOSTILE[n % len(HOSTILE)] + ("" if n < len(HOSTILE) else f" {n} {'long ' * 200}")
            for n in range(case.classes)
        )
        learned = random.integers(0, 256, (2 * len(labels), *case.shape), dtype=np.uint8)
        learned.flags.writeable = False
        session = Kept(
            models(case.classes, case.shape),
            Dataset(images, labels, class_names=names, indices=np.arange(len(labels)), name="a$b$/_test_"),
            train=Dataset(
                learned, np.tile(labels, 2), class_names=names, indices=np.arange(len(learned)), name="a$b$/_train_"
            ),
            cache=False,
        )
        seen = random.random((len(learned), 3)).astype(np.float16)
        session.noted = Dynamics(seen, seen > 0.5, seen.mean(axis=1) - np.float32(0.5), np.arange(len(learned)))
        shifted = random.random(len(labels)) < case.wrong
        logits = random.normal(size=(len(labels), case.classes)).astype(np.float32)
        logits[np.arange(len(labels)), (labels + shifted) % case.classes] += 6
        logits.flags.writeable = False
        session.planted = Predictions(logits, labels)
        session.curves = pd.DataFrame({"epoch": [1, 2], "loss": [2.0, 1.0], "accuracy": [0.5, 0.6]})
        return session

    return build


@pytest.fixture(scope="module")
def usual(open_case):
    return open_case(Case(tuple(range(4)) * 6, 4))


@pytest.fixture(scope="module")
def answers(usual):
    """Every analysis with its bare defaults."""
    return {name: registry.compute(usual, name) for name in ALL}


def pixels(figure) -> bytes:
    """Everything that a reader sees."""
    stream = io.BytesIO()
    figure.savefig(stream, format="rgba", dpi=40)
    return stream.getvalue()


def check(result, session):
    """Every finding is a checkable sentence whose evidence lies in the dataset."""
    assert result.findings
    for finding in result.findings:
        assert finding.claim.endswith("."), finding.claim
        assert finding.severity in ("info", "mild", "serious", "critical")
        assert len(set(finding.evidence)) == len(finding.evidence)
        part = session.dataset if finding.part == "data" else session.train
        assert all(type(row) is int and 0 <= row < len(part) for row in finding.evidence)
        assert all(type(c) is int and 0 <= c < len(session.class_names) for c in finding.classes)
        assert finding.kind is None or finding.kind in registry.analysis(result.analysis).kinds
        assert finding.kind is None or finding.severity == "info" or finding.advice
        assert 0 <= finding.at_stake <= 1
        for estimate in filter(None, (finding.effect, finding.cost)):
            assert math.isfinite(estimate.value)
            if estimate.interval is not None:
                assert estimate.low - 1e-9 <= estimate.value <= estimate.high + 1e-9, finding.claim
    json.dumps(result.notes)
    assert result.tables


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
def test_it_asks_a_question_and_explains_its_parameters(name):
    kind = registry.analysis(name)
    assert kind.question().endswith("?")
    assert kind.name() == name == inspect.getmodule(kind).__name__.rpartition(".")[2].replace("_", "-")
    for parameter in describe(kind.Params):
        assert len(parameter.help) > 10, parameter.name


@pytest.mark.parametrize("name", ALL)
def test_each_parameter_changes_the_key_and_equal_ones_do_not(name):
    params = registry.analysis(name).Params
    bare = make(params, {})
    assert bare.key == make(params, {each.name: each.default for each in describe(params)}).key
    for each in describe(params):
        if each.kind is str:
            value = next((option for option in each.options if option != each.default), "another")
        elif each.default is None:
            value = 1 if each.low is None else each.low
        else:
            value = (
                each.default + 1
                if each.high is None or each.default + 1 <= each.high
                else (each.default + each.low) / 2
            )
        assert make(params, {each.name: value}).key != bare.key, each.name


@pytest.mark.parametrize("name", ALL)
def test_bare_defaults_answer(name, answers, usual):
    result = answers[name]
    check(result, usual)
    assert result.analysis == name
    assert result.context["images"] == 24


@pytest.mark.parametrize("name", ALL)
def test_the_figure_of_a_result_read_from_disk_is_the_same(name, answers, tmp_path):
    result = answers[name]
    save_result(tmp_path / "result.npz", result)
    again = load_result(tmp_path / "result.npz")
    assert again.findings == result.findings
    assert pixels(registry.draw(again)) == pixels(registry.draw(result))


@pytest.mark.parametrize("name", ALL)
def test_no_name_is_read_as_mathtext_and_the_figure_says_what_it_is(name, answers):
    figure = registry.draw(answers[name])
    words = [each.get_text() for each in figure.findobj(Text)]
    assert [word for word in words if cbook.is_math_text(word) is True] == []
    assert " ".join(figure.get_suptitle().split()) == registry.analysis(name).question()
    below = " ".join(figure.get_supxlabel().split())
    assert r"a\$b\$/_test_ · 24 images" in below
    for parameter in answers[name].params:
        assert parameter.replace("_", " ") in below
    assert getattr(figure, "number", None) is None  # pyplot numbers its figures


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("ignore:Glyph")
def test_degenerate_data_is_answered_and_drawn(name, case, open_case):
    session = open_case(CASES[case])
    result = registry.compute(session, name, fast(name))
    check(result, session)
    assert pixels(registry.draw(result))


@pytest.mark.parametrize("name", ALL)
def test_what_needs_no_model_leaves_it_alone(name, usual, answers):
    kind = registry.analysis(name)
    if kind.needs_model:
        assert any(
            word in inspect.getsource(inspect.getmodule(kind))
            for word in ("probe", "attribute", "contrasts", "embeddings", "training")
        )
        return
    session = Kept(None, usual.dataset, name="none", train=usual.train, cache=False)
    session.__dict__["model_fingerprint"] = "0" * 16
    session.planted, session.curves, session.noted = usual.planted, usual.curves, usual.noted
    result = registry.compute(session, name)
    assert result.findings == answers[name].findings


@pytest.mark.parametrize("name", ALL)
def test_layers_are_chosen_from_the_model(name, usual):
    for parameter in describe(registry.analysis(name).Params):
        if parameter.choose_from == ChooseFrom("layers").what:
            first = usual.probe.spatial_layers[0]
            values = {**fast(name), parameter.name: first}
            said = " ".join(finding.claim for finding in registry.compute(usual, name, values).findings)
            assert first in said


@pytest.mark.parametrize("name", [name for name in ALL if registry.analysis(name).needs_model])
def test_a_model_without_places_is_told_in_a_sentence_not_crashed_on(name, usual):
    flat = keras.Sequential([keras.layers.Input((12, 10, 1)), keras.layers.Flatten(), keras.layers.Dense(4)])
    session = Kept(flat, usual.dataset, train=usual.train, cache=False)
    session.planted = usual.planted
    if name not in NEED_PLACES:
        check(registry.compute(session, name, fast(name)), session)
        return
    for _ in range(2):  # before and after the model is loaded
        with pytest.raises(WorkbenchError, match="This model has no"):
            registry.compute(session, name)
        assert session.probe is not None
