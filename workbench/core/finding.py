"""One sentence that a reader can check, with the images that show it."""

from __future__ import annotations

import warnings
from dataclasses import KW_ONLY, dataclass
from enum import StrEnum
from typing import Literal

from workbench.core.estimate import Estimate
from workbench.core.image_set import CALLED, NONE, ImageSet, Part
from workbench.core.notebook import facts_html
from workbench.core.wording import plural


class Severity(StrEnum):
    """How bad it is; compares by that: `finding.severity >= Severity.SERIOUS`."""

    INFO = "info"
    """A fact."""
    MILD = "mild"
    """Worth knowing; good models have such findings too."""
    SERIOUS = "serious"
    """Fix it before you trust the model."""
    CRITICAL = "critical"
    """Do not use the model, or the number."""

    @property
    def rank(self) -> int:
        """0 for a fact; larger is worse."""
        return list(Severity).index(self)

    def __lt__(self, other: str) -> bool:
        return self.rank < Severity(other).rank

    def __le__(self, other: str) -> bool:
        return self.rank <= Severity(other).rank

    def __gt__(self, other: str) -> bool:
        return self.rank > Severity(other).rank

    def __ge__(self, other: str) -> bool:
        return self.rank >= Severity(other).rank


Kind = Literal[
    "label-noise",
    "shortcut",
    "leakage",
    "duplicates",
    "class-imbalance",
    "underperforming-class",
    "confused-pair",
    "merged-class",
    "miscalibration",
    "underperforming-slice",
    "dead-channels",
    "overfitting",
    "underfitting",
    "fragility",
    "preprocessing-mismatch",
    "train-test-shift",
    "label-permutation",
    "constant-prediction",
    "blank-images",
    "outliers",
]
"""Faults of a model or its data that `diagnose` knows, by their names in its JSON."""


@dataclass(frozen=True)
class Finding:
    """One sentence a reader can check, with the images that show it.

    Attributes:
        claim: the sentence, numbers and units included.
        severity: how bad it is.
        effect: the number that the claim is about, with its interval; None if there is none.
        evidence: all images that show it, worst first, of the part that `part` names; rows are taken for it.
        advice: what to do about it; empty if nothing needs doing.
        kind: the fault that it reports; None for a fact.
        classes: the classes that it is about, in [0, K); empty for all.
        part: which images the evidence refers to: "data", the evaluated images, or "train", the training images.
        cost: share of the evaluated images in [0, 1] that are wrong, or counted wrongly, because of it; None if
            unknown.
        confirm: how to check it, a sentence; empty if the evidence suffices.
    """

    claim: str
    _: KW_ONLY
    severity: Severity = Severity.INFO
    effect: Estimate | None = None
    evidence: ImageSet = NONE
    advice: str = ""
    kind: Kind | None = None
    classes: tuple[int, ...] = ()
    part: Part = "data"
    cost: Estimate | None = None
    confirm: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "severity", Severity(self.severity))  # a plug-in may give the word
        object.__setattr__(self, "evidence", ImageSet(self.evidence, part=self.part))

    def _repr_html_(self) -> str:
        facts = {"severity": f"{self.severity}{f', {self.kind}' if self.kind else ''}"}
        if self.effect is not None:
            facts["effect"] = str(self.effect)
        if self.cost is not None:
            facts["accuracy at stake"] = str(self.cost)
        if self.evidence:
            facts["shown by"] = plural(len(self.evidence), CALLED[self.part].removesuffix("s"))
        facts |= {name: text for name, text in (("advice", self.advice), ("check", self.confirm)) if text}
        return facts_html(self.claim, facts)

    @property
    def at_stake(self) -> float:
        """`cost` as a number, by which findings are sorted: 0 if unknown."""
        return 0.0 if self.cost is None else self.cost.value

    @property
    def value(self) -> float | None:
        """Old name of `effect.value`; goes in the next release."""
        _renamed("value", "effect.value")
        return None if self.effect is None else self.effect.value

    @property
    def interval(self) -> tuple[float, float] | None:
        """Old name of `effect.interval`; goes in the next release."""
        _renamed("interval", "effect.interval")
        return None if self.effect is None else self.effect.interval

    @property
    def cost_interval(self) -> tuple[float, float] | None:
        """Old name of `cost.interval`; goes in the next release."""
        _renamed("cost_interval", "cost.interval")
        return None if self.cost is None else self.cost.interval


def _renamed(old: str, new: str) -> None:
    warnings.warn(f"Finding.{old} is now Finding.{new}.", DeprecationWarning, stacklevel=3)
