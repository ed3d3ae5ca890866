"""A policy measured: of each rule whether it holds, and the number that says so."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.errors import Unavailable, WorkbenchError, unknown
from workbench.core.finding import Finding
from workbench.core.notebook import facts_html
from workbench.core.progress import report
from workbench.core.wording import percent, plural, significant
from workbench.diagnosis.comparison import compare
from workbench.diagnosis.diagnose import diagnose
from workbench.diagnosis.policy import EVERY, Policy
from workbench.diagnosis.policy.reading import read_policy
from workbench.statistics.calibration import scores
from workbench.statistics.confusion import confusion_counts
from workbench.statistics.rates import rate

if TYPE_CHECKING:
    from workbench.core.estimate import Estimate
    from workbench.diagnosis.opening import Session

NAMED = 3
"""Classes or findings that are named in a sentence."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One rule, and whether it holds.

    Attributes:
        rule: as the policy says it.
        passed: whether it holds.
        said: what was measured, and why it does not hold, a sentence.
        images: names of images that show why it does not, the first of them.
    """

    rule: str
    passed: bool
    said: str
    images: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, repr=False)
class Check:
    """What became of a policy.

    Attributes:
        outcomes: one for each rule, in the order of the policy.
        name: of the model.
        dataset: of the images.
        images: how many they are.
    """

    outcomes: tuple[Outcome, ...]
    name: str
    dataset: str
    images: int

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """Those that do not hold."""
        return tuple(each for each in self.outcomes if not each.passed)

    @property
    def passed(self) -> bool:
        """Whether all hold."""
        return not self.failed

    @property
    def sentence(self) -> str:
        """What is to be said of it."""
        rules, of = plural(len(self.outcomes), "rule"), f"{self.name} on {self.dataset}"
        if self.passed:
            return f"{of} meets the policy: {rules} checked."
        return f"{of} does not meet the policy: {len(self.failed)} of {rules} failed."

    def __repr__(self) -> str:
        return "\n".join([self.sentence, *(line_of(each) for each in self.outcomes)])

    def _repr_html_(self) -> str:
        return facts_html(self.sentence, {each.rule: f"{mark_of(each)}: {each.said}" for each in self.outcomes})


def mark_of(outcome: Outcome) -> str:
    """Return the word that stands before an outcome."""
    return "passed" if outcome.passed else "FAILED"


def line_of(outcome: Outcome) -> str:
    """Write an outcome as a line."""
    return f"{mark_of(outcome)}  {outcome.rule}: {outcome.said}"


def check(session: Session, policy: Policy | str | Path, *, against: Session | None = None) -> Check:
    """Measure a model against a policy.

    A minimum must be reached by the lower end of the 95 % interval, a maximum by the upper end; a drop fails only where
    it is surely larger, with the whole of its interval.

    Args:
        session: model and data.
        policy: the rules, or their file.
        against: the session that `max-drop` is about.

    Raises:
        WorkbenchError: if the policy is none, names a class or field that there is not, or speaks of a drop and there
            is nothing to compare with.
    """
    policy = policy if isinstance(policy, Policy) else read_policy(policy)
    if policy.max_drop is not None and against is None:
        raise WorkbenchError(
            f"{policy.source}: `max-drop` compares with another model, and none was given. Name it as `against` in the "
            "policy, or with --against."
        )
    parts = [_accuracy, _recalls, _calibration, _drop, _slices, _severity]  # what takes long comes last
    found: list[Outcome] = []
    for done, part in enumerate(parts):
        report("Policy", done, len(parts))
        found += part(session, policy, against)
    report("Policy", len(parts), len(parts))
    data = session.dataset
    return Check(outcomes=tuple(found), name=session.name, dataset=data.name, images=len(data))


def _accuracy(session: Session, policy: Policy, _: Session | None) -> Iterator[Outcome]:
    if policy.min_accuracy is not None:
        correct = session.predictions.correct
        share = rate(int(correct.sum()), len(correct))
        yield _at_least(f"min-accuracy {policy.min_accuracy:g}", "accuracy", share, policy.min_accuracy)


def _at_least(rule: str, what: str, share: Estimate, least: float) -> Outcome:
    said = f"{what} {share}"
    if share.low >= least:
        return Outcome(rule=rule, passed=True, said=f"{said}.")
    return Outcome(rule=rule, passed=False, said=f"{said}; the lower end must reach {percent(least)}.")


def _recalls(session: Session, policy: Policy, _: Session | None) -> Iterator[Outcome]:
    names = session.class_names
    for name in policy.min_recall:
        if name not in (*names, EVERY):
            raise unknown("class", name, names, where=f"`min-recall` of {policy.source}")
    predictions = session.predictions
    counts = confusion_counts(predictions.labels, predictions.predicted, len(names))
    right, of = counts.diagonal(), counts.sum(axis=1)
    shares = {name: rate(int(right[c]), int(of[c])) for c, name in enumerate(names) if of[c]}
    for name, least in policy.min_recall.items():
        if name == EVERY:
            rest = {each: share for each, share in shares.items() if each not in policy.min_recall}
            yield _every(rest, least)
        elif name in shares:
            yield _at_least(f"min-recall {least:g} of {name}", "recall", shares[name], least)
        else:
            said = f"{session.dataset.name} has no image of {name}, so its recall is not known."
            yield Outcome(rule=f"min-recall {least:g} of {name}", passed=False, said=said)


def _every(shares: dict[str, Estimate], least: float) -> Outcome:
    rule, low = f"min-recall {least:g}", sorted(shares, key=lambda name: shares[name].low)
    below = [name for name in low if shares[name].low < least]
    if not below:
        worst = f"; the lowest is {low[0]}, {shares[low[0]]}" if low else ""
        return Outcome(rule=rule, passed=True, said=f"{plural(len(shares), 'class')} reach it{worst}.")
    named = "; ".join(f"{name} {shares[name]}" for name in below[:NAMED])
    more = f"; and {plural(len(below) - NAMED, 'other')}" if len(below) > NAMED else ""
    said = f"{len(below)} of {plural(len(shares), 'class')} do not surely reach it, lowest first: {named}{more}."
    return Outcome(rule=rule, passed=False, said=said)


def _calibration(session: Session, policy: Policy, _: Session | None) -> Iterator[Outcome]:
    if policy.max_ece is None:
        return
    error = replace(scores(session.predictions)["ece"], unit="%")
    rule, said = f"max-ece {policy.max_ece:g}", f"expected calibration error {error}"
    end = error.value if math.isnan(error.high) else error.high
    if end <= policy.max_ece:
        yield Outcome(rule=rule, passed=True, said=f"{said}.")
    else:
        said = f"{said}; the upper end may reach {percent(policy.max_ece)}."
        yield Outcome(rule=rule, passed=False, said=said)


def _drop(session: Session, policy: Policy, against: Session | None) -> Iterator[Outcome]:
    if against is None:
        return
    most = policy.max_drop or 0.0
    found = compare(against, session)
    value, low, high = (significant(100 * each, 2) for each in found.difference)
    said = (
        f"{value} points against {against.name} (95 % interval {low} to {high}; {found.counts['fixed']:,} fixed, "
        f"{found.counts['broken']:,} broken of {plural(len(found), 'image')})"
    )
    rule = f"max-drop {most:g}"
    if found.difference.high >= -most:
        yield Outcome(rule=rule, passed=True, said=f"{said}.")
        return
    limit = f"more than {significant(100 * most, 2)} points " if most else ""
    broken = tuple(map(str, against.dataset.names[found.images("broken").rows[:NAMED]]))
    yield Outcome(rule=rule, passed=False, said=f"{said}; it is surely {limit}less accurate.", images=broken)


def _slices(session: Session, policy: Policy, _: Session | None) -> Iterator[Outcome]:
    for each in policy.slices:
        rule = f"min-accuracy {each.min_accuracy:g} of {each.name or each.where}"
        try:
            images = session.images.where(each.where, compute=True)
        except Unavailable:
            raise
        except WorkbenchError as error:
            raise WorkbenchError(f"{policy.source}: the slice {each.name or each.where!r}: {error}") from None
        if not len(images):
            yield Outcome(rule=rule, passed=False, said=f"no image of {session.dataset.name} is found by {each.where}.")
            continue
        correct = session.predictions.correct[images.rows]
        share = rate(int(correct.sum()), len(correct))
        made = _at_least(rule, f"accuracy on {plural(len(correct), 'image')}", share, each.min_accuracy)
        wrong = images.names[np.flatnonzero(~correct)[:NAMED]]
        yield made if made.passed else replace(made, images=tuple(map(str, wrong)))


def _severity(session: Session, policy: Policy, _: Session | None) -> Iterator[Outcome]:
    if policy.max_severity is None:
        return
    found = diagnose(session, quick=policy.fast)
    everything = [pair for each in found.findings for pair in ((each.analysis, each.finding), *each.also)]
    worse = [finding for _, finding in everything if finding.severity > policy.max_severity]
    bad = [finding for finding in worse if finding.kind not in policy.allowed_kinds]
    rule = f"max-severity {policy.max_severity}"
    if policy.allowed_kinds:
        rule += f" but {', '.join(policy.allowed_kinds)}"
    asked = f"{plural(len(found.asked), 'analysis')}"
    if bad:
        names = session.image_names.of_set(bad[0].evidence[:NAMED])
        yield Outcome(rule=rule, passed=False, said=_named(bad), images=tuple(names))
    else:
        let = f", {plural(len(worse), 'worse finding')} of an allowed kind" if worse else ""
        yield Outcome(rule=rule, passed=True, said=f"{asked} found nothing worse{let}.")


def _named(bad: list[Finding]) -> str:
    kinds = [f"{finding.severity} {finding.kind}: {finding.claim.rstrip('.')}" for finding in bad[:NAMED]]
    rest = f"; and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
    return f"{plural(len(bad), 'finding')} {'is' if len(bad) == 1 else 'are'} worse. {'; '.join(kinds)}{rest}."
