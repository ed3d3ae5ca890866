"""One sentence that a reader can check, with the images that show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["info", "mild", "serious", "critical"]

Kind = Literal[
    "label-noise",
    "shortcut",
    "leakage",
    "duplicates",
    "class-imbalance",
    "underperforming-class",
    "confused-pair",
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
]
"""Faults of a model or its data that `diagnose` knows, by the words that its JSON has for them."""


@dataclass(frozen=True)
class Finding:
    """One sentence a reader can check, with the images that show it.

    Attributes:
        claim: the sentence, numbers and units included.
        severity: "info" (a fact), "mild" (worth knowing; good models have such too), "serious" (mend it before you
            trust the model), "critical" (do not use the model, or the number).
        value: the number that the claim is about; None where it is about none.
        interval: 95 % interval of `value`; None where it has none.
        evidence: rows to look at, worst first, of the images that `part` names.
        advice: what one would do about it; empty where nothing is to be done.
        kind: the fault that it reports; None where it reports none.
        classes: the classes that it is about, in [0, K); empty where it is about all.
        part: whose rows the evidence are: of the images under study, or of the training images.
        cost: share of the images under study in [0, 1] that are wrong, or counted wrongly, because of it; 0 where
            that cannot be told.
        cost_interval: 95 % interval of `cost`; None where it has none.
        confirm: what would confirm it, a sentence; empty where the evidence is all there is.
    """

    claim: str
    severity: Severity = "info"
    value: float | None = None
    interval: tuple[float, float] | None = None
    evidence: tuple[int, ...] = ()
    advice: str = ""
    kind: Kind | None = None
    classes: tuple[int, ...] = ()
    part: Literal["data", "train"] = "data"
    cost: float = 0.0
    cost_interval: tuple[float, float] | None = None
    confirm: str = ""
