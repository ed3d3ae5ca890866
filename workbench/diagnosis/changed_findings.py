"""What two diagnoses say of two models: findings that went, that stayed, and that came."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from workbench.core.finding import Finding, Kind, Severity
from workbench.core.image_set import ImageSet
from workbench.core.progress import about
from workbench.core.types import Array
from workbench.core.wording import join_names
from workbench.diagnosis.diagnose import Diagnosis, diagnose, known_diagnosis

if TYPE_CHECKING:
    from workbench.core.result import Result
    from workbench.session.session import Session

State = Literal["went", "stayed", "came"]
STATES: dict[State, str] = {
    "went": "of the first model only",
    "stayed": "of both models",
    "came": "of the second model only",
}
"""What becomes of a finding."""
SHARED = 0.5
"""Share of the smaller evidence that two findings have in common, to be about the same images."""
BY_IMAGES: frozenset[Kind] = frozenset({"underperforming-slice"})
"""Kinds that are about images, whatever the classes of these are."""


@dataclass(frozen=True, kw_only=True)
class FindingChange:
    """A finding of either model, or of both.

    Attributes:
        state: "went", "stayed" or "came".
        kind: the fault.
        subject: what it is about: its classes, else "training images" or "all images".
        analysis: whose finding it is.
        first, second: the finding of either; None where it has none.
        first_in, second_in: the answers that they stand in.
    """

    state: State
    kind: Kind
    subject: str
    analysis: str
    first: Finding | None = None
    second: Finding | None = None
    first_in: Result | None = None
    second_in: Result | None = None

    @property
    def finding(self) -> Finding:
        """The newest: of the second model where it has it."""
        found = self.second or self.first
        assert found is not None  # noqa: S101  # of either there is one
        return found

    @property
    def record(self) -> dict[str, Any]:
        """What JSON has of it."""
        both = {"first": self.first, "second": self.second}
        said = {f"claim_{name}": None if each is None else each.claim for name, each in both.items()}
        severity = {f"severity_{name}": None if each is None else str(each.severity) for name, each in both.items()}
        about = {"state": self.state, "kind": self.kind, "subject": self.subject, "analysis": self.analysis}
        return {**about, **severity, **said}


def both_diagnoses(first: Session, second: Session, *, ask: bool = False) -> tuple[Diagnosis, Diagnosis] | None:
    """Return the diagnoses of both models that are stored, both whole or both quick ones; None where one lacks.

    Args:
        first: the session of one model.
        second: of the other.
        ask: whether the quick ones are made now, where neither kind is stored of both. That takes minutes.
    """
    for quick in (False, True):
        found = [known_diagnosis(each, quick=quick) for each in (first, second)]
        if found[0] is not None and found[1] is not None:
            return found[0], found[1]
    return (_asked(first), _asked(second)) if ask else None


def _asked(session: Session) -> Diagnosis:
    with about(session.name):
        return diagnose(session, quick=True)


def changed_findings(
    sessions: tuple[Session, Session], diagnoses: tuple[Diagnosis, Diagnosis], rows: Array
) -> tuple[FindingChange, ...]:
    """Match the findings of two diagnoses by their kind and subject; facts are left out.

    Two findings are the same where their kind, their part and their classes (by name) are the same; where there are
    several such, and of slices, most of the smaller one's images have to be in the other.

    Args:
        sessions: both models.
        diagnoses: of both, in the same order.
        rows: `(n, 2)` where each image of both stands in either data set.

    Returns:
        The worst first, those that came before those that stayed and those that went.
    """
    place = dict(zip(rows[:, 1].tolist(), rows[:, 0].tolist(), strict=True))
    one, other = (list(_findings(each)) for each in diagnoses)
    left, found = list(range(len(other))), list[FindingChange]()
    for answer, finding in one:
        alike = [n for n in left if _subject(finding, sessions[0]) == _subject(other[n][1], sessions[1])]
        best = max(alike, key=lambda n: _shared(finding, other[n][1], place), default=None)
        several = sum(_subject(each, sessions[0]) == _subject(finding, sessions[0]) for _, each in one) > 1
        by_images = several or len(alike) > 1 or finding.kind in BY_IMAGES
        if best is not None and by_images and not _same(finding, other[best][1], place):
            best = None
        if best is not None:
            left.remove(best)
        second = None if best is None else other[best]
        found.append(_change("went" if second is None else "stayed", (answer, finding), second, sessions[0]))
    found += [_change("came", None, other[n], sessions[1]) for n in left]
    order: list[State] = ["came", "stayed", "went"]
    return tuple(sorted(found, key=lambda each: (order.index(each.state), -each.finding.severity.rank)))


def _findings(diagnosis: Diagnosis) -> Iterator[tuple[Result, Finding]]:
    """Every finding with a kind, whatever it was put under; the worst first, as an analysis gives them."""
    for result in diagnosis.asked.values():
        for finding in result.findings:
            if finding.kind and finding.severity != Severity.INFO:
                yield result, finding


def _subject(finding: Finding, session: Session) -> tuple[object, ...]:
    return finding.kind, finding.part, frozenset(session.class_names[c] for c in finding.classes)


def _shared(one: Finding, other: Finding, place: dict[int, int]) -> int:
    """Images that both show; of the second model, as rows of the first's data."""
    if one.part != other.part or one.part != "data":
        return one.evidence.meets(other.evidence)
    return one.evidence.meets(ImageSet(np.array([place[row] for row in other.evidence if row in place], np.int64)))


def _same(one: Finding, other: Finding, place: dict[int, int]) -> bool:
    smaller = min(len(one.evidence), len(other.evidence))
    return smaller == 0 or _shared(one, other, place) > SHARED * smaller


def _change(
    state: State, first: tuple[Result, Finding] | None, second: tuple[Result, Finding] | None, session: Session
) -> FindingChange:
    found = first or second  # the session is that of the first which has it
    assert found is not None  # noqa: S101
    answer, finding = found
    assert finding.kind is not None  # noqa: S101  # facts are left out
    whole = "training images" if finding.part == "train" else "all images"
    subject = join_names([session.class_names[c] for c in finding.classes], 6) if finding.classes else whole
    (first_in, one), (second_in, other) = first or (None, None), second or (None, None)
    return FindingChange(
        state=state,
        kind=finding.kind,
        subject=subject,
        analysis=answer.analysis,
        first=one,
        second=other,
        first_in=first_in,
        second_in=second_in,
    )
