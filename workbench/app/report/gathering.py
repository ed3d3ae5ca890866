"""Everything that a report says, asked of a session."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench import __version__
from workbench.app.report.charts import chart
from workbench.app.report.chosen_maps import advised_said, explained
from workbench.app.report.comparison import versus
from workbench.app.report.content import Card, Chart, Problem, Report
from workbench.app.report.pictured import Pictures, counted
from workbench.core.errors import WorkbenchError
from workbench.core.finding import Finding
from workbench.core.progress import report
from workbench.core.provenance import git_revision, versions
from workbench.core.wording import cell, join_names, percent, plural, significant
from workbench.diagnosis import registry
from workbench.diagnosis.comparison import compare
from workbench.diagnosis.diagnose import Diagnosis, diagnose
from workbench.diagnosis.record import affected
from workbench.models.preprocessing import AUTO
from workbench.statistics.calibration import scores
from workbench.statistics.confusion import confusion_counts
from workbench.statistics.rates import rate
from workbench.statistics.significance import mean_with_interval

if TYPE_CHECKING:
    from workbench.core.estimate import Estimate
    from workbench.core.result import Result
    from workbench.diagnosis.comparison import Comparison
    from workbench.diagnosis.ranking import Diagnosed
    from workbench.session.session import Session

ALWAYS = ("overview", "confusion-matrix", "calibration")
"""Analyses whose figures every report has, before those of the findings."""
EVIDENCE = 8
"""Images that are shown of a finding."""
STEPS = ("Numbers", "Problems", "Maps", "Figures", "Comparison")


def gather(
    session: Session,
    *,
    quick: bool = False,
    found: Diagnosis | None = None,
    against: Session | None = None,
    compared: Comparison | None = None,
    images: Sequence[str] = (),
    methods: Sequence[str] = (),
    source: Sequence[str] = (),
) -> Report:
    """Ask everything that a report says.

    Args:
        session: model and data.
        quick: whether only analyses that take seconds are asked.
        found: the diagnosis, where it was made already.
        against: another model, to compare with.
        compared: the comparison, where it was made already.
        images: names of images to explain; chosen, if not given.
        methods: attribution methods; the usual ones that apply, if not given.
        source: what is typed behind a command to work on the same.

    Raises:
        WorkbenchError: if a name is unknown, or both models cannot be compared.
    """
    _step(0)
    pictures, typed = Pictures(session), shlex.join(source)
    cards = tuple(_cards(session))
    if compared is None and against is not None:
        compared = compare(session, against)  # what cannot be is told before the wait
    _step(1)
    found = found or diagnose(session, quick=quick)
    _step(2)
    maps, no_maps = explained(session, pictures, images=images, methods=methods)
    _step(3)
    charts = tuple(_charts(session, found, pictures, typed))
    _step(4)
    beside = None if compared is None else versus(compared, pictures, methods)
    report("Report", len(STEPS), len(STEPS))
    return Report(
        name=session.name,
        data=f"{session.dataset.name}, {plural(len(session.dataset), 'image')}",
        made=f"{datetime.now(UTC):%Y-%m-%d}, workbench {__version__}",
        summary=_summary(session, found),
        studied=tuple((name, cell(value)) for name, value in _studied(session).items() if value not in (None, "", ())),
        assumed=tuple(filter(None, (session.assumed, session.reading))),
        cards=cards,
        problems=tuple(_problem(session, each, pictures, typed) for each in found.findings),
        explained=maps,
        no_maps=no_maps,
        advised="" if no_maps or methods else advised_said(session),
        charts=charts,
        versus=beside,
        asked=tuple(_asked(result) for result in found.asked.values()),
        left_out=tuple((_title(name), why) for name, why in found.left_out.items()),
        quick=found.quick,
        commands=tuple(_commands(session, found, typed, compared)),
        versions=tuple(_versions(session)),
    )


def _step(place: int) -> None:
    report(f"Report: {STEPS[place].lower()}", place, len(STEPS))


def _title(name: str) -> str:
    kinds = registry.analyses()
    return kinds[name].title if name in kinds else name


def _cards(session: Session) -> Iterator[Card]:
    """The numbers of the summary, each with its interval."""
    said, names = session.predictions, session.class_names
    counts = confusion_counts(said.labels, said.predicted, len(names))
    right, of = counts.diagonal(), counts.sum(axis=1)
    yield _card("Accuracy", rate(int(right.sum()), len(said)))
    yield Card(title="Errors", value=f"{len(said) - int(right.sum()):,}", note=f"of {plural(len(said), 'image')}")
    known = np.flatnonzero(of)
    weakest = int(known[np.argmin(right[known] / of[known])])
    recall = rate(int(right[weakest]), int(of[weakest]))
    yield replace(_card("Lowest recall", recall), note=f"{names[weakest]}; {_span(recall)}")
    yield _card("Calibration error (ECE)", replace(scores(said)["ece"], unit="%"))
    if (~said.correct).any():
        unsure = mean_with_interval(said.confidence[~said.correct], within=(0, 1))
        yield _card("Mean confidence when wrong", replace(unsure, unit="%"))


def _card(title: str, share: Estimate) -> Card:
    return Card(title=title, value=percent(share.value), note=_span(share))


def _span(share: Estimate) -> str:
    if share.interval is None:
        return "too few images for an interval"
    low, high = map(percent, share.interval)
    return f"95 % interval {low.removesuffix(' %')}–{high}"


def _summary(session: Session, found: Diagnosis) -> str:
    """Say how good it is and what was found, in one sentence."""
    right = int(session.predictions.correct.sum())
    share = rate(right, len(session.dataset))
    levels = [str(each.finding.severity) for each in found.findings]
    words = [f"{levels.count(each)} {each}" for each in ("critical", "serious", "mild") if each in levels]
    problems = f"{plural(len(levels), 'problem')}: {join_names(words)}" if levels else "no problems"
    return f"{session.name} classifies {share} of the images correctly; the diagnosis found {problems}."


def _studied(session: Session) -> dict[str, Any]:
    data, facts = session.dataset, dict[str, Any]()
    facts["Model"] = session.name
    if session.run is not None:
        made = session.run.manifest
        epochs = str(made.epochs) if made.best_epoch is None else f"{made.epochs}, best {made.best_epoch}"
        facts |= {
            "Network": f"{made.architecture}, {plural(made.parameters, 'parameter')}",
            "Trained": f"recipe {made.recipe}, seed {made.seed}, epochs {epochs}, {made.created[:10]}",
            "Trained on": Path(made.dataset).name,
        }
    facts |= {
        "Data": data.name,
        "Images": f"{len(data):,}",
        "Classes": f"{len(data.class_names):,}: {join_names(data.class_names, 20)}",
    }
    if data.has_images:
        height, width, channels = data.image_shape
        facts["Image size"] = f"{height} × {width}, {'grey' if channels == 1 else 'colour'}"
    if session.settled and not session.only_predictions and (session.found or session.preprocessing != AUTO):
        facts["Pixels given as"] = f"{session.preprocessing}{f' ({session.found})' if session.found else ''}"
    facts["About the data"] = "; ".join(data.notes)
    return facts


def _problem(session: Session, each: Diagnosed, pictures: Pictures, typed: str) -> Problem:
    finding = each.finding
    others = dict.fromkeys(f"{_words(other)} ({_title(name)})" for name, other in each.also)
    return Problem(
        rank=each.rank,
        severity=str(finding.severity),
        kind=_words(finding),
        claim=finding.claim,
        effect=_effect(finding),
        affects=affected(finding, len(session.dataset)),
        advice=finding.advice,
        confirm=finding.confirm,
        also=tuple(others),
        command=_analyze(each.analysis, typed),
        shown=pictures.some(finding.evidence, EVIDENCE, finding.part),
        images=counted(finding.evidence),
        more=len(finding.evidence) > EVIDENCE,
    )


def _words(finding: Finding) -> str:
    return (finding.kind or "").replace("-", " ")


def _effect(finding: Finding) -> str:
    if finding.effect is None or finding.effect.interval is None or "interval" in finding.claim:
        return ""
    value, low, high = map(significant, finding.effect)
    return f"{value}, 95 % interval {low} to {high}"


def _analyze(name: str, typed: str) -> str:
    return f"workbench analyze {name} {typed}".rstrip()


def _charts(session: Session, found: Diagnosis, pictures: Pictures, typed: str) -> Iterator[Chart]:
    """Figures that every report has, then those of the findings in their order."""
    names = list(dict.fromkeys([*ALWAYS, *(each.analysis for each in found.findings)]))
    for done, name in enumerate(names):
        report("Figures", done, len(names))
        try:
            result = found.asked.get(name) or registry.compute(session, name)
        except WorkbenchError:  # what a report has not to have
            if name in found.asked:
                raise
            continue
        yield chart(session, result, pictures, _analyze(name, typed))


def _asked(result: Result) -> tuple[str, str, str]:
    kind = registry.analysis(result.analysis)
    changed = {
        name: value for name, value in result.params.items() if value != kind.Params().model_dump(mode="json")[name]
    }
    how = ", ".join(f"{name.replace('_', ' ')} {cell(value)}" for name, value in changed.items())
    return kind.title, kind.question(), how


def _commands(session: Session, found: Diagnosis, typed: str, compared: Comparison | None) -> Iterator[tuple[str, str]]:
    """What makes the report again, and what continues from it."""
    fast = " --fast" if found.quick else ""
    beside = "" if compared is None else f" --compare {shlex.quote(compared.second.name)}"
    yield f"workbench report{' ' if typed else ''}{typed}{beside}{fast} --out report.html", "this report"
    yield f"workbench diagnose{' ' if typed else ''}{typed}{fast}", "its problems in the terminal"
    yield f"workbench start{' ' if typed else ''}{typed}", "the page, with every image"
    if session.run is not None:
        made, path = session.run.manifest, session.run.path
        how = f"--recipe {shlex.quote(f'{path.parent.name}/{path.name}/run.json')} --architecture {made.architecture}"
        data = f"--data {shlex.quote(Path(made.dataset).name)}"
        yield f"workbench train NAME {how} --seed {made.seed} {data}", "the same training again"


def _versions(session: Session) -> Iterator[tuple[str, str]]:
    yield from versions().items()
    if (revision := git_revision()) is not None:
        yield "source", revision
    yield "model", session.model_fingerprint
    yield "data", session.dataset.fingerprint
