"""Findings and answers as plain data, for JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from workbench.core.finding import Finding
from workbench.core.jsonable import records
from workbench.core.result import Result
from workbench.core.wording import percent, plural
from workbench.diagnosis.diagnose import Diagnosis
from workbench.diagnosis.registry import analysis

if TYPE_CHECKING:
    from workbench.session.session import Session


def as_record(diagnosis: Diagnosis, session: Session) -> dict[str, Any]:
    """Return the diagnosis as JSON has it.

    Of each finding: `rank`, `kind`, `severity`, `claim`, `classes` (numbers) and `class_names`, `part` ("data" or
    "train"), `images`, the names of the images of that part that show it, worst first, and `indices`, their rows, for
    programs; `effect` with its `interval`; `images_at_stake` and
    `accuracy_at_stake` with theirs; `advice`, `confirm`; `analysis` with its `params`, which has the figure; `also`.
    """
    return {
        "context": dict(diagnosis.context),
        "fast": diagnosis.quick,
        "findings": [
            {
                "rank": each.rank,
                **finding_record(each.analysis, each.finding, session),
                "params": dict(each.params),
                "figure": f"{each.analysis}.png",
                "also": [finding_record(*other, session) for other in each.also],
            }
            for each in diagnosis.findings
        ],
        "asked": sorted(diagnosis.asked),
        "left_out": dict(diagnosis.left_out),
    }


def finding_record(name: str, finding: Finding, session: Session) -> dict[str, Any]:
    """Return a finding of the analysis `name` as JSON has it; `as_record` says which words it has."""
    count = len(session.dataset)
    return {
        "kind": finding.kind,
        "severity": finding.severity,
        "claim": finding.claim,
        "classes": list(finding.classes),
        "class_names": [session.class_names[c] for c in finding.classes],
        "part": finding.part,
        "images": session.image_names.of_set(finding.evidence),
        "indices": list(finding.evidence),
        "effect": None if finding.effect is None else finding.effect.value,
        "interval": None if finding.effect is None else finding.effect.interval,
        "images_at_stake": round(finding.at_stake * count),
        "accuracy_at_stake": finding.at_stake,
        "accuracy_interval": None if finding.cost is None else finding.cost.interval,
        "advice": finding.advice,
        "confirm": finding.confirm,
        "analysis": name,
    }


def affected(finding: Finding, images: int) -> str:
    """Say how many of so many images are wrong, or counted wrongly, because of it; empty where that is not known."""
    if finding.cost is None or not finding.cost.value:
        return ""
    span = finding.cost.interval
    points = f" (95 % interval {percent(span[0])} to {percent(span[1])})" if span else ""
    about = plural(round(finding.cost.value * images), "image")
    return f"affects about {about}, {percent(finding.cost.value)}{points}"


def answer_record(result: Result) -> dict[str, Any]:
    """Return an answer as JSON has it.

    Images stand in its tables and notes by their names. A finding has `images`, the names of all that show it, worst
    first, and `indices`, their rows in the part that `part` names, for programs.
    """
    return {
        "analysis": result.analysis,
        "question": analysis(result.analysis).question(),
        "params": result.params,
        "context": result.context,
        "findings": [answered(result, finding) for finding in result.findings],
        "tables": {table: records(frame) for table, frame in result.named.items()},
        "notes": result.notes if result.names is None else result.names.values(result.notes),
    }


def answered(result: Result, finding: Finding) -> dict[str, Any]:
    """Return a finding of an answer as JSON has it; `answer_record` says how."""
    told = {name: value for name, value in asdict(finding).items() if name != "evidence"}
    return {**told, "images": result.image_names(finding.evidence), "indices": list(finding.evidence)}
