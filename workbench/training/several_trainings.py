"""Several trainings, each from several seeds: what is there is kept, what was stopped goes on, others may do them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, Unpack

from workbench.core.errors import Unavailable, WorkbenchError
from workbench.core.locks import holding
from workbench.core.params import make
from workbench.core.progress import Progress, reporting, silent
from workbench.core.types import Array
from workbench.core.wording import join_names
from workbench.training.checkpoint import STATE, Checkpoint
from workbench.training.fitting import Row, Start, Tell
from workbench.training.recipes import Recipe, TrainingJob
from workbench.training.runs import MANIFEST, Run, open_run, runs_folder
from workbench.training.trainer import train

COMPARED = {"architecture", "dataset", "seed"}
"""What a run must have been trained with, beside its recipe, to be one of a comparison's."""


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


Divide = Callable[[Mapping[str, TrainingJob], Path, Mapping[str, str]], Mapping[str, str]]
"""Has runs trained by others: jobs by the run's name, the folder of runs, and fingerprints of the data, by part, as far
as they are known. Returns why some could not be trained, by name; the others are there."""


class Told(TypedDict, total=False):
    """Who is told of several trainings.

    Attributes:
        progress: the progress of the current training, with the name of its run, and of "all trainings".
        say: sentences for the user.
        on_run: the name of each run, and whether it has to be trained.
        on_start: the number of epochs, and the device.
        on_epoch: each row of the history.
        on_failure: the name of each run that cannot be trained, and why; the others are trained all the same. Not
            given, the first one ends it with its error.
    """

    progress: Progress
    say: Tell
    on_run: Callable[[str, bool], None]
    on_start: Start
    on_epoch: Callable[[Row], None]
    on_failure: Callable[[str, str], None]


def train_all(
    recipes: Mapping[str, Recipe],
    seeds: Sequence[int],
    *,
    job: TrainingJob,
    prefix: str = "compare",
    folder: str | Path | None = None,
    divide: Divide | None = None,
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
        divide: who trains, if it is not this process.
        told: who is told what.

    Returns:
        All that could be trained, of the recipes that have a seed in common with the first one.

    Raises:
        WorkbenchError: if a run of that name has other settings, the data has no test part, or trainings failed and
            nothing is left to compare.
        Unavailable: if data or disk are not available.
    """
    if len(recipes) < 2:
        raise WorkbenchError(f"A comparison needs at least two recipes. Got {', '.join(recipes) or 'none'}.")
    jobs = {
        name: make(TrainingJob, {**job.model_dump(), "recipe_name": name, "recipe": recipe})
        for name, recipe in recipes.items()
    }
    trained = train_each(
        jobs, seeds, called=lambda name, seed: f"{prefix}-{name}-{seed}", folder=folder, divide=divide, **told
    )
    of_first = {each.seed for each in trained if each.recipe == next(iter(jobs))}
    beside = {each.recipe for each in trained if each.seed in of_first}
    if len(beside) < 2:
        raise WorkbenchError(
            f"There is nothing to compare: no other recipe was trained from a seed that {next(iter(jobs))!r} was "
            "trained from."
        )
    return [each for each in trained if each.recipe in beside]


def train_each(
    jobs: Mapping[str, TrainingJob],
    seeds: Sequence[int],
    *,
    called: Callable[[str, int], str],
    fingerprints: Mapping[str, str] | None = None,
    folder: str | Path | None = None,
    divide: Divide | None = None,
    **told: Unpack[Told],
) -> list[RecipeRun]:
    """Train every job from every seed; existing runs are reused, and one that was stopped is resumed.

    Args:
        jobs: by name; their seeds are replaced.
        seeds: at least one, each once.
        called: gives the run's name from that of its job and its seed.
        fingerprints: of the data, by part, which runs that are there must have been trained on; not given, any.
        folder: where runs are kept.
        divide: who trains, if it is not this process.
        told: who is told what.

    Returns:
        All that could be trained.

    Raises:
        WorkbenchError: as `train_all` does.
    """
    folder, progress = Path(folder or runs_folder()), told.get("progress", silent)
    if not seeds or len(set(seeds)) < len(seeds):
        raise WorkbenchError(f"A comparison needs at least one seed, each once. Got {list(seeds)}.")
    kinds = [(name, seed) for seed in seeds for name in jobs]
    planned = {called(name, seed): (name, jobs[name].model_copy(update={"seed": seed})) for name, seed in kinds}
    known, failed = fingerprints or {}, dict[str, str]()
    if divide is not None:
        failed.update(_divided(divide, {run: job for run, (_, job) in planned.items()}, folder, known, **told))
    trained: list[RecipeRun] = []
    for done, (each, (name, job)) in enumerate(planned.items()):
        run = None if each in failed else _kept(folder, each, job, known)
        progress("all trainings", done, len(planned))
        if divide is None and "on_run" in told:
            told["on_run"](each, run is None)
        if run is None and each not in failed:
            run, failed[each] = _tried(each, job, folder, **told)
        if run is not None:
            trained.append(_measured(run, name, job.seed))
        elif "on_failure" in told:
            told["on_failure"](each, failed[each])
    progress("all trainings", len(planned), len(planned))
    return trained


def _tried(name: str, job: TrainingJob, folder: Path, **told: Unpack[Told]) -> tuple[Run | None, str]:
    """Train a run; return it, or why it cannot be, where somebody is told of that."""
    try:
        return train_one(name, job, folder, **told), ""
    except WorkbenchError as error:
        if isinstance(error, Unavailable) or "on_failure" not in told:
            raise
        return None, str(error)


def _divided(
    divide: Divide, jobs: Mapping[str, TrainingJob], folder: Path, known: Mapping[str, str], **told: Unpack[Told]
) -> Mapping[str, str]:
    """Have others train the runs that are not there; return why some could not be, by name.

    Raises:
        WorkbenchError: if one could not be, and nobody is told of it.
    """
    wanted = {run: job for run, job in jobs.items() if _kept(folder, run, job, known) is None}
    for run in jobs if "on_run" in told else ():
        told["on_run"](run, run in wanted)
    with reporting(told.get("progress", silent)):
        failed = divide(wanted, folder, known) if wanted else {}
    if failed and "on_failure" not in told:
        run, why = next(iter(failed.items()))
        raise WorkbenchError(f"Run {run!r} could not be trained: {why}")
    return failed


def train_one(name: str, job: TrainingJob, folder: Path, **told: Unpack[Told]) -> Run:
    """Train a run, or go on where its training was stopped.

    Args:
        name: of the run.
        job: what is trained.
        folder: where runs are kept.
        told: who is told what.

    Raises:
        WorkbenchError: as `workbench.training.trainer.train` does.
    """
    return train(
        name,
        job=job,
        folder=folder,
        resume=_begun(Checkpoint(folder, name), job),
        progress=_prefixed(name, told.get("progress", silent)),
        on_start=told.get("on_start"),
        on_epoch=told.get("on_epoch"),
        say=told.get("say"),
    )


def _kept(folder: Path, name: str, job: TrainingJob, fingerprints: Mapping[str, str]) -> Run | None:
    """Return the run if it exists, as `there` does, and remove what its training may have left."""
    run = there(folder, name, job, fingerprints)
    if run is not None:
        _sweep(Checkpoint(folder, name), job)
    return run


def there(folder: Path, name: str, job: TrainingJob, fingerprints: Mapping[str, str]) -> Run | None:
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
