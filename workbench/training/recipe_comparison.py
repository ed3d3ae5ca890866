"""Several recipes, each trained from several seeds: which of them helped, with the uncertainty."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import numpy as np

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.estimate import Estimate
from workbench.core.finding import Finding
from workbench.core.locks import holding
from workbench.core.params import make
from workbench.core.progress import Progress, silent
from workbench.core.types import Array
from workbench.core.wording import join_names, percent, plural
from workbench.statistics.paired import seeds_and_images, t_interval
from workbench.statistics.significance import holm
from workbench.training.checkpoint import STATE, Checkpoint
from workbench.training.fitting import Row, Start, Tell
from workbench.training.recipes import Recipe, TrainingJob
from workbench.training.runs import MANIFEST, Run, open_run, runs_folder
from workbench.training.trainer import train

if TYPE_CHECKING:
    import pandas as pd

SURE = 0.05
"""Family-wise error rate of all comparisons together."""
COMPARED = {"architecture", "dataset", "seed"}
"""What a run must have been trained with, beside its recipe, to be one of a comparison's."""
HELPED, HURT, OPEN, FIRST = "helped", "hurt", "inconclusive", "reference"
"""Verdicts of a comparison; the first recipe is the reference."""


@dataclass(frozen=True, eq=False, kw_only=True)
class RecipeRun:
    """One recipe, trained from one seed.

    Attributes:
        recipe: its name.
        seed: seed for initial weights, order and augmentation.
        correct: `(N,)` bool, which test images it gets right.
        epochs: number of epochs trained.
        seconds: duration of the training.
    """

    recipe: str
    seed: int
    correct: Array
    epochs: int
    seconds: float


class Told(TypedDict, total=False):
    """Who is told of several trainings.

    Attributes:
        progress: the progress of the current training, with the name of its run, and of "all trainings".
        say: sentences for the user.
        on_run: the name of each run, and whether it has to be trained.
        on_start: the number of epochs, and the device.
        on_epoch: each row of the history.
    """

    progress: Progress
    say: Tell
    on_run: Callable[[str, bool], None]
    on_start: Start
    on_epoch: Callable[[Row], None]


def train_all(
    recipes: Mapping[str, Recipe],
    seeds: Sequence[int],
    *,
    job: TrainingJob,
    prefix: str = "compare",
    folder: str | Path | None = None,
    **told: Unpack[Told],
) -> list[RecipeRun]:
    """Train every recipe from every seed, as runs `<prefix>-<recipe>-<seed>`; existing runs are reused.

    All recipes are trained with one seed before the next, so that they can be compared early. After an interruption
    the same call resumes.

    Args:
        recipes: by name, at least two.
        seeds: at least one, each once.
        job: architecture and data; its recipe and seed are replaced.
        prefix: what the names of the runs begin with.
        folder: where runs are kept.
        told: who is told what.

    Raises:
        WorkbenchError: if a run of that name has other settings, or the data has no test part.
        Unavailable: if data or disk are not available.
    """
    if len(recipes) < 2:
        raise WorkbenchError(f"A comparison needs at least two recipes. Got {', '.join(recipes) or 'none'}.")
    jobs = {
        name: make(TrainingJob, {**job.model_dump(), "recipe_name": name, "recipe": recipe})
        for name, recipe in recipes.items()
    }
    return train_each(jobs, seeds, called=lambda name, seed: f"{prefix}-{name}-{seed}", folder=folder, **told)


def train_each(
    jobs: Mapping[str, TrainingJob],
    seeds: Sequence[int],
    *,
    called: Callable[[str, int], str],
    fingerprints: Mapping[str, str] | None = None,
    folder: str | Path | None = None,
    **told: Unpack[Told],
) -> list[RecipeRun]:
    """Train every job from every seed; existing runs are reused, and one that was stopped is resumed.

    Args:
        jobs: by name; their seeds are replaced.
        seeds: at least one, each once.
        called: gives the run's name from that of its job and its seed.
        fingerprints: of the data, by part, which runs that are there must have been trained on; not given, any.
        folder: where runs are kept.
        told: who is told what.

    Raises:
        WorkbenchError: as `train_all` does.
    """
    folder, progress = Path(folder or runs_folder()), told.get("progress", silent)
    if not seeds or len(set(seeds)) < len(seeds):
        raise WorkbenchError(f"A comparison needs at least one seed, each once. Got {list(seeds)}.")
    trained: list[RecipeRun] = []
    for seed in seeds:
        for name, job in jobs.items():
            run_name, wanted = called(name, seed), job.model_copy(update={"seed": seed})
            run = _there(folder, run_name, wanted, fingerprints or {})
            if run is not None:
                _sweep(Checkpoint(folder, run_name), wanted)
            progress("all trainings", len(trained), len(jobs) * len(seeds))
            if "on_run" in told:
                told["on_run"](run_name, run is None)
            if run is None:
                run = train(
                    run_name,
                    job=wanted,
                    folder=folder,
                    resume=_begun(Checkpoint(folder, run_name), wanted),
                    progress=_prefixed(run_name, progress),
                    on_start=told.get("on_start"),
                    on_epoch=told.get("on_epoch"),
                    say=told.get("say"),
                )
            trained.append(_measured(run, name, seed))
    progress("all trainings", len(trained), len(trained))
    return trained


def _there(folder: Path, name: str, job: TrainingJob, fingerprints: Mapping[str, str]) -> Run | None:
    """Return the run if it exists, after checking that it has the same job, and the same data where that is known.

    Raises:
        WorkbenchError: if it has another one.
    """
    if not (folder / name / MANIFEST).is_file():
        return None
    run = open_run(name, folder)
    applied = run.manifest.corrections
    then, now = (
        {**each.recipe.model_dump(), **each.model_dump(include=COMPARED)} for each in (run.manifest.job(), job)
    )
    then["corrections"] = None if applied is None else applied.digest
    now["corrections"] = None if job.corrections is None else job.corrections.digest
    other = ", ".join(f"{key} {then[key]!r} (now {now[key]!r})" for key in now if then[key] != now[key])
    if other:
        raise WorkbenchError(
            f"Run {name!r} exists with other settings: {other}. Delete {run.path}, or give the comparison another "
            "name (--name)."
        )
    known = run.manifest.dataset_fingerprints
    if changed := [part for part, value in fingerprints.items() if known.get(part) != value]:
        raise WorkbenchError(
            f"Run {name!r} was trained on other data: {job.dataset} ({join_names(changed)}) has changed since. Delete "
            f"{run.path}, and start again."
        )
    return run


def _sweep(checkpoint: Checkpoint, job: TrainingJob) -> None:
    """Remove what a training left that was killed when its run was saved, and not yet what it could go on from."""
    if not checkpoint.path.is_dir():
        return
    with suppress(Unavailable), holding(checkpoint.path.parent / checkpoint.name, f"Run {checkpoint.name!r}"):
        if not (checkpoint.path / STATE).is_file() or _begun(checkpoint, job):
            checkpoint.remove()


def _begun(checkpoint: Checkpoint, job: TrainingJob) -> bool:
    """Whether this very training was begun and stopped."""
    try:
        before = checkpoint.read()
    except WorkbenchError:
        return False
    return before is not None and before.job == job


def _prefixed(name: str, progress: Progress) -> Progress:
    def report(what: str, done: int, total: int) -> None:
        progress(f"{name}: {what}", done, total)

    return report


def _measured(run: Run, recipe: str, seed: int) -> RecipeRun:
    manifest = run.manifest
    fingerprint = manifest.dataset_fingerprints.get("test")
    predictions = None if fingerprint is None else run.predictions("test", fingerprint)
    if predictions is None:
        raise WorkbenchError(
            f"Comparing recipes needs test images. Run {run.name!r} has no test predictions: its data "
            f"{manifest.dataset!r} needs a test part."
        )
    return RecipeRun(
        recipe=recipe, seed=seed, correct=predictions.correct, epochs=manifest.epochs, seconds=manifest.seconds
    )


def compare(trained: Sequence[RecipeRun]) -> pd.DataFrame:
    """Compare every recipe with the first.

    There are two sources of chance, each with its interval: the seed (of which there are few), and the sample of test
    images. A recipe has helped, or hurt, only if both are significant: its p-value is the larger of the two, adjusted
    for the number of recipes (Holm 1979).

    Source: Student's t for the seeds, paired as both recipes start from the same weights (Dietterich 1998,
    doi:10.1162/089976698300017197, on what such tests can tell); the mean of the images' paired differences for the
    images, whose variance for one seed is that of McNemar 1947, doi:10.1007/BF02295996.

    Returns:
        One row a recipe: `recipe`, `seeds`; `accuracy` with `accuracy_low` and `accuracy_high` over seeds;
        `difference` to the first with `seeds_low`, `seeds_high`, `images_low`, `images_high`; `chance`, the adjusted
        p-value; `verdict`; `epochs` and `minutes`, means of a training. NaN where there is no such number.
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
        over = f"{_span(row, 'seeds')} over {plural(int(row['seeds']), 'seed')}, {_span(row, 'images')} over the images"
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
