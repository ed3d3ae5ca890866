"""The comparison with another model, as a report shows it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from workbench.app.report.both_maps import maps_of_both
from workbench.app.report.content import Versus
from workbench.core.estimate import Estimate
from workbench.core.wording import p_value, percent, plural, points, significant
from workbench.diagnosis.comparison import OUTCOMES

if TYPE_CHECKING:
    from workbench.app.report.content import Picture
    from workbench.app.report.pictured import Pictures
    from workbench.diagnosis.comparison import Comparison

SHOWN, PAIRS = 8, 10
"""Images of an outcome, and confused pairs."""
GALLERIES = ("fixed", "broken")


def versus(found: Comparison, pictures: Pictures, methods: Sequence[str] = ()) -> Versus:
    """Return what a report says of a comparison.

    Args:
        found: the comparison; its first model is the one that the report is about.
        pictures: makes the pictures of the first one's images.
        methods: attribution methods, of which the first is asked of both; a usual one, if not given.
    """
    one, other = found.names
    explained, said = maps_of_both(found, pictures, GALLERIES, methods)
    agreement, kappa = found.agreement
    facts: dict[str, object] = {
        f"Accuracy of {one}": found.accuracies[0],
        f"Accuracy of {other}": found.accuracies[1],
        "Difference": points(*found.difference),
        "Exact McNemar test": p_value(found.chance, named=True),
        **{f"{name.replace('_', ' ').capitalize()}": f"{count:,}" for name, count in found.counts.items()},
        "The same prediction": agreement,
        "Cohen’s κ": kappa,
    }
    for _, row in found.confidence.iterrows():
        facts[f"Calibration error of {row['model']}"] = Estimate.of(row, "ece", "%")
    return Versus(
        names=(one, other),
        sentence=found.sentence,
        facts=tuple((name, str(value)) for name, value in facts.items()),
        notes=found.notes,
        classes=_classes(found.classes, one, other),
        pairs=_pairs(found.pairs.head(PAIRS), one, other),
        groups=tuple(_group(found, name, pictures) for name in GALLERIES),
        explained=explained,
        said=said,
    )


def _group(found: Comparison, outcome: str, pictures: Pictures) -> tuple[str, str, tuple[Picture, ...]]:
    images, names = found.images(outcome), found.first.class_names
    place = {int(row): at for at, row in enumerate(found.rows[:, 0])}
    shown = []
    for row in images[:SHOWN]:
        at = place[int(row)]
        label, before, after = (
            names[int(each[at])] for each in (found.before.labels, found.before.predicted, found.after.predicted)
        )
        said = f"{label}: {before} → {after}"
        if (made := pictures.one(int(row), said=said)) is not None:
            shown.append(made)
    return f"{outcome.capitalize()}: {OUTCOMES[outcome]}", plural(len(images), "image"), tuple(shown)


def _classes(table: pd.DataFrame, one: str, other: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "class": table["class"],
            "images": [f"{each:,}" for each in table["images"]],
            f"recall of {one}": table["recall_first"].map(_share),
            f"of {other}": table["recall_second"].map(_share),
            "difference, points": [_ends(row) for _, row in table.iterrows()],
            "p (Holm)": table["p_adjusted"].map(p_value),
        }
    )


def _pairs(table: pd.DataFrame, one: str, other: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "true": table["true"],
            "predicted": table["predicted"],
            f"errors of {one}": table["errors_first"],
            f"of {other}": table["errors_second"],
            "p (Holm)": table["p_adjusted"].map(p_value),
        }
    )


def _share(value: float) -> str:
    return "–" if math.isnan(value) else percent(value)


def _ends(row: pd.Series) -> str:
    value, low, high = (100 * each for each in Estimate.of(row, "difference"))
    if math.isnan(low):
        return "–" if math.isnan(value) else significant(value, 2)
    return f"{significant(value, 2)} ({significant(low, 2)} to {significant(high, 2)})"
