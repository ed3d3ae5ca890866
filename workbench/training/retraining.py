"""A run once more, on data that was corrected since."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.core.errors import WorkbenchError
from workbench.core.progress import Progress, silent
from workbench.training.corrected_data import Copies, settle
from workbench.training.recipes import TrainingJob
from workbench.training.runs import Run, open_run
from workbench.training.trainer import read_parts, train
from workbench.workspace.correction_source import corrections_from, images_of
from workbench.workspace.place import workspace_of
from workbench.workspace.workspace import Workspace

if TYPE_CHECKING:
    from workbench.workspace.holding import Mark

Said = Workspace | str | Path | None
"""Where corrections are: a workspace, its file, or a table of them; None for the workspace of the data."""


def retrain(
    run: Run | str | Path,
    name: str = "",
    *,
    corrections: Said = None,
    copies: Copies = "",
    seed: int | None = None,
    folder: str | Path | None = None,
    **others: Any,
) -> Run:
    """Train a run once more, with its recipe and seed, on the corrected data.

    Args:
        run: a run, its name or its folder.
        name: of the new run; "<run>-corrected", if not given.
        corrections: a workspace, the path of one, or of a CSV or JSON-lines file; the data's workspace, if not given.
        copies: "exact" leaves out copies of training images, and training images that the validation or test part has
            too; "near" also near, mirrored, turned and shifted ones.
        seed: another one than the run's.
        folder: where runs are kept.
        others: what else `workbench.training.trainer.train` takes: `resume`, `progress`, `on_epoch`, ….

    Raises:
        WorkbenchError: if a correction does not fit the data any more (names the images), or nothing would change.
        Unavailable: if data or corrections are not there, or the disk cannot be written.
    """
    opened = run if isinstance(run, Run) else open_run(run, folder)
    job = opened.manifest.job()
    job = job if seed is None else job.model_copy(update={"seed": seed})
    progress = others.get("progress", silent)
    job = with_corrections(job, corrections, copies=copies, progress=progress)
    return train(name or f"{opened.name}-corrected", job=job, folder=folder, **others)


def with_corrections(
    job: TrainingJob, said: Said = None, *, copies: Copies = "", only_copies: bool = False, progress: Progress = silent
) -> TrainingJob:
    """Return a job on corrected data: what is to be changed is settled now, and is part of the job.

    Args:
        job: on the data as it is.
        said: where the corrections are.
        copies: which copies of images are left out too.
        only_copies: whether nothing else is changed.
        progress: told what is read.

    Raises:
        WorkbenchError: if a correction does not fit the data any more (names the images), or nothing would change.
        Unavailable: if data or corrections are not there.
    """
    marks: list[Mark] = []
    source = "the search for copies"
    if not only_copies:
        marks, source = corrections_of(job, said, progress)
    parts = read_parts(job, progress)
    settled = settle(parts, marks, source=source, copies=copies, words="copies" if only_copies else "corrections")
    return job.model_copy(update={"corrections": settled})


def corrections_of(job: TrainingJob, said: Said = None, progress: Progress = silent) -> tuple[list[Mark], str]:
    """Return the corrections of a job's data, and in words where they were read; see `with_corrections`."""
    images = images_of(job.dataset, data_dir=job.data_dir, progress=progress, **job.reading)
    if said is not None:
        return corrections_from(said, images)
    with Workspace.open(workspace_of(job.dataset), create=False) as opened:
        return corrections_from(opened, images)


def job_again(run: str | Path, *, corrected: bool) -> TrainingJob:
    """Return the job of a run, to train it again.

    Args:
        run: its name or folder.
        corrected: whether corrections are given, which take the place of those that the run was trained with.

    Raises:
        WorkbenchError: if the run was trained on corrected data, and none are given.
    """
    opened = open_run(run)
    if opened.manifest.corrections is not None and not corrected:
        from workbench.training.corrections import CORRECTIONS

        raise WorkbenchError(
            f"Run {opened.name!r} was trained on corrected data. For the same again give its corrections: "
            f"--corrections {opened.path / CORRECTIONS}."
        )
    return opened.manifest.job()
