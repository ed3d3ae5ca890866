"""Several recipes, each trained from several seeds: which of them helped, with the uncertainty."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.core.estimate import Estimate
from workbench.core.finding import Finding
from workbench.core.wording import join_names, percent, plural
from workbench.statistics.paired import seeds_and_images, t_interval
from workbench.statistics.significance import holm
from workbench.training.several_trainings import RecipeRun

if TYPE_CHECKING:
    import pandas as pd

SURE = 0.05
"""Family-wise error rate of all comparisons together."""
HELPED, HURT, OPEN, FIRST = "helped", "hurt", "inconclusive", "reference"
"""Verdicts of a comparison; the first recipe is the reference."""


def compare(trained: Sequence[RecipeRun]) -> pd.DataFrame:
    """Compare every recipe with the first.

    There are two sources of chance, each with its interval: the seed (of which there are few), and the sample of test
    images. A recipe has helped, or hurt, only if both are significant: its p-value is the larger of the two, adjusted
    for the number of recipes (Holm 1979).

    Source: Student's t for the seeds, paired as both recipes start from the same weights (Dietterich 1998,
    doi:10.1162/089976698300017197, on what such tests can tell); the mean of the images' paired differences for the
    images, whose variance for one seed is that of McNemar 1947, doi:10.1007/BF02295996.

    Returns:
        One row a recipe: `recipe`, `seeds`; `paired`, how many of them the first was trained from too; `accuracy` with
        `accuracy_low` and `accuracy_high` over seeds; `difference` to the first, over the paired ones, with
        `seeds_low`, `seeds_high`, `images_low`, `images_high`; `chance`, the adjusted p-value; `verdict`; `epochs` and
        `minutes`, means of a training. NaN where there is no such number.
    """
    import pandas as pd

    names = list(dict.fromkeys(each.recipe for each in trained))
    runs = {name: {each.seed: each for each in trained if each.recipe == name} for name in names}
    rows: list[dict[str, Any]] = []
    for name in names:
        own, first = runs[name], runs[names[0]]
        right = [float(each.correct.mean()) for each in own.values()]
        low, high, _ = t_interval(right)
        row = {
            "recipe": name,
            "seeds": len(own),
            "paired": len(own.keys() & first.keys()),
            "accuracy": float(np.mean(right)),
            "accuracy_low": max(low, 0.0),
            "accuracy_high": min(high, 1.0),
            "difference": np.nan,
            "seeds_low": np.nan,
            "seeds_high": np.nan,
            "images_low": np.nan,
            "images_high": np.nan,
            "chance": np.nan,
            "verdict": FIRST,
            "epochs": float(np.mean([each.epochs for each in own.values()])),
            "minutes": float(np.mean([each.seconds for each in own.values()])) / 60,
        }
        if name != names[0]:
            both = [own[seed].correct.astype(float) - first[seed].correct for seed in own if seed in first]
            row |= {**seeds_and_images(both), "verdict": OPEN}
        rows.append(row)
    table = pd.DataFrame(rows)
    table["chance"] = holm(table["chance"].to_numpy())
    sure = table["chance"] <= SURE
    table.loc[sure, "verdict"] = np.where(table.loc[sure, "difference"] > 0, HELPED, HURT)
    return table


def findings(table: pd.DataFrame) -> Iterator[Finding]:
    """Report for each recipe whether it helped, and the best one."""
    first = table.iloc[0]
    for _, row in table.iloc[1:].iterrows():
        points = f"{100 * row['difference']:+.2f} points".replace("-", "−")
        over = (
            f"{_span(row, 'seeds')} over {plural(int(row['paired']), 'seed')}, {_span(row, 'images')} over the images"
        )
        claim = (
            f"No significant difference between {row['recipe']} and {first['recipe']}: {points} ({over})."
            if row["verdict"] == OPEN
            else f"{row['recipe']} {row['verdict']}, compared with {first['recipe']}: {points} ({over})."
        )
        advice = ""
        if row["verdict"] == OPEN:
            advice = "More seeds (--seeds) narrow the first interval, more test images the second."
        interval = (float(row["images_low"]), float(row["images_high"]))
        yield Finding(claim, effect=Estimate(float(row["difference"]), *interval), advice=advice)
    best = table.iloc[int(table["accuracy"].to_numpy().argmax())]
    yield Finding(
        f"{best['recipe']} has the highest mean accuracy of {plural(len(table), 'recipe')} on these test images, "
        f"{percent(float(best['accuracy']))}.",
        effect=Estimate(float(best["accuracy"])),
        advice="It was selected on the test images, so its accuracy on them is optimistic: evaluate it on others.",
    )


def _span(row: Any, what: str) -> str:
    low, high = row[f"{what}_low"], row[f"{what}_high"]
    if np.isnan(low):
        return "no interval"
    return f"{100 * low:+.2f} to {100 * high:+.2f}".replace("-", "−")


def summary(trained: Sequence[RecipeRun]) -> str:
    """Summarise what was trained."""
    names = list(dict.fromkeys(each.recipe for each in trained))
    seeds = sorted({each.seed for each in trained})
    return f"{join_names(names)}; {plural(len(seeds), 'seed')}; {plural(len(trained[0].correct), 'test image')}"
