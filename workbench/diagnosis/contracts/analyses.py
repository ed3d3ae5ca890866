"""What every analysis owes."""

from __future__ import annotations

import inspect
import json
import math
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from workbench.core.cache import load_result, save_result
from workbench.core.errors import WorkbenchError
from workbench.core.finding import Kind, Severity
from workbench.core.params import Parameter, describe, make
from workbench.core.result import Result
from workbench.core.wording import plural
from workbench.diagnosis import registry
from workbench.diagnosis.contracts.check import Check, hold
from workbench.diagnosis.contracts.hot_spots import leads_to_its_images
from workbench.diagnosis.contracts.image_names import names_images
from workbench.diagnosis.contracts.sessions import CASES, Planted, Sessions
from workbench.plotting.hot_spots import hot_spots
from workbench.plotting.rendering import DOTS, draw_unlettered, pixels_of, texts_below, texts_of
from workbench.session.analysis import GROUPS
from workbench.session.session import Session
from workbench.statistics.rates import capped

LEAST_TEXT = 11
"""Pixels that a letter has, at least."""
ALONE = r"(?<![\d.,–-])(?<!severity )\b1 "
MANY = (
    "images|errors|predictions|labels|channels|classes|groups|pairs|rows|seeds|runs|files|folders|findings|analyses|maps|"
    "copies|corrections|columns|layers|filters|methods|measures|clusters|epochs|models|references|neighbours|points"
)
ONE = re.compile(
    rf"{ALONE}(?:[a-z-]+ )?(?:{MANY})\b"
    rf"|(?<!of ){ALONE}(?:of (?:its |the |their )?[\d,]+ )?"
    r"(?:(?!(?:and|or|to|of|is|has|was|does)\b)\w+ |\([^)]*\) ){0,4}(?:are|have|were|do)\b"
)
"""What is said of one as if it were several: "1 of its 32 channels are dead"."""
LONGEST_TITLE = 32
"""Letters that a list has room for."""
SEVERITIES = ("info", "mild", "serious", "critical")
COUNTED: frozenset[Kind] = frozenset({"class-imbalance", "duplicates", "leakage"})
"""What is counted, and not estimated: a class without images and an exact copy are facts, however few there are."""


def asks_a_question(_: Sessions, name: str) -> None:
    """The first line of the docstring is a question, and each parameter says what it does."""
    kind = registry.analysis(name)
    module = inspect.getmodule(kind)
    called = "" if module is None else module.__name__.rpartition(".")[2].replace("_", "-")
    hold(kind.name() == name == called, f"It is called {kind.name()!r} and its module {called!r}.")
    hold(kind.question().endswith("?"), f"The first line of its docstring must be a question. Got {kind.question()!r}.")
    short = [each.name for each in describe(kind.Params) if len(each.help) <= 10]
    hold(not short, f"Parameters need a description: {', '.join(short)}.")


def can_be_found(_: Sessions, name: str) -> None:
    """It stands in one of the groups, under a title of a few words that no other has."""
    kind, kinds = registry.analysis(name), registry.analyses()
    hold(kind.group in GROUPS, f"Its group must be one of {', '.join(GROUPS)}. Got {kind.group!r}.")
    title = kind.title
    words = title == title.strip() and title[:1].isupper() and "_" not in title and 3 <= len(title) <= LONGEST_TITLE
    hold(words, f"Its title must be a few words, {LONGEST_TITLE} letters at most. Got {title!r}.")
    other = next((each for each in kinds if each != name and kinds[each].title == title), None)
    hold(other is None, f"Its title, {title!r}, is that of {other}.")


def keys_by_parameters(_: Sessions, name: str) -> None:
    """Each parameter changes the key under which an answer is kept, and equal ones do not."""
    params = registry.analysis(name).Params
    bare = make(params, {})
    same = make(params, {each.name: each.default for each in describe(params)})
    hold(bare.key == same.key, "Its defaults, when given, are another question than when they are left out.")
    for each in describe(params):
        changed = make(params, {each.name: _another(each)}).key != bare.key
        hold(changed, f"`{each.name}` does not change the key under which its answer is kept.")


def _another(each: Parameter) -> Any:
    """Return an allowed value of a parameter that is not its default."""
    if each.kind is str:
        return next((option for option in each.options if option != each.default), "another")
    if each.default is None:
        return 1 if each.low is None else each.low
    if each.many:  # numbers
        return (*each.default, 1)
    more = each.default + 1
    return more if each.high is None or more <= each.high else (each.default + (each.low or 0)) / 2


def answers_bare(trial: Sessions, name: str) -> None:
    """With its defaults it answers: tables, and findings that can be checked."""
    result = trial.answer(name)
    check_result(result, trial.usual)
    hold(result.analysis == name, f"The result says that it is of {result.analysis!r}.")
    hold(result.context["images"] == len(trial.usual.dataset), f"It says {result.context['images']} images of 24.")


def check_result(result: Result, session: Session) -> None:
    """See that every finding is a checkable sentence whose evidence lies in the dataset.

    Raises:
        Broken: if not.
    """
    hold(result.findings, "It has no finding.")
    hold(result.tables, "It has no table.")
    json.dumps(result.notes)
    for finding in result.findings:
        said = finding.claim
        hold(said.endswith("."), f"A finding is a sentence. Got {said!r}.")
        counts_one_as_one((said, finding.advice, finding.confirm))
        hold(finding.severity in SEVERITIES, f"{said!r}: there is no severity {finding.severity!r}.")
        hold(len(set(finding.evidence)) == len(finding.evidence), f"{said!r}: an image is evidence twice.")
        part = session.dataset if finding.part == "data" else session.train
        rows = 0 if part is None else len(part)
        inside = all(type(row) is int and 0 <= row < rows for row in finding.evidence)
        hold(inside, f"{said!r}: evidence must be rows, int in 0…{rows - 1}. Got {finding.evidence[:5]}.")
        known = all(type(c) is int and 0 <= c < len(session.class_names) for c in finding.classes)
        hold(known, f"{said!r}: classes must be int in 0…{len(session.class_names) - 1}. Got {finding.classes}.")
        kinds = registry.analysis(result.analysis).kinds
        hold(finding.kind is None or finding.kind in kinds, f"{said!r}: its kind {finding.kind!r} is not in `kinds`.")
        advised = finding.kind is None or finding.severity == "info" or finding.advice
        hold(advised, f"{said!r}: a fault needs advice.")
        hold(0 <= finding.at_stake <= 1, f"{said!r}: the share at stake is {finding.at_stake}.")
        for estimate in filter(None, (finding.effect, finding.cost)):
            hold(math.isfinite(estimate.value), f"{said!r}: the estimate is {estimate.value}.")
            if estimate.interval is not None:
                low, high = estimate.interval
                around = low - 1e-9 <= estimate.value <= high + 1e-9
                hold(around, f"{said!r}: {estimate.value:.4g} is outside of its interval {low:.4g}…{high:.4g}.")
                hold(high - low > 1e-9, f"{said!r}: its interval has no width: of too few or equal values, give none.")
    for name, table in result.tables.items():
        for column in table.columns:
            if {f"{column}_low", f"{column}_high"} <= set(table.columns):
                flat = bool(((table[f"{column}_high"] - table[f"{column}_low"]).abs() < 1e-9).any())
                hold(not flat, f"Table {name!r}: an interval of {column!r} has no width.")


def counts_one_as_one(texts: Iterable[str]) -> None:
    """See that of one nothing is said as of many.

    Raises:
        Broken: if it is.
    """
    for said in texts:
        odd = ONE.search(said)
        hold(
            odd is None, f"Of one it is said as of many, {odd and odd[0]!r}: use `wording.plural` and `verb`. {said!r}"
        )


def check_severities(result: Result, session: Session) -> None:
    """See that no finding about evaluated images is worse than so many can show (`capped`).

    A finding with `classes` is about the images that have, or are predicted as, one of them; others are about all.

    Raises:
        Broken: if one is.
    """
    predictions, everyone = session.predictions, np.ones(len(session.dataset), bool)
    for finding in result.findings:
        if finding.part != "data" or finding.kind in COUNTED or not finding.evidence:
            continue
        classes = np.array(finding.classes, np.int64)
        concerned = np.isin(predictions.labels, classes) | np.isin(predictions.predicted, classes)
        images = int((concerned if finding.classes else everyone).sum())
        worst = capped(Severity.CRITICAL, images)
        hold(
            finding.severity <= worst,
            f"{finding.claim!r}: {plural(images, 'image')} can show nothing worse than {worst!s}. Got "
            f"{finding.severity!s}: use `workbench.statistics.rates.capped`.",
        )


def returns_from_disk(trial: Sessions, name: str) -> None:
    """A result that is read back from disk has the same findings and the same figure."""
    result = trial.answer(name)
    with tempfile.TemporaryDirectory() as folder:
        save_result(Path(folder) / "result.npz", result)
        again = load_result(Path(folder) / "result.npz")
    if again is None:
        hold(False, "Its result cannot be read back from disk.")
        return
    again = replace(again, names=result.names)
    hold(again.findings == result.findings, "Read back from disk, its findings are others.")
    hold(dict(again.sets) == dict(result.sets), "Read back from disk, its sets of images are others.")
    same = pixels_of(registry.draw(again)) == trial.drawn(name).pixels
    hold(same, "Drawn from a result that was read back from disk, the figure is another.")


def draws_plain_text(trial: Sessions, name: str) -> None:
    """No class name is read as mathtext, and the figure belongs to no window."""
    drawn = trial.drawn(name)
    odd = drawn.formulas
    hold(not odd, f"{odd[:1]} is drawn as mathematics: write class names with `workbench.plotting.pieces`.")
    hold(getattr(drawn.figure, "number", None) is None, "pyplot is never closed: make a `matplotlib.figure.Figure`.")


def can_be_read(trial: Sessions, name: str) -> None:
    """No text of the figure is smaller than 11 pixels on a page."""
    least = LEAST_TEXT * 72 / DOTS
    small = texts_below(trial.drawn(name).figure, least)
    hold(not small, f"Text must be at least {least:.1f} points. Smaller: {small[:3]}.")


def takes_the_edge_cases(trial: Sessions, name: str, values: Mapping[str, Any] | None = None) -> None:
    """One image, all right, all wrong, an absent class, two, thirty: answered and drawn, or refused in a sentence."""
    for case in CASES:
        takes_case(trial, name, case, values)


def takes_case(trial: Sessions, name: str, case: str, values: Mapping[str, Any] | None = None) -> None:
    """See that one case at the edge is answered and drawn."""
    session = trial.open(CASES[case])
    given = (registry.analysis(name).quick or {}) if values is None else values
    try:
        result = registry.compute(session, name, given)
    except WorkbenchError as error:
        hold(str(error).endswith((".", "?")), f"{case}: the reason must be a sentence. Got {str(error)!r}.")
        return
    check_result(result, session)
    check_severities(result, session)
    can_be_drawn(result)


def can_be_drawn(result: Result) -> None:
    """See that a result is drawn, and that neither its figure nor its tables say of one what is said of many.

    Raises:
        Broken: if they do.
    """
    figure = registry.draw(result)
    draw_unlettered(figure)
    counts_one_as_one(texts_of(figure))
    counts_one_as_one(spot["title"] for spot in hot_spots(figure))
    for table in result.tables.values():
        for column in table.select_dtypes(exclude="number"):
            counts_one_as_one(map(str, table[column]))


def needs_no_model_where_it_says_so(trial: Sessions, name: str) -> None:
    """Where `needs_model` is False, it answers the same without one."""
    if registry.analysis(name).needs_model:
        return
    usual, expected = trial.usual, trial.answer(name)
    session = Planted(None, usual.dataset, name="none", train=usual.train, cache=False)
    session.__dict__["model_fingerprint"] = "0" * 16
    session.planted, session.curves, session.noted = usual.planted, usual.curves, usual.noted
    result = registry.compute(session, name)
    hold(result.findings == expected.findings, "Without a model it says something else; set `needs_model`.")


def leaves_model_and_data(trial: Sessions, name: str) -> None:
    """Weights, pixels and predictions are the same afterwards."""
    trial.answer(name)
    hold(name not in trial.spoilt, "It has changed the model, the images, their labels or the predictions.")


CHECKS = (
    Check("it asks a question and explains its parameters", asks_a_question),
    Check("it is listed in a group, under a title of its own", can_be_found),
    Check("each parameter changes the key under which answers are kept", keys_by_parameters),
    Check("with its defaults it answers, and each finding can be checked", answers_bare),
    Check("an answer read back from disk is drawn the same", returns_from_disk),
    Check("no text is smaller than 11 pixels", can_be_read),
    Check("pictures, bars, cells and points lead to the images that they stand for", leads_to_its_images),
    Check("images are called by their names, nowhere by their rows", names_images),
    Check("no name is drawn as mathematics, and pyplot is left alone", draws_plain_text),
    Check(
        "one image, all right, all wrong, an absent class are answered or refused in a sentence", takes_the_edge_cases
    ),
    Check("it needs no model where it says so", needs_no_model_where_it_says_so),
    Check("model and data are left unchanged", leaves_model_and_data),
)
