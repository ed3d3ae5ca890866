"""Which findings say the same thing, which one is the cause of which, and in which order they come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.core.finding import Finding, Kind, Severity

if TYPE_CHECKING:
    from workbench.core.result import Result

ERRORS: frozenset[Kind] = frozenset({"underperforming-class", "confused-pair", "underperforming-slice"})
"""Three ways to name the same errors."""
ALL_ERRORS: frozenset[Kind] = ERRORS | {"miscalibration", "underfitting", "overfitting", "fragility"}
FOLLOWS: dict[Kind, frozenset[Kind]] = {
    "preprocessing-mismatch": ALL_ERRORS | {"constant-prediction", "train-test-shift", "label-permutation", "outliers"},
    "label-permutation": ALL_ERRORS | {"train-test-shift", "preprocessing-mismatch"},
    "constant-prediction": ALL_ERRORS | {"label-permutation", "shortcut"},
    "blank-images": ERRORS | {"duplicates", "outliers", "train-test-shift"},
    "outliers": frozenset({"underperforming-class", "confused-pair"}),  # a group of them is worth its own sentence
    "dead-channels": ERRORS | {"miscalibration", "underfitting"},
    "shortcut": ERRORS | {"merged-class"},  # a mark on some images of a class parts them from the others
    "class-imbalance": ERRORS | {"train-test-shift"},
    "train-test-shift": ERRORS | {"miscalibration", "overfitting", "outliers"},
    "leakage": frozenset({"duplicates"}),
    "underfitting": ERRORS | {"dead-channels"},
    "label-noise": frozenset({"confused-pair", "underperforming-class"}),
    "underperforming-slice": frozenset({"underperforming-class", "confused-pair"}),
    "underperforming-class": frozenset({"confused-pair", "underperforming-slice"}),
    "confused-pair": frozenset({"underperforming-class", "underperforming-slice"}),
}
"""What follows from a fault, and so is said with it and not beside it; deeper causes first."""
ORDER: tuple[Kind | None, ...] = tuple(FOLLOWS)
LOCAL: frozenset[Kind] = frozenset({"blank-images", "outliers"})
"""Faults of single images: they explain only what is shown by these."""
RIVALS: frozenset[Kind] = frozenset({"preprocessing-mismatch", "label-permutation"})
"""Two explanations of the same accuracy: the one that mends more is the cause."""
NO_WITNESS: frozenset[Kind] = frozenset({"preprocessing-mismatch", "label-permutation", "constant-prediction"})
"""After these, the model's word about any label is worth nothing, of the training images either."""
MISLED: frozenset[Kind] = frozenset({"train-test-shift", "class-imbalance", "underfitting"})
"""After these, labels of the images under study look wrong that are not: a turned picture, a class hardly learned."""
SHARED = 0.5
"""Share of a finding's evidence that another must have, so that both are about the same errors."""


@dataclass(frozen=True, kw_only=True)
class Diagnosed:
    """One fault.

    Attributes:
        rank: from 1, the one that costs most.
        finding: the sentence, its evidence, what to do.
        analysis: whose finding it is; its figure and tables show more.
        params: parameters with which that analysis was asked.
        also: (analysis, finding) of other analyses, or of the same one, that say the same or follow from it.
    """

    rank: int
    finding: Finding
    analysis: str
    params: Mapping[str, Any]
    also: tuple[tuple[str, Finding], ...] = ()


def rank(asked: Mapping[str, Result]) -> list[Diagnosed]:
    """Rank findings and put those that say the same, or follow from another, under that other.

    Args:
        asked: name of each analysis, and its answer; findings without a kind, and mere facts, are left out.

    Returns:
        By severity, then by what they cost; nothing is lost, only put under another.
    """
    found = [(name, finding) for name, result in asked.items() for finding in result.findings]
    ranked = sorted((pair for pair in found if pair[1].kind and pair[1].severity != Severity.INFO), key=_weight)
    heads: list[tuple[str, Finding]] = []
    under: dict[int, list[tuple[str, Finding]]] = {}
    for pair in sorted(ranked, key=_depth):
        place = next((place for place, (_, head) in enumerate(heads) if _covers(head, pair[1])), None)
        if place is None:
            heads.append(pair)
        else:
            under.setdefault(place, []).append(pair)
    order = sorted(range(len(heads)), key=lambda place: _weight(heads[place]))
    return [
        Diagnosed(
            rank=number,
            finding=heads[place][1],
            analysis=heads[place][0],
            params=asked[heads[place][0]].params,
            also=tuple(under.get(place, ())),
        )
        for number, place in enumerate(order, 1)
    ]


def _weight(pair: tuple[str, Finding]) -> tuple[int, float, bool, str]:
    """The worst and costliest first; what is unknown before what was measured to cost nothing."""
    name, finding = pair
    return -finding.severity.rank, -finding.at_stake, finding.cost is not None, name


def _depth(pair: tuple[str, Finding]) -> tuple[bool, int, tuple[int, float, bool, str]]:
    """Causes before what follows from them."""
    finding = pair[1]
    known = 0 if finding.kind in RIVALS else ORDER.index(finding.kind) if finding.kind in ORDER else len(ORDER)
    return (False, known, _weight(pair)) if _is_cause(finding) else (True, 0, _weight(pair))


def _is_cause(finding: Finding) -> bool:
    """A fault that explains others, and is sure enough to be taken for their cause."""
    return finding.kind not in ERRORS and finding.severity >= Severity.SERIOUS


def _covers(head: Finding, other: Finding) -> bool:
    """Whether `other` is said with `head`."""
    if head.kind is None or other.kind is None:
        return False
    if head.kind == other.kind:  # good models have several mild ones of a kind; the first stands for them
        same = _same_part(head, other) and (_classes_meet(head, other) or _evidence_meets(head, other))
        return other.severity == Severity.MILD or same
    if head.kind in ERRORS and other.kind in ERRORS:
        return set(other.classes) <= set(head.classes) if not other.evidence else _evidence_meets(head, other)
    if not _is_cause(head) or _worse(other, head):
        return False
    if other.kind == "label-noise":
        misled = head.kind in MISLED and other.part == "data" and _classes_meet(head, other)
        of_these = head.kind in LOCAL and _evidence_meets(head, other)
        return head.kind in NO_WITNESS or misled or of_these
    meet = _evidence_meets if head.kind in LOCAL else _classes_meet
    everywhere = head.kind == "constant-prediction"  # it names what is predicted, and concerns all others
    return other.kind in FOLLOWS.get(head.kind, frozenset()) and (everywhere or meet(head, other))


def _worse(one: Finding, other: Finding) -> bool:
    """Whether a consequence outweighs what it is said to follow from: then it stands for itself."""
    return other.severity not in (Severity.CRITICAL, Severity.SERIOUS) and one.severity in (
        Severity.CRITICAL,
        Severity.SERIOUS,
    )


def _same_part(one: Finding, other: Finding) -> bool:
    return one.part == other.part or not (one.evidence and other.evidence)


def _classes_meet(one: Finding, other: Finding) -> bool:
    return not one.classes or not other.classes or bool(set(one.classes) & set(other.classes))


def _evidence_meets(one: Finding, other: Finding) -> bool:
    """Whether most of the smaller evidence stands in the larger one."""
    if not one.evidence or not other.evidence:
        return False
    smaller = min(len(one.evidence), len(other.evidence))
    return one.evidence.meets(other.evidence) > SHARED * smaller
