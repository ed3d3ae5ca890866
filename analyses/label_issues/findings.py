"""Images whose label is likely wrong, what is said about them, and how bad it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from analyses.label_issues.label_quality import SURE, LabelQuality
from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Severity
from workbench.core.types import Array
from workbench.core.wording import counted
from workbench.data.sampling import MOST_EVIDENCE

if TYPE_CHECKING:
    from workbench.session.session import Session

ADVICE = {
    "train": "Look at the images of the table, worst first; correct or drop those that are wrong, and train again.",
    "data": "Look at the images of the table, worst first, and correct those that are wrong before you trust the "
    "accuracy: it counts right answers as errors.",
}
CONFIRMED = 0.05
"""Chance below which a second look agrees."""
UNLIKE, TWICE = 0.1, 2
"""Chance below which a pair is more frequent than in the control, and by how much it must be."""
WHOSE = {"train": "training", "data": "studied"}


@dataclass(frozen=True, eq=False, kw_only=True)
class Suspects:
    """Images whose label differs from what is said about them out of sample, most suspicious first.

    Attributes:
        part: whose rows they are.
        rows: `(n,)` int64.
        labels, suggested: `(n,)` int64.
        score: `(n,)` float64 in [0, 1], by which they are sorted; low is suspicious.
        probability, of_suggested: `(n,)` float64, of the label and of the suggested class.
        issue: `(n,)` bool, whether confident learning names them too.
        judged: of all images that were looked at.
    """

    part: Literal["train", "data"]
    rows: Array
    labels: Array
    suggested: Array
    score: Array
    probability: Array
    of_suggested: Array
    issue: Array
    judged: LabelQuality

    @classmethod
    def of(
        cls,
        judged: LabelQuality,
        labels: Array,
        probabilities: Array,
        *,
        rows: Array,
        score: Array,
        part: Literal["train", "data"],
    ) -> Suspects:
        """Sort those out whose label differs; `rows`, `labels`, `probabilities` and `score` are of all looked at."""
        order = np.argsort(score, kind="stable")
        order = order[judged.suggested[order] != labels[order]]
        issue = np.zeros(len(rows), bool)
        issue[judged.issues] = True
        suggested = judged.suggested[order]
        return cls(
            part=part,
            rows=rows[order],
            labels=labels[order],
            suggested=suggested,
            score=score[order],
            probability=judged.score[order],
            of_suggested=probabilities[order, suggested],
            issue=issue[order],
            judged=judged,
        )


def findings_of(
    suspects: Suspects, session: Session, *, also: LabelQuality | None = None, control: LabelQuality | None = None
) -> list[Finding]:
    """Say how many labels are wrong, and in which pairs they are so in one direction.

    Args:
        suspects: of a part of the data.
        session: the model on the images under study.
        also: what must agree before anything is called serious; None where nothing must.
        control: of other images, judged in the same way: pairs that are as frequent there are only mild.
    """
    judged, part, rows = suspects.judged, suspects.part, suspects.rows
    count, names = len(judged.score), session.class_names
    errors = float(1 - session.predictions.correct.mean())
    noise = judged.noise
    agreed = also is None or also.chance < CONFIRMED
    severity: Severity = (
        Severity.SERIOUS if judged.scattered and agreed else Severity.MILD if noise.low > 0 else Severity.INFO
    )
    most = max(round(noise.value * count), 1)
    claim = (
        f"About {noise} of the {counted(count, WHOSE[part] + ' label')} are wrong, by what the model is "
        f"sure of without having learned it."
        if severity != Severity.INFO
        else f"There is no sign that {WHOSE[part]} labels are wrong beyond what is ambiguous: about {noise} of "
        f"{count:,}."
    )
    # What is wrong in training costs at most the errors that the model makes.
    ceiling = 1.0 if part == "data" else errors
    found = [
        Finding(claim, severity=severity, effect=noise, kind="label-noise", part=part)
        if severity == Severity.INFO
        else Finding(
            claim,
            severity=severity,
            effect=noise,
            evidence=tuple(rows[: min(most, MOST_EVIDENCE)].tolist()),
            advice=ADVICE[part],
            kind="label-noise",
            part=part,
            cost=Estimate(*(min(end, ceiling) for end in noise), unit="%"),
            confirm="Two people who do not see the labels label the first fifty images of the table.",
        )
    ]
    theirs = set() if also is None else set(map(tuple, also.one_way[["label", "suggested"]].to_numpy().tolist()))
    for pair in judged.one_way.to_dict("records"):
        label, should = int(pair["label"]), int(pair["suggested"])
        if also is not None and (label, should) not in theirs:
            continue
        share = float((judged.suggested == should).mean())
        evidence = rows[(suspects.labels == label) & (suspects.suggested == should)]
        often = Estimate(float(pair["rate"]), float(pair["low"]), float(pair["high"]), unit="%")
        found.append(
            Finding(
                f"{names[should]} is labelled {names[label]} in {often} of the {WHOSE[part]} images "
                f"that surely are {names[should]}, far more often than the other way.",
                severity=Severity.SERIOUS if control is None or _oftener(pair, control) else Severity.MILD,
                effect=often,
                evidence=tuple(evidence[:MOST_EVIDENCE].tolist()),
                advice=ADVICE[part],
                kind="label-noise",
                classes=(label, should),
                part=part,
                cost=Estimate(*(min(share * end, ceiling) for end in often), unit="%"),
                confirm="Two people who do not see the labels label the evidence.",
            )
        )
    return found


def _oftener(pair: dict[Any, Any], control: LabelQuality) -> bool:
    """Whether a pair is at least twice as frequent as among the images of the control (Fisher's exact test)."""
    same = control.pairs[(control.pairs["label"] == pair["label"]) & (control.pairs["suggested"] == pair["suggested"])]
    hits = int(same["hits"].sum())
    of = int(same["of"].sum()) or int(SURE * (control.suggested == pair["suggested"]).sum())
    if not of:
        return False
    from scipy.stats import fisher_exact

    own, among = int(pair["hits"]), int(pair["of"])
    chance = fisher_exact([[own, among - own], [hits, of - hits]], alternative="greater")[1]
    return bool(chance < UNLIKE and own * of > TWICE * hits * among)
