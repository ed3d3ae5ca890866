"""What contrast maps say: where the evidence lies, how far it can be divided, and how one margin adds up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.estimate import Estimate
from workbench.core.finding import Finding, Severity
from workbench.core.image_set import ImageSet
from workbench.core.wording import number, plural, verb
from workbench.session import contrasts
from workbench.statistics.bootstrap import estimate
from workbench.statistics.rates import capped, rate

if TYPE_CHECKING:
    import pandas as pd


def findings_of(table: pd.DataFrame, notes: dict[str, Any]) -> list[Finding]:
    """Say of many errors where the evidence lies; `table` has a line for each."""
    over, seen = plural(len(table), "error"), table[table["on_background"].notna()]
    margin, found = estimate(table["margin"].to_numpy()), []
    if len(seen):
        behind, on, beyond, rest = (
            estimate(seen[name].to_numpy()) for name in ("background_share", "on_object", "on_background", "left_over")
        )
        first = seen.sort_values("background_share", ascending=False, kind="stable")["row"]
        if np.isfinite(behind.value):
            but = ", but this method gives exactly zero to pixels equal to the reference"
            found.append(
                Finding(
                    f"{contrasts.in_percent(behind)} of the evidence for the predicted class lies on the background "
                    f"({_method(notes)}){but if notes['silent'] else ''}.",
                    severity=capped(
                        Severity.SERIOUS
                        if behind.low > 0.5
                        else Severity.MILD
                        if behind.value > 0.25 or notes["silent"]
                        else Severity.INFO,
                        len(seen),
                    ),
                    effect=behind,
                    evidence=ImageSet(first),
                    advice="Choose a reference that differs from the background."
                    if notes["silent"]
                    else "Look at the first images: is it the outline of the object, or something in the background?",
                )
            )
        found.append(
            Finding(
                f"Over {plural(len(seen), 'error')} on a plain background, the object contributes {on} logits to the "
                f"margin, the background {beyond}; {'the reference' if notes['complete'] else 'the remainder'} is "
                f"{rest}.",
                severity=Severity.INFO,
                effect=beyond,
                evidence=ImageSet(first),
            )
        )
    if len(seen) < len(table):
        others = len(table) - len(seen)
        none = rate(others, len(table))
        found.append(
            Finding(
                f"{others:,} of {over}, {none}, {verb(others, 'have')} no plain background: object and background "
                "cannot be separated there.",
                severity=Severity.INFO,
                effect=none,
                evidence=ImageSet(table[table["on_background"].isna()]["row"]),
            )
        )
    if notes["complete"]:
        gap = estimate(table["completeness_gap"].abs().to_numpy())
        far = gap.value > 0.1 * abs(margin.value)
        worst = table.sort_values("completeness_gap", key=abs, ascending=False, kind="stable")["row"]
        found.append(
            Finding(
                f"{notes['title']} misses the difference to the reference by {gap} logits (completeness gap); the mean "
                f"margin is {margin}.",
                severity=capped(Severity.MILD, len(table)) if far else Severity.INFO,
                effect=gap,
                evidence=ImageSet(worst),
                advice="Use more steps where a contribution matters that is not much larger." if far else "",
            )
        )
    return found


def about(row: pd.Series, name: str, notes: dict[str, Any]) -> Finding:
    """Say how the margin of one image adds up."""
    parts = [("object", row["on_object"]), ("background", row["on_background"])]
    if np.isnan(parts[1][1]):
        parts = [("whole image, which has no plain background,", row["on_object"])]
    parts.append(("reference" if notes["complete"] else "remainder", row["left_over"]))
    sums = ", ".join(f"{name} {number(value)}" for name, value in parts)
    return Finding(
        f"{name}: the logit of {row['true']} minus that of {row['against']} is {number(row['margin'])}: "
        f"{sums} ({_method(notes)}). Strongest cell: {row['largest_cell']}, {number(row['largest_value'])}.",
        effect=Estimate(float(row["margin"])),
        evidence=ImageSet([int(row["row"])]),
    )


def of_layer(table: pd.DataFrame, notes: dict[str, Any]) -> Finding:
    """Say how far HiResCAM sums to the margin."""
    rest = estimate(table["hires_left_over"].abs().to_numpy())
    return Finding(
        f"HiResCAM at {notes['layer']}, {notes['sizes']['layer']} places, sums to the margin up to {rest} logits.",
        severity=Severity.INFO,
        effect=rest,
        advice="The remainder is a constant (the difference of two biases) only if a single linear layer follows.",
    )


def _method(notes: dict[str, Any]) -> str:
    name = notes["title"] + (f" with reference {notes['reference']!r}" if notes["reference"] else "")
    return name if notes["complete"] else f"{name}, whose values need not sum to the margin"
