"""Images whose label is likely wrong, and the findings about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Severity
from workbench.core.image_set import ImageSet
from workbench.core.probabilities import Scores
from workbench.core.types import Array
from workbench.core.wording import percent, plural, verb
from workbench.statistics.described import describe
from workbench.statistics.knowledge import SURE
from workbench.statistics.label_quality import PAIR, LabelQuality

if TYPE_CHECKING:
    import pandas as pd

    from workbench.session.session import Session

ADVICE = {
    "train": "Look at the images of the table, worst first, or work them off on the page; relabel or drop the wrong "
    "ones, and retrain: `workbench train --from RUN --corrections`, which takes this table as CSV, too.",
    "data": "Look at the images of the table, worst first, and relabel the wrong ones before you trust the accuracy: "
    "it counts correct predictions as errors.",
}
CONFIRMED = 0.05
"""p-value below which a second judgement agrees."""
UNLIKE = 0.1
"""p-value below which a pair is more frequent than in the control."""
TWICE = 2
"""How many times as frequent it must be."""
COSTLY = 0.005
"""Share of the images that wrong labels must be able to cost to be serious; as of copies."""
OTHERS = 0.5
"""Share of the class's other images that a description of suspicious ones may hold for at most."""
IMAGES = {"train": "training", "data": "evaluated"}
"""What a sentence calls the images of each part."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Suspects:
    """Images whose label differs from their prediction out of sample, most suspicious first.

    Attributes:
        part: whose rows they are.
        rows: `(n,)` int64.
        labels, suggested: `(n,)` int64.
        score: `(n,)` float64 in [0, 1], by which they are sorted; low is suspicious.
        probability, of_suggested: `(n,)` float64, of the label and of the suggested class.
        issue: `(n,)` bool, whether they are among as many as are likely wrong.
        quality: of all labels that were checked.
    """

    part: Literal["train", "data"]
    rows: Array
    labels: Array
    suggested: Array
    score: Array
    probability: Array
    of_suggested: Array
    issue: Array
    quality: LabelQuality

    def of_pair(self, label: int, suggested: int) -> Array:
        """Return the rows of one label and one suggested class: those that are issues; all, where none is."""
        pair = (self.labels == label) & (self.suggested == suggested)
        return self.rows[pair & self.issue if (pair & self.issue).any() else pair]

    @classmethod
    def of(
        cls,
        quality: LabelQuality,
        labels: Array,
        probabilities: Scores,
        *,
        rows: Array,
        score: Array,
        part: Literal["train", "data"],
    ) -> Suspects:
        """Pick those whose label differs; `rows`, `labels`, `probabilities` and `score` are of all labels checked."""
        order = np.argsort(score, kind="stable")
        order = order[quality.suggested[order] != labels[order]]
        issue = np.zeros(len(rows), bool)
        issue[quality.issues] = not quality.silence  # where nothing can be told, none is accused
        suggested = quality.suggested[order]
        return cls(
            part=part,
            rows=rows[order],
            labels=labels[order],
            suggested=suggested,
            score=score[order],
            probability=quality.probability[order],
            of_suggested=probabilities[order, suggested],
            issue=issue[order],
            quality=quality,
        )


def findings_of(
    suspects: Suspects, session: Session, *, seconds: Sequence[LabelQuality] = (), control: LabelQuality | None = None
) -> list[Finding]:
    """Say how many labels are wrong, and in which pairs they are so in one direction.

    Args:
        suspects: of a part of the data.
        session: the model on the evaluated images.
        seconds: judgements that must agree before anything is called serious; the first must show it too, the others,
            which may know less, must not contradict.
        control: of other images, judged in the same way: pairs that are as frequent there are only mild.
    """
    quality, part, rows = suspects.quality, suspects.part, suspects.rows
    count, names = len(quality.score), session.class_names
    if quality.silence:
        claim = f"Whether {IMAGES[part]} labels are wrong cannot be told, since {quality.silence}."
        return [Finding(claim, kind="label-noise", part=part)]
    errors = float(1 - session.predictions.correct.mean())
    noise, surely = quality.noise, quality.beyond
    agreed = not seconds or seconds[0].chance < CONFIRMED
    # What is wrong in training costs at most the errors that the model makes.
    ceiling = 1.0 if part == "data" else errors
    serious = quality.scattered and surely.low > PAIR and agreed and ceiling >= COSTLY
    severity: Severity = Severity.SERIOUS if serious else Severity.MILD if surely.low > 0 else Severity.INFO
    most = max(round(noise.value * count), 1)
    whose, limit = plural(count, f"{IMAGES[part]} label"), percent(noise.high)
    if severity == Severity.INFO:
        claim = (
            f"Between 0 % and {limit} of {whose} may be wrong: wrong labels cannot be told from hard images here. "
            "Single ones may still be; look at the most suspicious first."
        )
    else:
        claim = f"About {most:,} of {whose} {verb(most, 'look')} wrong, {noise}, judging by "
        claim += "confident out-of-sample predictions"
        claim += "." if quality.told else f"; up to {limit} may be, among images that are hard."
    found = [
        Finding(claim, severity=severity, effect=noise, kind="label-noise", part=part)
        if severity == Severity.INFO
        else Finding(
            claim,
            severity=severity,
            effect=noise,
            evidence=ImageSet(rows[:most]),
            advice=ADVICE[part],
            kind="label-noise",
            part=part,
            cost=Estimate(*(min(end, ceiling) for end in (noise if quality.told else surely)), unit="%"),
            confirm="Have two people label the first fifty images of the table without seeing the labels.",
        )
    ]
    first, others = seconds[:1], seconds[1:]
    for pair in quality.one_way.to_dict("records"):
        label, should = int(pair["label"]), int(pair["suggested"])
        if any(not _of_pair(each, label, should)["sure"].any() for each in first):
            continue
        if any(_contradicts(each, label, should) for each in others):
            continue
        share = float((quality.suggested == should).mean())
        evidence = rows[(suspects.labels == label) & (suspects.suggested == should)]
        often = Estimate(float(pair["rate"]), float(pair["low"]), float(pair["high"]), unit="%")
        real = control is None or _is_more_frequent(pair, control)
        # Where wrong labels are not told from hard images, a class may be taken for another as often as a model errs.
        real = real and (severity != Severity.INFO or often.low > errors)
        found.append(
            Finding(
                f"{names[should]} is labelled {names[label]} in {often} of the {IMAGES[part]} images confidently "
                f"predicted as {names[should]}, far more often than the reverse."
                + _look(session, part, evidence, should),
                severity=Severity.SERIOUS if real and ceiling >= COSTLY else Severity.MILD,
                effect=often,
                evidence=ImageSet(evidence),
                advice=ADVICE[part],
                kind="label-noise",
                classes=(label, should),
                part=part,
                cost=Estimate(*(min(share * end, ceiling) for end in often), unit="%"),
                confirm="Have two people label the evidence without seeing the labels.",
            )
        )
    return found


def _look(session: Session, part: Literal["train", "data"], rows: Array, label: int) -> str:
    """Say what tells suspicious images from the others of their class, where something does."""
    of = session.training if part == "train" else session
    if of is None or not of.dataset.has_images:
        return ""
    members = np.isin(np.arange(len(of.dataset)), rows)
    labels = np.where(members, label, of.dataset.labels)
    known = labels == label
    found = describe(of.properties, labels, members, of.class_names, known=known)
    if found is None:
        return ""
    others = float(found.holds[known & ~members].mean())
    if others > OTHERS:
        return ""
    shares = f"{percent(found.inside)} of them and {percent(others)} of its others"
    return f" They are of one look, {found.words}: so are {shares}."


def _of_pair(quality: LabelQuality, label: int, suggested: int) -> pd.DataFrame:
    """Return the line of a pair, or none."""
    return quality.pairs[(quality.pairs["label"] == label) & (quality.pairs["suggested"] == suggested)]


def _contradicts(quality: LabelQuality, label: int, suggested: int) -> bool:
    """Whether a judgement that knows both classes does not surely see that labels go the one way."""
    if quality.silence or not quality.knows[[label, suggested]].all():
        return False
    return not _of_pair(quality, label, suggested)["sure"].any()


def _is_more_frequent(pair: dict[Any, Any], control: LabelQuality) -> bool:
    """Whether a pair is at least twice as frequent as among the images of the control (Fisher's exact test)."""
    same = _of_pair(control, pair["label"], pair["suggested"])
    hits = int(same["hits"].sum())
    of = int(same["of"].sum()) or int(SURE * (control.suggested == pair["suggested"]).sum())
    if not of:
        return False
    from scipy.stats import fisher_exact

    own, among = int(pair["hits"]), int(pair["of"])
    chance = fisher_exact([[own, among - own], [hits, of - hits]], alternative="greater")[1]
    return bool(chance < UNLIKE and own * of > TWICE * hits * among)
