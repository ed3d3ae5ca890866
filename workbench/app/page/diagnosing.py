"""The diagnosis while it is being made: in the background, one at a time, and letting every click go first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.app.page.jobs import Job, Jobs
from workbench.core.progress import reporting
from workbench.diagnosis.diagnose import Diagnosis, diagnose, known_diagnosis
from workbench.models.turns import NEXT, TURNS

if TYPE_CHECKING:
    from workbench.session.session import Session


class Diagnosing:
    """Starts diagnoses, and keeps what they found.

    Attributes:
        jobs: those that run or have run, by key.
    """

    def __init__(self) -> None:
        self.jobs = Jobs(workers=1, keep=8)
        self._found: dict[bool, Diagnosis] = {}

    def diagnosis(self, session: Session, *, quick: bool) -> Diagnosis | None:
        """Return the diagnosis if it was made, now or in an earlier session; asks nothing."""
        if quick not in self._found:
            job = self.jobs.get(_key(quick))
            made = job.value if job is not None and job.done.is_set() else None
            if made is None and job is None:
                made = known_diagnosis(session, quick=quick)
            if made is not None:
                self._found[quick] = made
        return self._found.get(quick)

    def so_far(self, session: Session, *, quick: bool) -> Diagnosis | None:
        """Return what has been answered by now, ranked; asks nothing."""
        return known_diagnosis(session, quick=quick, partly=True)

    def start(self, session: Session, *, quick: bool) -> tuple[str, Job]:
        """Return the key and the job of the diagnosis, begun if need be; the model must be loaded."""
        key = _key(quick)

        def work() -> Diagnosis:
            job = self.jobs.get(key) or Job()
            with reporting(_Steps(job)), TURNS.claimed(NEXT):  # somebody may click meanwhile
                return diagnose(session, quick=quick)

        return key, self.jobs.start(key, work)


class _Steps:
    """Notes the question that is being asked, how far its answer is, and how many are answered; a `Progress`."""

    def __init__(self, job: Job) -> None:
        self._job, self._of = job, 0

    def __call__(self, what: str, done: int, total: int) -> None:
        self._job.progress(what, done, total)  # ends here if nobody wants it any more
        if what == "Diagnosis":
            self._job.parts, self._of = done, total
        asked = f"analysis {min(self._job.parts + 1, self._of)} of {self._of}"
        said = "" if what == "Diagnosis" else f" · {self._job.what}"
        self._job.what, self._job.share = f"{asked}{said}", self._job.parts / max(self._of, 1)


def _key(quick: bool) -> str:
    return "diagnosis-quick" if quick else "diagnosis-whole"
