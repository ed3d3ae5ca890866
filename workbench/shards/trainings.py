"""Trainings of several runs, each by one worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.core.checksum import record_checksum
from workbench.core.errors import Unavailable
from workbench.core.progress import report
from workbench.core.provenance import code_digest, versions
from workbench.shards.crew import Crew
from workbench.shards.pieces import Pieces, divided
from workbench.shards.store import in_time
from workbench.shards.task import Opened, Task
from workbench.training import distribution
from workbench.training.recipes import TrainingJob
from workbench.training.runs import MANIFEST
from workbench.training.several_trainings import Divide, there, train_one
from workbench.training.trainer import read_parts

TITLE = "all trainings"


@dataclass(frozen=True, kw_only=True)
class TrainingsTask(Task):
    """Trains runs, which are written where one process would write them; one that was stopped is resumed.

    Attributes:
        jobs: by the run's name; all on the same data.
        folder: of the runs.
    """

    jobs: Mapping[str, TrainingJob]
    folder: Path

    def open(self) -> Opened:
        """See `Task`."""
        parts = read_parts(next(iter(self.jobs.values())), report)
        data = {"train": parts.fingerprint, **({} if parts.test is None else {"test": parts.test.fingerprint})}
        made = {"task": "trainings", "data": data, **_same_everywhere()}
        return Pieces(tuple(self.jobs), made, self._train)

    def _train(self, name: str) -> None:
        """Train a run, on the devices of this worker alone."""
        with distribution.using("none"):
            if there(self.folder, name, self.jobs[name], {}) is None:  # else whoever saved it has died since
                train_one(name, self.jobs[name], self.folder, progress=report)


def trainings_by(crew: Crew) -> Divide:
    """Have runs trained by workers, for `train_all` and `prove`.

    A run is what one process makes of its job with as many threads. One that fails is named, the others are trained.
    """

    def divide(jobs: Mapping[str, TrainingJob], folder: Path, fingerprints: Mapping[str, str]) -> Mapping[str, str]:
        task = TrainingsTask(jobs=dict(jobs), folder=folder.absolute())
        of = {"task": "trainings", "folder": str(task.folder), "jobs": _digests(jobs)}

        def known() -> Mapping[str, Any]:
            return {**({"data": dict(fingerprints)} if fingerprints else {}), **_same_everywhere()}

        failed = divided(task, crew, TITLE, of, known)
        for name in jobs.keys() - failed.keys():
            _see(task.folder / name)
        return failed

    return divide


def _see(run: Path) -> None:
    """Wait for a run that a worker has saved, which would be trained once more where it is not seen.

    Raises:
        Unavailable: if it does not come.
    """
    if not in_time((run / MANIFEST).is_file):
        raise Unavailable(f"{run} was trained by a worker, and is not here: put it on a disk that all workers share.")


def _digests(jobs: Mapping[str, TrainingJob]) -> dict[str, str]:
    return {name: record_checksum(job.model_dump(mode="json")) for name, job in jobs.items()}


def _same_everywhere() -> dict[str, Any]:
    return {"code": code_digest(), "versions": versions()}
