"""What two models say of the same images, by class, by confused pair, and how sure both are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from workbench.core.estimate import Estimate, columns
from workbench.core.predictions import Predictions
from workbench.statistics.calibration import scores
from workbench.statistics.paired import mcnemar
from workbench.statistics.rates import FEWEST
from workbench.statistics.significance import holm, mean_with_interval, paired_difference

if TYPE_CHECKING:
    import pandas as pd


def class_table(before: Predictions, after: Predictions, names: tuple[str, ...]) -> pd.DataFrame:
    """Return one row a class; see `Comparison.classes`."""
    import pandas as pd

    table, right = [], (before.correct, after.correct)
    for label, name in enumerate(names):
        inside = before.labels == label
        count = int(inside.sum())
        fixed, broken = int((inside & ~right[0] & right[1]).sum()), int((inside & right[0] & ~right[1]).sum())
        enough = count >= FEWEST
        gap = paired_difference(fixed, broken, count) if enough else Estimate(_share(fixed - broken, count))
        table.append(
            {
                "class": name,
                "images": count,
                "recall_first": _share(int(right[0][inside].sum()), count),
                "recall_second": _share(int(right[1][inside].sum()), count),
                **columns("difference", gap),
                "fixed": fixed,
                "broken": broken,
                "p": float(mcnemar(fixed, broken)) if enough else np.nan,
            }
        )
    found = pd.DataFrame(table)
    found["p_adjusted"] = holm(found["p"].to_numpy(np.float64))
    return found


def pair_table(before: Predictions, after: Predictions, names: tuple[str, ...]) -> pd.DataFrame:
    """Return one row a confusion; see `Comparison.pairs`."""
    import pandas as pd

    labels, kinds = before.labels, len(names)
    cells = [labels * kinds + each.predicted for each in (before, after)]
    wrong = [~each.correct for each in (before, after)]
    sizes = [np.bincount(cell[bad], minlength=kinds**2) for cell, bad in zip(cells, wrong, strict=True)]
    moved = cells[0] != cells[1]
    gone, come = (np.bincount(cell[bad & moved], minlength=kinds**2) for cell, bad in zip(cells, wrong, strict=True))
    (there,) = np.nonzero(sizes[0] + sizes[1] >= FEWEST)
    found = pd.DataFrame(
        {
            "true": [names[cell // kinds] for cell in there],
            "predicted": [names[cell % kinds] for cell in there],
            "errors_first": sizes[0][there],
            "errors_second": sizes[1][there],
            "gone": gone[there],
            "come": come[there],
            "p": mcnemar(gone[there], come[there]),
        }
    )
    found["p_adjusted"] = holm(found["p"].to_numpy(np.float64))
    change = (found["errors_second"] - found["errors_first"]).abs()
    return found.loc[change.sort_values(ascending=False, kind="stable").index].reset_index(drop=True)


def confidence_table(said: Mapping[str, Predictions]) -> pd.DataFrame:
    """Return one row a model, by its name: `calibration.scores`, and its mean confidence where it is wrong."""
    import pandas as pd

    table = []
    for name, each in said.items():
        unsure = mean_with_interval(each.confidence[~each.correct], within=(0, 1))
        row: dict[str, object] = {"model": name}
        for part, known in {**scores(each), "confidence_of_errors": unsure}.items():
            row |= columns(part, known)
        table.append(row)
    return pd.DataFrame(table)


def _share(hits: int, trials: int) -> float:
    return hits / trials if trials else float("nan")
