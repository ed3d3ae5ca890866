"""Images whose label is likely wrong, what is said about them, and how bad it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from analyses.label_issues.label_quality import SURE, LabelQuality
from workbench.core.finding import Finding, Severity
from workbench.core.types import Array
from workbench.core.wording import counted, percent
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


@dataclass(frozen=True, eq=False)
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
            part,
            rows[order],
            labels[order],
            suggested,
            score[order],
            judged.score[order],
            probabilities[order, suggested],
            issue[order],
            judged,
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
    value, low, high = judged.noise.ends
    agreed = also is None or also.chance < CONFIRMED
    severity: Severity = "serious" if judged.scattered and agreed else "mild" if low > 0 else "info"
    most = max(round(judged.noise.value * count), 1)
    bounds = "–".join(percent(end).removesuffix(" %") for end in (low, high))
    claim = (
        f"About {percent(value)} of {counted(count, WHOSE[part] + ' label')} are wrong "
        f"(95 % interval {bounds} %), by what the model is sure of without having learned it."
        if severity != "info"
        else f"There is no sign that {WHOSE[part]} labels are wrong beyond what is ambiguous: about {percent(value)} "
        f"of {count:,} (95 % interval {bounds} %)."
    )
    # What is wrong in training costs at most the errors that the model makes.
    ceiling = 1.0 if part == "data" else errors
    costs = (min(value, ceiling), (min(low, ceiling), min(high, ceiling)))
    found = [
        Finding(claim, severity, value, (low, high), kind="label-noise", part=part)
        if severity == "info"
        else Finding(
            claim,
            severity,
            value,
            (low, high),
            tuple(rows[: min(most, MOST_EVIDENCE)].tolist()),
            ADVICE[part],
            "label-noise",
            (),
            part,
            *costs,
            "Two people who do not see the labels label the first fifty images of the table.",
        )
    ]
    theirs = set() if also is None else set(map(tuple, also.one_way[["label", "suggested"]].to_numpy().tolist()))
    for pair in judged.one_way.to_dict("records"):
        label, should = int(pair["label"]), int(pair["suggested"])
        if also is not None and (label, should) not in theirs:
            continue
        share = float((judged.suggested == should).mean())
        evidence = rows[(suspects.labels == label) & (suspects.suggested == should)]
        one, least, most_of = (min(share * float(pair[each]), ceiling) for each in ("rate", "low", "high"))
        bounds = "–".join(percent(pair[end]).removesuffix(" %") for end in ("low", "high"))
        found.append(
            Finding(
                f"{names[should]} is labelled {names[label]} in {percent(pair['rate'])} of the {WHOSE[part]} images "
                f"that surely are {names[should]} (95 % interval {bounds} %), far more often than the other way.",
                "serious" if control is None or _oftener(pair, control) else "mild",
                float(pair["rate"]),
                (float(pair["low"]), float(pair["high"])),
                tuple(evidence[:MOST_EVIDENCE].tolist()),
                ADVICE[part],
                "label-noise",
                (label, should),
                part,
                one,
                (least, most_of),
                "Two people who do not see the labels label the evidence.",
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
